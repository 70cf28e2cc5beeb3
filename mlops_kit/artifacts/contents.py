"""The content of declared files, wherever it is: in git, in the DVC cache or on the remote; a folder gives all its files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_kit.artifacts.store import DIRECTORY, Store, open_store
from mlops_kit.artifacts.trees import Tree
from mlops_kit.errors import BadDataError


@dataclass(frozen=True)
class Lost:
    """Why a file cannot be read, after `it`, and the command that mends it."""

    reason: str
    fix: str


class Contents:
    """Reads files of one side by path. `recorded` is path -> content hash as lock and .dvc files have it."""

    def __init__(self, root: Path, tree: Tree, recorded: Mapping[str, str], *, committed: bool) -> None:
        self._root = root
        self._tree = tree
        self._recorded = recorded
        self._committed = committed
        self._files: dict[str, bytes] = {}
        self._complaint = ""

    @cached_property
    def _store(self) -> Store:
        return open_store(self._root)

    def want(self, paths: Iterable[str], *, fetch: bool) -> None:
        """Prepare to read `paths`: those in git at once, and with `fetch` what only a remote has in one go."""
        wanted = list(dict.fromkeys(paths))
        self._files.update(self._tree.read(wanted))
        rest = [path for path in wanted if path not in self._files]
        for _ in range(2):  # first the listings of folders, then the files that they name
            missing = {digest for path in rest for digest in self._missing(path)}
            if missing and fetch and self._store.elsewhere:
                from mlops_kit.artifacts.remote_store import fetch_objects

                _, self._complaint = fetch_objects(self._root, sorted(missing))

    def get(self, path: str) -> Mapping[str, bytes] | Lost:
        """Return path -> content: of the file itself, or of all files of the folder `path`."""
        if path in self._files:
            return {path: self._files[path]}
        below = self._below(path)
        if below:
            return below
        try:
            return self._recorded_files(path)
        except BadDataError as error:
            return Lost(f"its content cannot be used: {error.message}", error.fix)

    def locate(self, path: str) -> tuple[Path, str] | Lost:
        """Return the file that holds the content recorded for `path`, and its hash."""
        digest = self._digest(path)
        if not digest:
            return Lost("no run of it is recorded in dvc.lock", self._rerun)
        found = self._store.find(digest)
        return (found, digest) if found is not None else self._not_here(path)

    @property
    def _rerun(self) -> str:
        return "mlops-kit run, or dvc repro, then commit dvc.lock"

    def _below(self, path: str) -> dict[str, bytes]:
        """Return the files of a folder that git tracks, or that lies in the work tree."""
        prefix = f"{path}/"
        names = [name for name in self._tree.names() if name.startswith(prefix)]
        here = self._root / path
        if not names and not self._committed and here.is_dir():
            names = [found.relative_to(self._root).as_posix() for found in here.rglob("*") if found.is_file()]
        return dict(self._tree.read(name for name in names if posixpath.basename(name) != ".gitignore"))

    def _recorded_files(self, path: str) -> Mapping[str, bytes] | Lost:
        digest = self._digest(path)
        if not digest:
            return self._nowhere(path)
        if digest.endswith(DIRECTORY):
            listing = self._store.listing(digest)
            names = {f"{path}/{name}": file for name, file in (listing or {}).items()}
        else:
            names = {path: digest}
        found = {
            name: content for name, file in names.items() if (content := self._store.read(file)) is not None
        }
        return found if names and len(found) == len(names) else self._not_here(path)

    def _missing(self, path: str) -> Iterator[str]:
        """Yield the objects that `path` needs and that are in no folder here."""
        around = self._around(path)
        if around and self._store.find(around[1]) is None:
            yield around[1]
            return
        digest = self._digest(path)
        if len(digest) < 32:
            return
        if self._store.find(digest) is None:
            yield digest
        elif digest.endswith(DIRECTORY):
            listing = self._store.listing(digest) or {}
            yield from (file for file in listing.values() if self._store.find(file) is None)

    def _digest(self, path: str) -> str:
        """Return the hash recorded for `path`, or by the listing of a folder around it; empty if there is none."""
        if path in self._recorded:
            return self._recorded[path]
        around = self._around(path)
        if not around:
            return ""
        folder, digest = around
        return (self._store.listing(digest) or {}).get(posixpath.relpath(path, folder), "")

    def _around(self, path: str) -> tuple[str, str] | None:
        """Return the recorded folder that holds `path`, with its hash."""
        folder = posixpath.dirname(path)
        while folder and path not in self._recorded:
            if self._recorded.get(folder, "").endswith(DIRECTORY):
                return folder, self._recorded[folder]
            folder = posixpath.dirname(folder)
        return None

    def _nowhere(self, path: str) -> Lost:
        submodule = self._tree.submodule_of(path)
        if submodule:
            return Lost(
                f"lies in the submodule {submodule}, which is not here",
                f"git submodule update --init -- {submodule}",
            )
        around = self._around(path)
        if around:
            return self._not_here(around[0])
        return Lost("is neither in git nor in the DVC cache", self._rerun)

    def _not_here(self, path: str) -> Lost:
        if self._complaint:
            from mlops_kit.outside.dvc import missing_plugin

            plugin = missing_plugin(self._complaint)
            fix = f"pip install {plugin}" if plugin else f"dvc fetch {path}"
            return Lost(f"is not in the DVC cache, and the remote could not be read: {self._complaint}", fix)
        if len(self._store.folders) > 1 or self._store.elsewhere:
            reason = "is recorded in dvc.lock, but is not in the DVC cache, and no remote has it"
            return Lost(
                reason,
                f"dvc push where it was made, then dvc fetch {path}; or make it again at that commit: dvc repro",
            )
        reason = "is recorded in dvc.lock, but is not in the DVC cache, and no remote is configured"
        return Lost(
            reason,
            "make it again at that commit: dvc repro; or name where it was pushed: dvc remote add -d NAME URL",
        )
