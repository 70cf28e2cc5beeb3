"""What dvc.lock says of a stage, made from what its files hold now."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.artifacts.freshness import Freshness
from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.templating import DEFAULT_PARAMS
from mlops_kit.artifacts.values import parse_values
from mlops_kit.errors import BadDataError, SpecError

# What our reader of YAML takes otherwise than DVC's: anchors, tags, dates, numbers with underscores.
_ODD = re.compile(rb"[&*!]|<<|\d{4}-\d|\d_\d")


class Entries:
    """Builds entries; parameter files are read once as long as they do not change."""

    def __init__(self, freshness: Freshness, *, elsewhere: bool = False) -> None:
        """Begin with a work tree; `elsewhere` says that a dependency which is not here is what the stage that writes it recorded."""
        self._freshness = freshness
        self._elsewhere = elsewhere
        self._params: dict[str, tuple[bytes, Any]] = {}

    def inputs(self, stage: DeclaredStage) -> dict[str, Any]:
        """Return the entry without its outputs: command, dependencies, parameters. Raises SpecError, BadDataError, OSError."""
        entry: dict[str, Any] = {"cmd": list(stage.commands) if stage.listed else stage.cmd}
        if deps := [self._file(stage, path) for path in self._sorted(stage, stage.deps)]:
            entry["deps"] = deps
        if stage.params:
            entry["params"] = self._values(stage)
        return entry

    def whole(self, stage: DeclaredStage) -> dict[str, Any]:
        """Return the whole entry. Raises SpecError, BadDataError, OSError."""
        entry = self.inputs(stage)
        if outs := [
            self._file(stage, path) for path in self._sorted(stage, [out.path for out in stage.outs])
        ]:
            entry["outs"] = outs
        return entry

    def _sorted(self, stage: DeclaredStage, paths: Any) -> list[str]:
        return sorted(paths, key=lambda path: written(stage, path))

    def _file(self, stage: DeclaredStage, path: str) -> dict[str, Any]:
        found = self._freshness.look(path)
        if found is None and (recorded := self._recorded(stage, path)):
            return {**recorded, "path": written(stage, path)}
        if found is None:
            raise BadDataError(
                f"stage `{stage.name}`: {path} does not exist", fix=f"mlops-kit why {stage.name}"
            )
        entry: dict[str, Any] = {
            "path": written(stage, path),
            "hash": "md5",
            "md5": found.md5,
            "size": found.size,
        }
        if found.md5.endswith(LISTING):
            entry["nfiles"] = len(self._freshness.members(path))
        elif is_executable(self._freshness.root / path):
            entry["isexec"] = True
        return entry

    def _recorded(self, stage: DeclaredStage, path: str) -> Mapping[str, Any] | None:
        """Return what is recorded of an output that the stage reads and that is on the remote alone."""
        if not self._elsewhere or path not in stage.deps:
            return None
        pipelines = self._freshness.pipelines
        for name, dep in pipelines.inputs[stage.name]:
            writer, lock = pipelines.stages[name], self._freshness.recorded(name)
            if dep != path or lock is None or path not in (out.path for out in writer.outs):
                continue
            items = (
                item for item in lock.entry.get("outs") or [] if item.get("path") == written(writer, path)
            )
            return next((item for item in items if item.get("md5") and item.get("hash") == "md5"), None)
        return None

    def _values(self, stage: DeclaredStage) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for file in self._sorted(stage, stage.params):
            values = self._parsed(stage, file)
            keys = stage.params[file]
            chosen = {key: value_at(values, key, file) for key in keys} if keys else dict(values)
            found[posixpath.relpath(file, stage.base)] = {key: chosen[key] for key in sorted(chosen)}
        first = {DEFAULT_PARAMS: found[DEFAULT_PARAMS]} if DEFAULT_PARAMS in found else {}
        return {**first, **found}

    def _parsed(self, stage: DeclaredStage, file: str) -> Any:
        try:
            content = (self._freshness.root / file).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise SpecError(
                f"stage `{stage.name}` reads its parameters, and it is not there", where=file
            ) from None
        known = self._params.get(file)
        if known is None or known[0] != content:
            known = self._params[file] = (content, _parse(file, content))
        return known[1]


def written(stage: DeclaredStage, path: str) -> str:
    """Return a path as dvc.lock has it: as it is written in dvc.yaml."""
    if path in stage.spelled:
        return stage.spelled[path]
    return path if "://" in path or posixpath.isabs(path) else posixpath.relpath(path, stage.base)


def is_executable(path: Path) -> bool:
    """Return whether anybody may run a file."""
    return os.name != "nt" and bool(path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


def value_at(values: Any, key: str, file: str) -> Any:
    """Return the value at a dotted key as DVC finds it. Raises SpecError when there is none."""
    found = values
    for part in key.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return _searched(values, key, file)
    return found


def _searched(values: Any, key: str, file: str) -> Any:
    """Return what the library that DVC uses finds: keys that are numbers, patterns."""
    import dpath

    try:
        return dpath.get(values, key, separator=".")
    except (KeyError, ValueError):
        raise SpecError(
            f"has no `{key}`, which a stage reads", where=file, fix=f"add `{key}` to {file}"
        ) from None


def _parse(file: str, content: bytes) -> Any:
    if file.endswith((".json", ".toml", ".py")) or not _ODD.search(content):
        return parse_values(file, content) or {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(content) or {}
    except YAMLError as error:
        raise SpecError(f"is not valid YAML: {str(error).splitlines()[0]}", where=file) from None
