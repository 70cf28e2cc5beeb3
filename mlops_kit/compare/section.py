"""What a comparison says of the data itself, as frozen values: partitions, rows, quarantine, profile. Holds no value of a `pii` column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mlops_kit.data.diff.model import TableDiff

PartitionState: TypeAlias = Literal["added", "removed", "rewritten"]


@dataclass(frozen=True)
class PartitionChange:
    """One partition whose line in a manifest differs."""

    folder: str
    """The partitioned folder, relative to the DVC root."""
    partition: str
    """Name of the partition."""
    state: PartitionState
    """`added`, `removed`, or `rewritten` (the same name, other content)."""
    old_rows: int | None
    """Rows before; None for an added one."""
    new_rows: int | None
    """Rows after; None for a removed one."""
    source: str = ""
    """Where it came from, with secrets masked (untrusted text)."""
    cursor: tuple[str, str] | None = None
    """From (exclusive) and to (inclusive) which value of the cursor column, for incremental sources."""
    rejected: int = 0
    """Lines of the source that are no rows."""


@dataclass(frozen=True)
class QuarantineExample:
    """One row that breaks a rule."""

    key: tuple[tuple[str, str | None], ...]
    """Key columns and their values as text; those marked `pii` are left out."""
    value: str | None
    """The value that breaks the rule, as text; None for a missing one and where `hidden`."""
    hidden: bool = False
    """Whether the value is not shown because its column is marked `pii`."""


@dataclass(frozen=True)
class QuarantineRule:
    """How many rows one rule puts into quarantine on both sides."""

    column: str
    """Column that the rule is about."""
    rule: str
    """The rule in words: `not missing`, `min 0`."""
    old: int
    """Rows on the base side."""
    new: int
    """Rows on the head side."""
    examples: tuple[QuarantineExample, ...] = ()
    """The first rows by key that only the head has in quarantine for it; where there are none, that only the base had."""


@dataclass(frozen=True)
class QuarantineChange:
    """How the quarantine of two sides differs."""

    path: str
    """The table of the rows in quarantine."""
    old_rows: int
    """Rows on the base side."""
    new_rows: int
    """Rows on the head side."""
    rules: tuple[QuarantineRule, ...]
    """Rules whose number of rows differs, the largest difference first."""
    others: int = 0
    """Rules whose number of rows is the same on both sides, or that had no room here."""


@dataclass(frozen=True)
class ProfileChange:
    """One thing that a profile says of a column and that differs."""

    column: str
    """Name of the column."""
    what: str
    """What of it: `missing`, `distinct values`, `smallest`, `median`, `largest`."""
    old: str
    """On the base side, as text."""
    new: str
    """On the head side, as text."""


@dataclass(frozen=True)
class DataSection:
    """All that is said of the data."""

    tables: tuple[TableDiff, ...] = ()
    """Tables that were compared row by row, by path."""
    partitions: tuple[PartitionChange, ...] = ()
    """Partitions that came, went, or are other ones, by folder and name."""
    quarantine: QuarantineChange | None = None
    """How the quarantine differs; None when it does not, or cannot be read here."""
    profile: tuple[ProfileChange, ...] = ()
    """What differs in the profile of the cleaned table."""
    left_out: tuple[str, ...] = ()
    """What was not compared row by row, why, and the command that does it."""

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to say."""
        return self == DataSection()
