"""The numbers in metric files of many commits, wherever the content is; each version is parsed once."""

from __future__ import annotations

import math
import posixpath
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.blobs import Blobs
from mlops_kit.artifacts.commit_trees import TreeFile
from mlops_kit.artifacts.locks import FOREIGN_ERRORS
from mlops_kit.artifacts.metric_state import Lost
from mlops_kit.artifacts.store import DIRECTORY, Store, open_store
from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.errors import BadDataError


@dataclass(frozen=True)
class Numbers:
    """What one metric file, or a folder of them, says."""

    numbers: tuple[tuple[str, str, float], ...] = ()
    """(file, dotted name, value)."""
    lost: tuple[Lost, ...] = ()
    """What could not be read of it."""


class NumberReader:
    """Reads metric files, and remembers what each version of each file says."""

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self._root = root
        self._blobs = blobs
        self._store: Store | None = None
        self._values: dict[TreeFile, Numbers] = {}

    def in_git(self, file: TreeFile) -> Numbers:
        """Return the numbers of a file that was loaded."""
        return self._values[file]

    def load(self, files: Iterable[TreeFile]) -> None:
        """Parse the files that were not seen before; a folder stands for the files in it."""
        fresh = [file for file in dict.fromkeys(files) if file not in self._values]
        self._blobs.load(file.blob for file in fresh)
        for file in fresh:
            if file.blob in self._blobs.folders:
                inside = [TreeFile(f"{file.path}/{f.path}", f.blob) for f in self._blobs.folders[file.blob]]
                inside = [inner for inner in inside if posixpath.basename(inner.path) != ".gitignore"]
                self.load(inside)
                self._values[file] = _together(self._values[inner] for inner in inside)
            elif file.blob in self._blobs.contents:
                self._values[file] = self._parse_values(
                    file, self._blobs.contents[file.blob], self._blobs.show(file.path)
                )
            else:
                self._values[file] = Numbers(lost=(self._blobs.not_in_clone(file),))

    def in_store(self, path: str, recorded: str) -> Numbers:
        """Return the numbers of content that DVC keeps, by its hash, or `hash.dir/name` for a file of a folder."""
        file = TreeFile(path, recorded)
        if file not in self._values:
            self._values[file] = self._look_into_store(file)
        return self._values[file]

    def _look_into_store(self, file: TreeFile) -> Numbers:
        self._store = self._store or open_store(self._root)
        digest, _, inside = file.blob.partition("/")
        fetch = f"dvc fetch --all-commits {shlex.quote(file.path)}"
        missing = Lost(
            file.path, "is recorded in dvc.lock and not in the DVC cache here", fetch, content=file.blob
        )
        try:
            if not digest.endswith(DIRECTORY):
                content = self._store.read(digest)
                return (
                    self._parse_values(file, content, fetch)
                    if content is not None
                    else Numbers(lost=(missing,))
                )
            listing = self._store.listing(digest)
        except (BadDataError, *FOREIGN_ERRORS) as error:
            return Numbers(lost=(self._blobs.not_understood(file, error),))
        if listing is None or (inside and inside not in listing):
            return Numbers(lost=(missing,))
        if inside:
            return self._look_into_store(TreeFile(file.path, listing[inside]))
        return _together(self.in_store(f"{file.path}/{name}", item) for name, item in listing.items())

    def _parse_values(self, file: TreeFile, content: bytes, fix: str) -> Numbers:
        try:
            leaves = [*flatten(parse_values(file.path, content))]
        except FOREIGN_ERRORS as error:
            return Numbers(lost=(self._blobs.not_understood(file, error),))
        numbers = [
            (key or posixpath.basename(file.path), value)
            for key, value in leaves
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        good = [(file.path, key, float(value)) for key, value in numbers if _is_finite(value)]
        bad = [
            Lost(file.path, "is not a finite number", fix, key, file.blob)
            for key, value in numbers
            if not _is_finite(value)
        ]
        return Numbers(tuple(good), tuple(bad))


def _together(parts: Iterable[Numbers]) -> Numbers:
    every = list(parts)
    return Numbers(
        tuple(number for part in every for number in part.numbers),
        tuple(lost for part in every for lost in part.lost),
    )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False
