"""Content of many commits and of the work tree by git's ids, and what is said of content that cannot be used."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlops_kit.artifacts.commit_trees import SUBMODULE, TreeFile, TreeReader
from mlops_kit.artifacts.metric_state import SHA, Lost
from mlops_kit.errors import MlopsKitError
from mlops_kit.outside.gitobjects import ObjectReader

Find = Callable[[Mapping[str, Iterable[str]]], Mapping[tuple[str, str], str]]
"""Returns (tree, path) -> blob (of a folder: its tree) for those of the wanted paths that are there."""


class Blobs:
    """Holds the content that the commits at hand need; `forget` drops it."""

    def __init__(self, root: Path, objects: ObjectReader, prefix: str) -> None:
        self.trees = TreeReader(objects, prefix)
        """Finds files in commits."""
        self.contents: dict[str, bytes] = {}
        """Blob -> content."""
        self.folders: dict[str, tuple[TreeFile, ...]] = {}
        """Tree -> its files, with their paths in it."""
        self._root = root
        self._objects = objects
        self._prefix = prefix
        self._top = root.resolve().parents[prefix.count("/") - 1] if prefix else root

    def forget(self) -> None:
        """Drop content; what it meant is remembered by those who asked for it."""
        self.contents.clear()
        self.trees.forget()

    def find_on_disk(self, wanted: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
        """Find files of the work tree, whatever the key; their content is kept."""
        return {(key, p): blob for key, paths in wanted.items() for p in paths if (blob := self.on_disk(p))}

    def on_disk(self, path: str) -> str | None:
        """Return the id that git would give the content of a file or folder, and keep the content."""
        import hashlib

        here = self._root / path
        if here.is_dir():
            names = sorted(found.relative_to(here).as_posix() for found in here.rglob("*") if found.is_file())
            files = tuple(TreeFile(n, blob) for n in names if (blob := self.on_disk(f"{path}/{n}")))
            name = f"folder:{hash(files)}"
            self.folders[name] = files
            return name
        if not here.is_file():
            return None
        content = here.read_bytes()
        name = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self.contents[name] = content
        return name

    def load(self, blobs: Iterable[str]) -> None:
        """Get the content of blobs, and the files of trees, that is not here yet."""
        missing = [b for b in dict.fromkeys(blobs) if b not in self.contents and b not in self.folders]
        for blob in (name for name in missing if name.startswith(SUBMODULE)):
            self._load_from_submodule(blob)
        missing = [blob for blob in missing if not blob.startswith(SUBMODULE)]
        for blob, found in zip(missing, self._objects.read(missing), strict=True):
            if found and found.kind == "blob":
                self.contents[blob] = found.content
            elif found and found.kind == "tree":
                self.folders[blob] = self.trees.files_below(blob)

    def _load_from_submodule(self, blob: str) -> None:
        folder, _, name = blob.removeprefix(SUBMODULE).partition("\0")
        place = self._top / folder
        if (place / ".git").exists() and "\n" not in name:
            with ObjectReader(place) as objects:
                (found,) = objects.read([name])
            if found and found.kind == "blob":
                self.contents[blob] = found.content

    def not_in_clone(self, file: TreeFile) -> Lost:
        """Return that a file of a commit is not in this clone, which is partial or lacks a submodule."""
        if file.blob.startswith(SUBMODULE):
            folder = file.blob.removeprefix(SUBMODULE).partition("\0")[0]
            reason = f"lies in the submodule {folder}, which does not have that commit here"
            fix = f"git submodule update --init -- {shlex.quote(folder)}"
            return Lost(file.path, reason, fix, content=file.blob)
        return Lost(file.path, "is not in this clone", "git fetch --refetch", content=file.blob)

    def not_understood(self, file: TreeFile, error: Exception) -> Lost:
        """Return that a file cannot be used because of `error`."""
        words = error.message if isinstance(error, MlopsKitError) else f"{type(error).__name__}: {error}"
        reason = f"cannot be understood: {words.removeprefix(file.path + ': ')}"
        return Lost(file.path, reason, self.show(file.path), content=file.blob)

    def show(self, path: str) -> str:
        """Return the command that shows a file of a commit."""
        return f"git show {SHA}:{shlex.quote(self._prefix + path)}"
