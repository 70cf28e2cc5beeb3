"""What a data diff says, as frozen values. No value of a column marked `pii` is in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mlops_kit.artifacts.side import SideInfo, Unreadable

TableState: TypeAlias = Literal["added", "removed", "changed", "same"]
SchemaKind: TypeAlias = Literal["added", "removed", "type", "moved"]
FileKind: TypeAlias = Literal["added", "removed", "changed", "renamed"]
ShiftLevel: TypeAlias = Literal["same", "slight", "clear", "strong", "unknown"]


@dataclass(frozen=True)
class SchemaChange:
    """One column whose place in the table's schema differs."""

    column: str
    """Name of the column."""
    kind: SchemaKind
    """`added`, `removed`, `type` (another type) or `moved` (another place among the columns)."""
    old: str = ""
    """Type on the base side in DuckDB's words (`BIGINT`, `VARCHAR`); of a moved column its place, from 1; empty when it was added."""
    new: str = ""
    """Type, or place, on the head side; empty when it was removed."""


@dataclass(frozen=True)
class FileChange:
    """One file of a folder that differs; files that both sides have are not listed."""

    name: str
    """Path below the folder; of a single file its own path."""
    kind: FileKind
    """`added`, `removed`, `changed`, or `renamed` (the same content under another name)."""
    old_rows: int | None = None
    """Rows on the base side, where they are known."""
    new_rows: int | None = None
    """Rows on the head side, where they are known."""
    old_name: str = ""
    """Name on the base side of a renamed file."""


@dataclass(frozen=True)
class CellChange:
    """One way in which the values of a column changed, with one of its rows."""

    key: tuple[tuple[str, str | None], ...]
    """Key of the first such row: column and value as text, None for a missing one; no entry for key columns marked `pii`."""
    old: str | None
    """Value before, as text; None for a missing one."""
    new: str | None
    """Value after, as text; None for a missing one."""
    rows: int
    """Rows in which exactly this changed."""


@dataclass(frozen=True)
class RowExample:
    """A row that was added or removed."""

    values: tuple[tuple[str, str | None], ...]
    """Column and value as text, key columns first; columns marked `pii` are left out."""


@dataclass(frozen=True)
class ValueShare:
    """How often one value occurs on both sides."""

    value: str | None
    """The value as text; None for a missing one."""
    old: int
    """Rows with it on the base side."""
    new: int
    """Rows with it on the head side."""


@dataclass(frozen=True)
class ColumnSummary:
    """One column on one side, over the rows that were compared."""

    rows: int
    """Rows looked at."""
    missing: int
    """Rows without a value."""
    quantiles: tuple[tuple[str, str], ...] = ()
    """Of numbers and times: `min`, `q05`, `median`, `q95`, `max`, as text. Smallest and largest are of all rows, the others of the
    sample if there is one. Empty for other types, for no value at all, and for columns marked `pii`."""


@dataclass(frozen=True)
class ColumnDiff:
    """One column that both sides have."""

    column: str
    """Name of the column."""
    type: str
    """Type in which the values were compared, in DuckDB's words."""
    changed: int | None
    """Rows of the same key whose value differs; None without a key."""
    examples: tuple[CellChange, ...]
    """The most frequent changes, then by key; none for columns marked `pii`."""
    old: ColumnSummary | None
    """The base side; None when there was nothing to compare with."""
    new: ColumnSummary | None
    """The head side."""
    distance: float | None
    """Distance of both distributions, 0 (the same) to 1 (nothing in common): of numbers and times Kolmogorov-Smirnov's, of other
    values the total variation, `missing` being a value of its own. None where it was not computed; in a large table also where so few
    rows differ that it is below 0.02 (the level is `same` then)."""
    level: ShiftLevel
    """`same` (within what chance explains, or below 0.02), `slight` (up to 0.1), `clear` (up to 0.25), `strong`; `unknown`."""
    reason: str
    """The shift in plain words: `missing in 3 % instead of 1 %; median 12 instead of 9`. Empty when there is nothing to say."""
    pii: bool = False
    """Whether its values are about persons, and therefore not shown."""
    values: tuple[ValueShare, ...] = ()
    """Of columns with few values: those that came, went, or whose share moved most, at most ten; none for columns marked `pii`."""
    sampled: int = 0
    """Rows of a side that distance and quantiles come from, when not all; a fixed sample by key, the same on every machine."""


