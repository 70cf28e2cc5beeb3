"""What a source of rows is: it says what is there, and fetches one piece of it.

A source is made from a section of params.yaml by the function `source` of an acquire step's file, and used by `mlops-kit acquire` alone, never
while stages run. A variant is one class with the methods of `Source`; what it needs of the network is in `outside/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.artifacts.tables import RowStream

_DIGITS = 19  # of the largest 64-bit integer
_UNFIT = re.compile(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class State:
    """What is known when a source is looked at."""

    lines: tuple[PartitionLine, ...] = ()
    """The manifest: what was fetched before, by partition name."""
    since: str = ""
    """`--since`: the source need not offer what is older; nothing when empty."""
    root: Path = field(default_factory=Path)
    """Folder of the project; relative paths of params.yaml begin here."""

    @property
    def cursor(self) -> str:
        """Return the largest cursor value that was fetched, in the order of fetching; empty before the first fetch."""
        found = [line for line in self.lines if line.cursor_to]
        return max(found, key=lambda line: line.partition).cursor_to if found else ""


@dataclass(frozen=True)
class Offer:
    """One piece that is there and can be fetched on its own: a file, an object, the rows of a range of cursor values."""

    name: str
    """Name of the partition that it becomes, made by `partition_name` or `cursor_name`: the same piece has the same name for ever, and names
    sort in the order of their rows."""
    source: str
    """Where it is, with secrets masked; goes into the manifest and messages."""
    origin: str = ""
    """What identifies its content now, without fetching it: `etag:…`, `md5:…`, `rows:…`. The same content has the same identity on every
    machine. Empty when the source cannot say; such a piece counts as unchanged once it is there."""
    size: int | None = None
    """Bytes to fetch, if known."""
    query: str = ""
    """The query, for databases; without values that are secret."""
    cursor_column: str = ""
    """Column whose values tell what is new."""
    cursor_from: str = ""
    """Exclusive lower end of the range; empty for the beginning."""
    cursor_to: str = ""
    """Inclusive upper end, decided when the source was looked at, so that a fetch that is tried again gives the same rows."""
    handle: Any = None
    """Whatever `fetch` needs to find it again; not looked at by anybody else."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought: a file in a known format, or rows. One of `path` and `rows` is given."""

    path: Path | None = None
    """A file, below the folder that `fetch` was given, or the source itself if it is local. It is read, never changed."""
    rows: RowStream | None = None
    """Rows as Arrow batches, read once, while the partition is written; what is wrong meanwhile is raised from there."""
    options: Any = None
    """How to read the file (`FormatOptions`); by the ending of its name when None."""
    origin: str = ""
    """Identity of what was really fetched, such as the ETag of the answer; that of the offer when empty."""


class Progress(Protocol):
    """Hears how far a fetch is."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say that `done` bytes (rows, for databases) of `total` are here."""
        ...


class Source(Protocol):
    """A source of rows."""

    @property
    def complete(self) -> bool:
        """Return whether `look` offers everything that is there, so that a partition without an offer has gone at the source. False for
        sources that offer only what is above the cursor."""
        ...

    @property
    def single(self) -> bool:
        """Return whether there is only one piece, such as one address, whatever the state."""
        ...

    @property
    def local(self) -> bool:
        """Return whether it is read without a network, so that a stage may read it to bring back a partition."""
        ...

    def describe(self) -> str:
        """Return what a person calls it, with secrets masked."""
        ...

    def look(self, state: State) -> Sequence[Offer]:
        """Return what is there, without fetching it. The cost may grow with the number of pieces, not with their size.

        Raises OutsideError when the source cannot be reached, BadDataError when it makes no sense, SpecError for wrong params.
        """
        ...

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:
        """Fetch one piece.

        `into` is an empty folder, or holds what an earlier try for the same offer (name and origin) has left, so that a download goes on;
        it is removed when the partition is done. Raises OutsideError, also when the content is no longer the offered one, and BadDataError.
        """
        ...


def partition_name(text: str) -> str:
    """Return `text` as a name of a partition: letters, digits and `_ . + -`, everything else as `-`; a file name on every system.

    Raises BadDataError when nothing is left.
    """
    name = _UNFIT.sub("-", text).strip("-.")
    if not name:
        raise BadDataError(f"`{text}` gives no name for a partition", fix="use letters or digits in the name")
    return name


def cursor_name(value: str) -> str:
    """Return the name of the partition whose largest cursor value is `value`: integers with leading zeros, so that names sort as numbers do;
    times in ISO 8601 sort as they are.

    Raises BadDataError for a negative integer.
    """
    if re.fullmatch(r"-\d+", value):
        raise BadDataError(f"the cursor value {value} is negative; names of partitions would not sort by it")
    return value.zfill(_DIGITS) if value.isdecimal() else partition_name(value)
