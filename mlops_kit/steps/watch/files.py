"""What happened to files below the project while a stage ran, as the kernel or the file system tells it: below Python too."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlops_kit.outside.inotify import InotifyWatch, TreeEvent, inotify_works
from mlops_kit.steps.watch.declared import Declared
from mlops_kit.steps.watch.places import Places

MAX_ENTRIES = 100_000


class FileWatch(Protocol):
    """One way to see files being used. It starts to see when it is made."""

    @property
    def incomplete(self) -> str:
        """What could not be watched, in words; empty when all is."""
        ...

    def events(self) -> Iterator[TreeEvent]:
        """Yield what happened, at least what happened since the last call."""
        ...

    def close(self) -> None:
        """Stop."""
        ...


@dataclass
class Tree:
    """What is to be watched: the project without what is declared and without folders of tools."""

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Links to files; what reads them shows at their target only."""
    incomplete: str = ""


def survey_tree(places: Places, declared: Declared) -> Tree:
    """Return what is to be watched in the project of `places` for a stage that declares `declared`."""
    tree = Tree()
    queue = [places.root]
    while queue:
        folder = queue.pop()
        tree.folders.append(folder)
        if len(tree.folders) + len(tree.files) > MAX_ENTRIES:
            tree.incomplete = f"the project has more than {MAX_ENTRIES:,} files; not all are watched"
            break
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _is_watched(entry, places, declared):
                    queue.append(entry.path)
            elif entry.is_symlink():
                tree.links.append(entry.path)
            else:
                tree.files.append(entry.path)
    return tree


def _is_watched(folder: os.DirEntry[str], places: Places, declared: Declared) -> bool:
    inner = places.relative(folder.path)
    if inner is None or declared.may_read(inner):
        return False
    # An environment, or a cache that marks itself as one (bford.info/cachedir).
    return not any(os.path.exists(f"{folder.path}/{mark}") for mark in ("pyvenv.cfg", "CACHEDIR.TAG"))  # noqa: PTH110


class _Inotify:
    """The kernel's events (Linux)."""

    def __init__(self, tree: Tree) -> None:
        links = {path: path for path in tree.links if Path(path).is_file()}
        self._watch = InotifyWatch({path: path for path in tree.folders}, links)
        self._tree = tree

    @property
    def incomplete(self) -> str:
        return self._watch.incomplete or self._tree.incomplete

    def events(self) -> Iterator[TreeEvent]:
        return self._watch.drain()

    def close(self) -> None:
        self._watch.close()


class _Snapshot:
    """Times of access and change before and after (any system that keeps them)."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.incomplete = tree.incomplete
        self._before = {path: self._rewound(path) for path in tree.files}

    def events(self) -> Iterator[TreeEvent]:
        for path, (accessed, changed) in self._before.items():
            try:
                now = os.stat(path)  # noqa: PTH116 - its wrapper below must not see this
            except OSError:
                continue
            if now.st_mtime_ns != changed:
                yield TreeEvent(path, folder=False, written=True)
            elif now.st_atime_ns != accessed:
                yield TreeEvent(path, folder=False, written=False)
        known = set(self._before) | set(self._tree.folders) | set(self._tree.links)
        for folder in self._tree.folders:
            for entry in os.scandir(folder) if os.path.isdir(folder) else ():  # noqa: PTH112
                if entry.path not in known:
                    yield TreeEvent(entry.path, folder=entry.is_dir(follow_symlinks=False), written=True)

    def close(self) -> None:
        """Nothing is held."""

    @staticmethod
    def _rewound(path: str) -> tuple[int, int]:
        """Return times of access and change of `path`, the first set back where a file system that saves work would not renew it.

        With `relatime` a read renews the time of access only if it is not newer than the last change.
        """
        try:
            found = os.stat(path)  # noqa: PTH116
            if found.st_atime_ns > max(found.st_mtime_ns, found.st_ctime_ns):
                os.utime(path, ns=(found.st_mtime_ns, found.st_mtime_ns))
                found = os.stat(path)  # noqa: PTH116
        except OSError:
            return 0, 0
        return found.st_atime_ns, found.st_mtime_ns


FILE_WATCHES: dict[str, Callable[[Tree], FileWatch]] = {"inotify": _Inotify, "times": _Snapshot}


def choose_file_watch(*, portable: bool) -> str:
    """Return the name of the best way to see files on this system; the one that works everywhere when `portable`."""
    return "inotify" if inotify_works() and not portable else "times"


def clock_ns() -> int:
    """Return the present time as files get it: some milliseconds early, because file systems take it from the last clock tick."""
    return time.time_ns() - 20_000_000