@dataclass(frozen=True)
class ClassBalance:
    """How often each class of the target occurs."""

    column: str
    """The target column."""
    classes: tuple[ValueShare, ...]
    """All classes, the most frequent of the head first."""
    reason: str
    """In plain words: `1: 22.4 % of the rows instead of 21.0 %`. Empty when no share moved."""


@dataclass(frozen=True)
class TableDiff:
    """One table (a file, or a folder of files with the same columns) on both sides."""

    path: str
    """Path relative to the DVC root."""
    state: TableState
    """`added`, `removed`, `changed` (other bytes), or `same`."""
    reason: str
    """What changed, in one line of plain words."""
    key: tuple[str, ...] = ()
    """Columns that name a row; empty when rows were compared as a whole."""
    key_source: str = ""
    """Where the key comes from, in words: `--key`, `task.key in mlops.yaml`, `found: unique on both sides`."""
    old_rows: int | None = None
    """Rows of the whole table before; None when not known (unchanged files that are not here are not counted)."""
    new_rows: int | None = None
    """Rows of the whole table after."""
    added: int = 0
    """Rows whose key only the head side has; without a key: rows that only the head side has."""
    removed: int = 0
    """Rows whose key only the base side has; without a key: rows that only the base side has."""
    changed: int | None = None
    """Rows of the same key that differ in a column that both sides have; None without a key."""
    unchanged: int | None = None
    """Rows that both sides have, those of unchanged files with them; None when not known."""
    repeated: int = 0
    """Rows beyond the first of their key, the larger of both sides, among those that differ; they are matched in the order of their
    values."""
    schema: tuple[SchemaChange, ...] = ()
    """Columns that came, went, or changed type or place."""
    columns: tuple[ColumnDiff, ...] = ()
    """All columns that both sides have, those that changed most first, then those that shifted most."""
    classes: ClassBalance | None = None
    """Balance of the target's classes, where the table has the target."""
    added_examples: tuple[RowExample, ...] = ()
    """The first added rows by key."""
    removed_examples: tuple[RowExample, ...] = ()
    """The first removed rows by key."""
    files: tuple[FileChange, ...] = ()
    """Files that differ, of a folder."""
    same_files: int = 0
    """Files that both sides have; they were not read."""
    time: tuple[str, str, str] | None = None
    """Time column, and its earliest and latest value among the added rows; None without added rows or such a column."""
    compared_with: str = ""
    """What the distributions were compared with when one side had no rows that differ: `2,000,000 rows of 4 unchanged files`."""
    notes: tuple[str, ...] = ()
    """Further remarks: another format, how values are written, what was left out."""

    @property
    def is_empty(self) -> bool:
        """Return whether the rows and columns of both sides are the same (their order and encoding apart)."""
        return not (self.added or self.removed or self.changed) and all(
            change.kind == "moved" for change in self.schema
        )


@dataclass(frozen=True)
class DataDiff:
    """All tables of two sides."""

    base: SideInfo | None
    """The base side; None when there is nothing to compare with."""
    head: SideInfo
    """The head side."""
    tables: tuple[TableDiff, ...]
    """Tables that differ, sources first, then in the order of the pipeline; and the same ones where they were asked for by `--path`."""
    unreadable: tuple[Unreadable, ...] = ()
    """What differs and could not be read; its presence makes the exit code 4."""
    derived: tuple[str, ...] = ()
    """Paths of those tables that stages compute from others; without distributions unless everything was asked for."""
    other: tuple[str, ...] = ()
    """Tracked files and folders that differ and are no tables: path and what is known, in words."""
    notes: tuple[str, ...] = ()
    """Further remarks."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing differs."""
        return not self.other and not self.unreadable and all(table.is_empty for table in self.tables)
