"""Which stages an update makes run again, and why: what dvc.yaml declares before and after, with the values that stand there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.code import file_code_hash
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.values import flatten, load_foreign_yaml
from mlops_kit.compare.changes import compare_stages
from mlops_kit.compare.model import StageChange
from mlops_kit.compare.pipeline import build_pipeline
from mlops_kit.errors import SpecError

PIPELINE = "dvc.yaml"
PARAMS = "params.yaml"
_ABSENT = object()


@dataclass(frozen=True)
class Snapshot:
    """What the stages of a project depend on at one moment, as a lock file would record it; outputs of stages have no content here."""

    stages: Mapping[str, LockedStage]

    @staticmethod
    def of(root: Path) -> Snapshot:
        """Read the pipeline of the project at `root`; empty when it has none that can be read."""
        try:
            declared = _load(root, PIPELINE).get("stages") or {}
        except SpecError:
            return Snapshot({})
        entries = {name: stage for name, stage in declared.items() if isinstance(stage, dict)}
        outs = {path for stage in entries.values() for path in _outs(stage)}
        files: dict[str, Any] = {}
        return Snapshot({name: _stage(root, stage, outs, files) for name, stage in entries.items()})


def stale_stages(
    before: Snapshot, after: Snapshot, *, kits: tuple[str, str]
) -> tuple[tuple[StageChange, ...], tuple[str, ...]]:
    """Return the stages that will run again, and the names of those behind them; `kits` are versions of mlops-kit, old and new."""
    changes = compare_stages(before.stages, after.stages, kits=kits)
    running = tuple(change for change in changes if change.kind in ("added", "rerun"))
    reached = {change.name for change in running}
    following = []
    for node in build_pipeline(before.stages, after.stages, changes):
        if node.name in after.stages and node.name not in reached and reached & set(node.after):
            reached.add(node.name)
            following.append(node.name)
    return running, tuple(following)


def _stage(root: Path, stage: Mapping[str, Any], outs: set[str], files: dict[str, Any]) -> LockedStage:
    deps = {path: "" if path in outs else _hash(root / path) for path in _paths(stage.get("deps"))}
    params = dict(_params(root, stage.get("params") or [], files))
    return LockedStage(str(stage.get("cmd", "")), deps, params, dict.fromkeys(_outs(stage), ""))


def _hash(path: Path) -> str:
    """Return a hash of a file of the project, of its code alone where it is Python: comments rerun nothing.

    Folders and files that are not here are data, which an update does not touch.
    """
    if path.suffix not in (".py", ".yaml") or not path.is_file():
        return ""
    return file_code_hash(path) or hashlib.sha256(path.read_bytes()).hexdigest()


def _params(root: Path, named: list[Any], files: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for item in named:
        for file, keys in (item if isinstance(item, dict) else {PARAMS: [item]}).items():
            values = files.setdefault(file, _load(root, file))
            for key in keys or list(values):
                found = _lookup(values, str(key).split("."))
                if found is not _ABSENT:
                    yield from ((f"{file}:{name}", leaf) for name, leaf in flatten(found, str(key)))


def _lookup(values: Any, parts: list[str]) -> Any:
    """Return the value behind a dotted key; a part of it may hold dots itself."""
    if not parts:
        return values
    if not isinstance(values, dict):
        return _ABSENT
    for length in range(len(parts), 0, -1):
        found = _lookup(values.get(".".join(parts[:length]), _ABSENT), parts[length:])
        if found is not _ABSENT:
            return found
    return _ABSENT


def _load(root: Path, name: str) -> dict[str, Any]:
    path = root / name
    value = load_foreign_yaml(path.read_bytes(), name) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _outs(stage: Mapping[str, Any]) -> list[str]:
    return [path for section in ("outs", "metrics", "plots") for path in _paths(stage.get(section))]


def _paths(section: Any) -> list[str]:
    return [str(next(iter(item))) if isinstance(item, dict) else str(item) for item in section or []]
