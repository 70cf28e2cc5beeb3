"""What a stage would find in DVC's run cache, and where content can be had, looked up without changing anything."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.costs import cost_key
from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.evidence import hash_path
from mlops_kit.artifacts.freshness import Cause
from mlops_kit.artifacts.places import Place, is_digest, read_places
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.values import load_foreign_yaml, parse_values
from mlops_kit.errors import SpecError


@dataclass(frozen=True)
class RememberedRun:
    """The outputs that a stage would get back."""

    outs: Mapping[str, str]
    """Path -> digest."""
    source: str
    """`lock` when dvc.lock records them for what the stage reads now, else `run cache`."""


class Supply:
    """Where content can be had."""

    def __init__(self, root: Path, *, pull: bool) -> None:
        places = read_places(root)
        self._root = root
        self._cache: Place = places.cache
        self._pull = pull
        self._remotes = [remote.place for remote in places.remotes if remote.place is not None]
        self._behind_network = any(remote.place is None for remote in places.remotes)

    def is_here(self, path: str) -> bool:
        """Return whether something is at `path` in the work tree."""
        return (self._root / path).exists()

    def in_cache(self, digest: str) -> bool:
        """Return whether the cache has an object, of a folder with all its files."""
        return _holds(self._cache, digest)

    def can_be_had(self, digest: str) -> bool:
        """Return whether a run would get an object: from the cache or, if it may fetch, from a remote that is a folder."""
        return self.in_cache(digest) or (self._pull and any(_holds(place, digest) for place in self._remotes))

    def sort(
        self, wanted: Mapping[str, str], size: Callable[[str], int]
    ) -> tuple[dict[str, int], dict[str, int], tuple[str, ...]]:
        """Return of `wanted` (path -> digest) what is fetched and what is checked out, each with its bytes, and what nobody has.

        What may be on a remote behind a network counts as fetched.
        """
        fetched: dict[str, int] = {}
        checked_out: dict[str, int] = {}
        lost: list[str] = []
        for path, digest in wanted.items():
            if digest and self.in_cache(digest):
                checked_out[path] = size(path) or self._size(digest)
            elif self._pull and digest and (self.can_be_had(digest) or self._behind_network):
                fetched[path] = size(path) or self._size(digest)
            else:
                lost.append(path)
        return fetched, checked_out, tuple(lost)

    def _size(self, digest: str) -> int:
        for place in (self._cache, *self._remotes):
            if not digest.endswith(".dir") and (found := place.find(digest)):
                return found.stat().st_size
        return 0

    def entries(self, key: str) -> list[Path]:
        """Return the run-cache entries of a stage key, the one that was written last first; the cache's before a remote's."""
        found: list[Path] = []
        for place in (self._cache, *(self._remotes if self._pull else ())):
            try:
                names = [
                    path for path in (place.folder / "runs" / key[:2] / key).iterdir() if is_key(path.name)
                ]
            except OSError:
                continue
            found += sorted(names, key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return found


class Remembered:
    """Looks up what stages have written before."""

    def __init__(self, root: Path, hashes: StatCache, supply: Supply) -> None:
        self._root = root
        self._hashes = hashes
        self._supply = supply
        self._params: dict[str, Any] = {}

    def find(
        self,
        stage: DeclaredStage,
        lock: LockedStage | None,
        causes: Sequence[Cause],
        coming: Mapping[str, str],
    ) -> RememberedRun | None:
        """Return what `stage`, which has changed for `causes`, would get back instead of running, None if it would run.

        `coming` is path -> digest of what other stages will have got back before it.
        """
        if any(out.persist for out in stage.outs) or not stage.outs or not (stage.deps or stage.params):
            return None
        if lock is not None and all(cause.kind == "out" for cause in causes):
            outs = {out.path: lock.outs.get(out.path, "") for out in stage.outs}
            if all(outs.values()):
                return self._usable(outs, "lock")
        entry = self._entry(stage, coming)
        newest = next(iter(self._supply.entries(cost_key(entry))), None) if entry else None
        if newest is None:
            return None
        try:
            value = load_foreign_yaml(newest.read_bytes(), str(newest))
            written = {
                posixpath.normpath(posixpath.join(stage.base, item["path"])): str(item["md5"])
                for item in value["outs"]
            }
        except (OSError, SpecError, KeyError, TypeError):
            return None
        if {out.path for out in stage.outs} - written.keys():
            return None
        return self._usable(written, "run cache")

    def _usable(self, outs: Mapping[str, str], source: str) -> RememberedRun | None:
        there = all(is_digest(digest) and self._supply.can_be_had(digest) for digest in outs.values())
        return RememberedRun(outs, source) if there else None

    def _entry(self, stage: DeclaredStage, coming: Mapping[str, str]) -> dict[str, Any] | None:
        """Return what dvc.lock would say of what goes into the stage; None when that cannot be known here."""
        entry: dict[str, Any] = {"cmd": list(stage.commands) if stage.listed else stage.cmd}
        deps = []
        for path in stage.deps:
            digest = coming.get(path) or self._digest(path)
            if not digest:
                return None
            made: dict[str, Any] = {"path": posixpath.relpath(path, stage.base), "hash": "md5", "md5": digest}
            if not digest.endswith(".dir") and path not in coming and _is_executable(self._root / path):
                made["isexec"] = True
            deps.append(made)
        if deps:
            entry["deps"] = sorted(deps, key=lambda made: str(made["path"]))
        try:
            if stage.params:
                entry["params"] = self._values(stage)
        except (OSError, SpecError, KeyError, TypeError, IndexError, ValueError):
            return None
        entry["outs"] = [
            {"path": path} for path in sorted(posixpath.relpath(out.path, stage.base) for out in stage.outs)
        ]
        return entry

    def _digest(self, path: str) -> str:
        if "://" in path:
            return ""
        found = hash_path(self._root / path, self._hashes)
        return found.md5 if found else ""

    def _values(self, stage: DeclaredStage) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for file, keys in stage.params.items():
            if file not in self._params:
                self._params[file] = parse_values(file, (self._root / file).read_bytes()) or {}
            values = self._params[file]
            found[posixpath.relpath(file, stage.base)] = (
                {key: _at(values, key) for key in keys} if keys else values
            )
        return found


def is_key(name: str) -> bool:
    """Return whether a name is that of a run-cache entry."""
    return len(name) == 64 and all(sign in "0123456789abcdef" for sign in name)


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[int(part)] if isinstance(values, list) else values[part]
    return values


def _holds(place: Place, digest: str) -> bool:
    if not is_digest(digest) or place.find(digest) is None:
        return False
    members = place.members(digest) if digest.endswith(".dir") else {}
    return members is not None and all(place.find(member) for member in members.values())


def _is_executable(path: Path) -> bool:
    return os.name != "nt" and bool(path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
