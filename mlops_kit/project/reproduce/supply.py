"""Recorded content, wherever it is: in the commit, in the DVC cache, on a remote, or made again by the stage that writes it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from mlops_kit.artifacts.fingerprint import Fingerprint, fingerprint
from mlops_kit.artifacts.store import DIRECTORY, Store
from mlops_kit.errors import BadDataError
from mlops_kit.project.reproduce.sources import Recorded


class Supply:
    """Finds content by its recorded hash and puts copies of it into folders.

    Copies, never links: a stage that opens an input for writing would change the cache through a link.
    """

    def __init__(self, store: Store, tree: Path, parts: Mapping[str, str], kept: Path) -> None:
        self._store = store
        self._tree = tree
        self._parts = parts
        self._kept_in = kept
        self._kept: dict[str, Path] = {}
        self._in_tree: dict[str, Fingerprint | None] = {}
        self._lock = threading.Lock()

    def has(self, path: str, digest: str) -> bool:
        """Return whether the content recorded for `path` can be had here."""
        return not self.lacking(path, digest)

    def lacking(self, path: str, digest: str) -> frozenset[str]:
        """Return the objects that are missing for the content recorded for `path`; empty when all is here."""
        if digest in self._kept or self._in_commit(path, digest):
            return frozenset()
        lost = self._lacking_object(digest)
        outer = self._outer(path) if lost else None
        if outer and self._parts[outer] in self._kept:
            return frozenset()
        if lost and digest.endswith(DIRECTORY):
            # A folder inside an output, or one that several stages write, has no listing of its own.
            if outer:
                return self._lacking_object(self._parts[outer])
            inner = self._inner(path)
            if inner:
                return frozenset().union(*(self.lacking(part, self._parts[part]) for part in inner))
        return lost

    def find(self, path: str, digest: str) -> Path | None:
        """Return the file or folder with the content recorded for `path`, None when it is not here as such."""
        if digest in self._kept:
            return self._kept[digest]
        if self._in_commit(path, digest):
            return self._tree / path
        return None if digest.endswith(DIRECTORY) else self._store.find(digest)

    def materialize(self, path: str, digest: str, target: Path) -> Path | None:
        """Return a file or folder with the content recorded for `path`, made at `target` where it lies nowhere as such; None if it is gone."""
        found = self.find(path, digest)
        if found is not None:
            return found
        return target if self._put(path, digest, target) else None

    def keep(self, digest: str, made: Path) -> None:
        """Take the file or folder `made`, whose content is that of `digest`, for stages that need it and find it nowhere else."""
        with self._lock:
            if digest not in self._kept:
                target = self._kept_in / digest
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(made, target)
                self._kept[digest] = target

    def place(self, recorded: Recorded, target: Path) -> str:
        """Put the recorded content at `target`, where perhaps a file of the commit is already, and check it.

        Returns why that cannot be, empty when it is done.
        """
        if recorded.digest and not self._put(recorded.path, recorded.digest, target):
            return f"its recorded input {recorded.path} is neither in the commit nor in the DVC cache nor on a remote"
        return check(recorded, target)

    def _put(self, path: str, digest: str, target: Path) -> bool:
        if self._in_commit(path, digest):
            return _copy(self._tree / path, target) if not target.exists() else True
        source = self.find(path, digest)
        if source is not None:
            return _copy(source, target)
        outer = self._outer(path)
        if outer and self._parts[outer] in self._kept:
            return _copy(self._kept[self._parts[outer]] / Path(path).relative_to(outer), target)
        if not digest.endswith(DIRECTORY):
            return False
        listing = self._listing(digest)
        if listing is None and outer:
            below = f"{Path(path).relative_to(outer).as_posix()}/"
            around = self._listing(self._parts[outer]) or {}
            listing = {n.removeprefix(below): file for n, file in around.items() if n.startswith(below)}
        if listing:
            found = {name: self._store.find(file) for name, file in listing.items()}
            return all(one is not None and _copy(one, target / name) for name, one in found.items())
        if listing is not None:
            target.mkdir(parents=True, exist_ok=True)
            return True
        inner = self._inner(path)
        return bool(inner) and all(
            self._put(part, self._parts[part], target / Path(part).relative_to(path)) for part in inner
        )

    def _in_commit(self, path: str, digest: str) -> bool:
        if path.startswith("..") or os.path.isabs(path) or "://" in path:  # noqa: PTH117 - a path in data
            return False
        with self._lock:
            if path not in self._in_tree:
                self._in_tree[path] = fingerprint(self._tree / path)
        held = self._in_tree[path]
        return held is not None and held.is_recorded_as(digest)

    def _lacking_object(self, digest: str) -> frozenset[str]:
        if self._store.find(digest) is None:
            return frozenset({digest})
        if not digest.endswith(DIRECTORY):
            return frozenset()
        listing = self._listing(digest) or {}
        return frozenset(file for file in listing.values() if self._store.find(file) is None)

    def _listing(self, digest: str) -> dict[str, str] | None:
        try:
            return self._store.listing(digest)
        except BadDataError:
            return None

    def _inner(self, path: str) -> list[str]:
        return [part for part in self._parts if part.startswith(f"{path}/")]

    def _outer(self, path: str) -> str | None:
        around = (parent.as_posix() for parent in Path(path).parents)
        return next((part for part in around if self._parts.get(part, "").endswith(DIRECTORY)), None)


def check(recorded: Recorded, place: Path) -> str:
    """Return why the content at `place` is not the recorded one; empty when it is."""
    found = fingerprint(place)
    if found is None:
        return f"its recorded input {recorded.path} does not exist"
    if recorded.hashed and not found.is_recorded_as(recorded.digest):
        return f"its input {recorded.path} is not the recorded one (MD5 {found.hash.md5[:12]}, recorded {recorded.digest[:12]})"
    if recorded.sha256 and found.hash.sha256 != recorded.sha256:
        return (
            f"its input {recorded.path} has the recorded MD5 and another SHA-256: it was replaced by a twin"
        )
    return ""


def _copy(source: Path, target: Path) -> bool:
    """Copy a file or folder to `target`, writable, whatever was there."""
    if source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_file():
                _copy(file, target / file.relative_to(source))
        target.mkdir(parents=True, exist_ok=True)
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()
    shutil.copyfile(source, target)
    return True
