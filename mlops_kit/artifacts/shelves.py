"""Remotes as files by name (`files/md5/ab/cdef…`, `runs/ab/…`): a folder here, or something behind a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from mlops_kit.artifacts.hashing import LISTING, file_md5, text_md5
from mlops_kit.artifacts.places import Remote, digest_of, legacy_name
from mlops_kit.errors import OutsideError
from mlops_kit.outside.remote_objects import NetworkShelf, OnFile
from mlops_kit.outside.whole_files import flush_file, half_done, settle, sweep

WORKERS = 8
_Item = TypeVar("_Item")


class Shelf(Protocol):
    """Files of a remote by name; one thread uses it."""

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return name -> bytes (-1 where the remote does not say) of those that are there."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the files below a folder; nothing when the remote cannot list."""
        ...

    def get(self, files: Mapping[str, Path], on_file: OnFile = ...) -> frozenset[str]:
        """Bring those of `files` (name -> target) that are there, unchecked, and return which they are."""
        ...

    def put(self, files: Mapping[str, Path], on_file: OnFile = ...) -> frozenset[str]:
        """Upload `files` (name -> source) and return those that are whole on the remote then."""
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


class FolderShelf:
    """A remote that is a folder. A file appears in it whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return name -> bytes of those that are there."""
        found: dict[str, int] = {}
        for name in names:
            with suppress(OSError):
                found[name] = os.stat(self._folder / name).st_size  # noqa: PTH116 - thousands of them
        return found

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder."""
        try:
            return sorted(f"{folder}/{name}" for name in os.listdir(self._folder / folder))  # noqa: PTH208 - as above
        except OSError:
            return []

    def get(self, files: Mapping[str, Path], on_file: OnFile = lambda name, size: None) -> frozenset[str]:
        """Copy those of `files` (name -> target) that are there, several at once, and return which they are. Raises OutsideError."""

        def one(name: str) -> str | None:
            source = self._folder / name
            if not source.is_file():
                return None
            shutil.copyfile(source, files[name])
            on_file(name, files[name].stat().st_size)
            return name

        with told(self._folder):
            return frozenset(name for name in side_by_side(one, files) if name)

    def put(
        self,
        files: Mapping[str, Path],
        on_file: OnFile = lambda name, size: None,
    ) -> frozenset[str]:
        """Copy `files` (name -> source) to the folder, several at once; return those whose copies are whole.

        A copy gets its name when it is on the disk and whole. Raises OutsideError when the folder does not take one.
        """

        def one(name: str) -> str | None:
            with half_done(self._folder) as fresh:
                shutil.copyfile(files[name], fresh)
                flush_file(fresh)
                if not _is_copy(fresh, files[name], name):
                    return None
                settle(fresh, self._folder / name)
                on_file(name, (self._folder / name).stat().st_size)
            return name

        with told(self._folder):
            sweep(self._folder)
            return frozenset(name for name in side_by_side(one, files) if name)

    def close(self) -> None:
        """Do nothing: no file stays open."""


def open_shelf(root: Path, remote: Remote) -> Shelf:
    """Return the shelf of a remote of the DVC repository at `root`; close it after use."""
    return NetworkShelf(root, remote.name) if remote.place is None else FolderShelf(remote.place.folder)


def side_by_side(act: Callable[[_Item], str | None], items: Iterable[_Item]) -> list[str | None]:
    """Return what `act` gives for each item, several threads at work; the first error ends it and is raised."""
    wanted = list(items)
    if len(wanted) < 2:
        return [act(item) for item in wanted]
    pool = ThreadPoolExecutor(min(WORKERS, len(wanted)))
    try:
        return list(pool.map(act, wanted))
    finally:
        pool.shutdown(cancel_futures=True)


def is_whole(path: Path, name: str) -> bool:
    """Return whether a file is what its name on a remote or in a cache says; true of names that say nothing. Raises OSError."""
    digest = digest_of(name)
    if not digest or file_md5(path) == digest.removesuffix(LISTING):
        return True
    # DVC before 3 named texts by their content with Unix line ends.
    return name == legacy_name(digest) and text_md5(path) == digest


def _is_copy(fresh: Path, source: Path, name: str) -> bool:
    return fresh.stat().st_size == source.stat().st_size and is_whole(fresh, name)


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn an error of the file system below `folder` into an OutsideError that says what to do."""
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"{error.filename or folder}: {error.strerror}",
            fix="see that the folder is there, can be written to and is not full; the same command goes on from there",
        ) from None
