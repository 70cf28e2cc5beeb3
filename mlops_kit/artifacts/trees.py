"""The files of one side, whether they lie in the work tree, in a commit, or in a submodule of either."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader


class Tree(Protocol):
    """Files of one side."""

    def names(self) -> Iterable[str]:
        """Return all file names below the root, with `/` between folders."""
        ...

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist."""
        ...

    def submodule_of(self, path: str) -> str | None:
        """Return the submodule that holds `path` and whose files are not here, None if there is none."""
        ...


class WorkTree:
    """The files as they lie in the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterable[str]:
        """Return the tracked files, and the untracked pipeline files at the root."""
        return self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset({*git.tracked_files(self._root), "dvc.yaml", "dvc.lock"})

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist."""
        return {path: (self._root / path).read_bytes() for path in paths if (self._root / path).is_file()}

    def read_one(self, path: str) -> bytes | None:
        """Return the content of a file, None if there is none."""
        return self.read([path]).get(path)

    def submodule_of(self, path: str) -> str | None:
        """Return the folder around `path` that git tracks and that is an empty submodule here."""
        around = (parent.as_posix() for parent in Path(path).parents)
        return next(
            (name for name in around if name in self._names and not any((self._root / name).iterdir())), None
        )


class CommitTree:
    """The files of a commit."""

    def __init__(self, root: Path, sha: str, blobs: BlobReader) -> None:
        self._root = root
        self._sha = sha
        self._blobs = blobs

    @cached_property
    def _listing(self) -> git.TreeListing:
        return git.list_tree(self._root, self._sha)

    def names(self) -> Iterable[str]:
        """Return all files of the commit below the root."""
        return self._listing.files

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist; in a submodule, as of the commit that is recorded for it."""
        wanted = list(paths)
        found = dict(self._blobs.read(self._sha, wanted))
        for folder, commit in self._listing.submodules.items():
            inside = [path for path in wanted if path not in found and path.startswith(f"{folder}/")]
            if inside and git.find_commit(self._root / folder, commit):
                with BlobReader(self._root / folder) as blobs:
                    content = blobs.read(commit, [posixpath.relpath(path, folder) for path in inside])
                found.update({f"{folder}/{path}": blob for path, blob in content.items()})
        return found

    def submodule_of(self, path: str) -> str | None:
        """Return the submodule around `path` whose recorded commit is not here."""
        for folder, commit in self._listing.submodules.items():
            if path.startswith(f"{folder}/") and not git.find_commit(self._root / folder, commit):
                return folder
        return None
