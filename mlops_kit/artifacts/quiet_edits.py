"""Edits of comments and layout alone: dvc.lock takes the new text of the file, as `dvc commit` would, and nothing runs again."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.freshness import GONE, NOT_CACHED, Freshness, StageFreshness
from mlops_kit.artifacts.hashing import FileHash
from mlops_kit.artifacts.statcache import StatCache, replace_text
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.outside.run_lock import hold_dvc


@dataclass(frozen=True)
class QuietEdit:
    """A file whose comments or layout changed."""

    path: str
    """The file."""
    stages: tuple[str, ...]
    """Stages that would have run for it alone."""


def accept_quiet_edits(root: Path, *, allow_missing: bool = False) -> tuple[QuietEdit, ...]:
    """Record in the locks of the DVC repository at `root` the new text of Python files whose code is the recorded one; return them.

    That is done for stages in which nothing else has changed; with `allow_missing`, data that is not here is no change. The code that
    was recorded stands in .mlops/evidence.json. Raises SpecError when a pipeline or lock file cannot be read.
    """
    if not read_evidence(root):
        return ()
    cache = StatCache(root)
    missing = (GONE, NOT_CACHED) if allow_missing else ()
    stages = [
        stage
        for stage in Freshness(root, cache=cache).stages()
        if stage.quiet
        and not any(cause.new not in missing or cause.kind == "param" for cause in stage.causes)
    ]
    by_lock: dict[str, list[StageFreshness]] = {}
    for stage in stages:
        folder = posixpath.dirname(stage.name.rpartition(":")[0])
        by_lock.setdefault(posixpath.join(folder, "dvc.lock"), []).append(stage)
    for lock, found in by_lock.items():
        with hold_dvc(root):
            _update(root, lock, found, cache)
    cache.save()
    paths = sorted({path for stage in stages for path in stage.quiet})
    return tuple(QuietEdit(path, tuple(s.name for s in stages if path in s.quiet)) for path in paths)


def _update(root: Path, lock: str, stages: list[StageFreshness], cache: StatCache) -> None:
    path = root / lock
    # Line ends are kept as they are.
    text = path.read_bytes().decode("utf-8")
    wanted = {
        (stage.name.rpartition(":")[2], posixpath.relpath(file, stage.base)): cache.hash(root / file)
        for stage in stages
        for file in stage.quiet
    }
    changed = rewrite_lock(text, wanted)
    if load_foreign_yaml(changed, lock) != _expected(load_foreign_yaml(text, lock), wanted):
        return  # of a form that is not DVC's own: it stays as it is, and the stage runs
    replace_text(path, changed)


def rewrite_lock(text: str, wanted: Mapping[tuple[str, str], FileHash]) -> str:
    """Return the text of a dvc.lock with other hashes and sizes of dependencies, (stage, path) -> hash; all else stays as written."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    edits = sorted(_edits(yaml.compose(text, Loader=loader), wanted), reverse=True)
    for start, end, new in edits:
        text = text[:start] + new + text[end:]
    return text


def _edits(document: Any, wanted: Mapping[tuple[str, str], FileHash]) -> Iterator[tuple[int, int, str]]:
    for name, stage in _items(_get(document, "stages")):
        for dep in getattr(_get(stage, "deps"), "value", ()):
            found = wanted.get((name, getattr(_get(dep, "path"), "value", "")))
            for key, node in _items(dep) if found else ():
                if found and key in ("md5", "size"):
                    new = found.md5 if key == "md5" else str(found.size)
                    yield node.start_mark.index, node.end_mark.index, new


def _items(node: Any) -> list[tuple[str, Any]]:
    value = getattr(node, "value", None)
    return [(key.value, item) for key, item in value] if isinstance(value, list) and value else []


def _get(node: Any, key: str) -> Any:
    return next((item for name, item in _items(node) if name == key), None)


def _expected(value: Any, wanted: Mapping[tuple[str, str], FileHash]) -> Any:
    for (stage, path), found in wanted.items():
        for dep in value["stages"][stage]["deps"]:
            if dep["path"] == path:
                dep["md5"] = found.md5
                if "size" in dep:
                    dep["size"] = found.size
    return value
