"""Rows on their way through the rules: a query, the types of its columns, and what goes along with each row.

Beside the columns that people see a row carries its number in the raw data (which orders rows for any number of threads), the first
thing that was wrong with it, and for each rule whether it was touched. A row that is bad stays in the query until the end; nothing
is filtered out on the way, so that rows in = rows out + quarantined can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import Duck, literal, open_duck, quoted
from mlops_kit.artifacts.tables import TableFiles, read_partition_rows
from mlops_kit.data.contract.rules import numbered, stored_columns
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.data.rules.model import Declared

ROW = quoted("__row")  # the name by which the contract numbers rows
# A space keeps the others apart from whatever a column is likely to be called.
BAD = quoted("mlops-kit bad")
BAD_TYPE = 'STRUCT("number" INTEGER, "rule" VARCHAR, "column" VARCHAR, "value" VARCHAR, "aside" BOOLEAN)'


@dataclass(frozen=True)
class Fault:
    """A way in which a row can be bad: it goes to quarantine with the rule, the column and the value."""

    condition: str
    """SQL condition over the columns as they were before the rule; true for a bad row."""
    rule: str
    """The rule that it breaks, in words."""
    column: str
    """The column."""
    value: str
    """SQL expression of the value as text."""
    aside: bool = False
    """Whether a rule takes the row out on purpose, so that it does not count against `max_quarantine`."""


@dataclass(frozen=True)
class Flow:
    """Rows after some rules."""

    duck: Duck
    """The database that runs the query."""
    query: str
    """Query of the columns, ROW, BAD and one touched column for each of `done`."""
    columns: Mapping[str, str]
    """Visible column -> DuckDB type, in order."""
    files: TableFiles
    """The raw data."""
    done: tuple[Declared, ...] = ()
    """The rules that the rows went through."""
    aside: tuple[str, ...] = ()
    """Queries of rows that were taken out of the flow, with ROW and BAD and their columns as texts."""
    light: bool = False
    """Whether the query reads scratch files and computes next to nothing, so that running it again is cheaper than another file."""
    names: count[int] = field(default_factory=count)
    """Numbers for names of scratch files and tables."""

    def change(
        self,
        rule: Declared,
        new: Mapping[str, tuple[str, str]],
        *,
        order: Sequence[str] = (),
        faults: Sequence[Fault] = (),
        touched: str = "false",
    ) -> Flow:
        """Return the rows with other columns: `new` is name -> (SQL expression over the columns so far, its type).

        `order` names the columns that are left, in order; by default those there were, and the new ones. `touched` is the condition
        for a row that the rule changes. A row that is bad already stays as it is in this respect.
        """
        names = list(order or [*self.columns, *(name for name in new if name not in self.columns)])
        cells = [f"{new[name][0]} AS {quoted(name)}" if name in new else quoted(name) for name in names]
        flags = [f"({BAD} IS NULL AND coalesce({touched}, false)) AS {touched_column(rule)}"]
        query = (
            f"SELECT {', '.join([*cells, ROW, f'{bad_sql(rule.number, faults)} AS {BAD}', *map(touched_column, self.done), *flags])}"
            f" FROM ({self.query})"
        )
        types = {name: new[name][1] if name in new else self.columns[name] for name in names}
        return replace(self, query=query, columns=types, done=(*self.done, rule), light=False)

    def with_cells(self, cells: Mapping[str, str]) -> Flow:
        """Return the rows with more cells that the next `change` uses and leaves out: name -> SQL expression, each computed once."""
        made = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in cells.items())
        return replace(self, query=f"SELECT *, {made} FROM ({self.query})") if made else self

    def stored(self) -> Flow:
        """Return the same rows, computed once into a scratch file that lives as long as the database."""
        return (
            self if self.light else replace(self, query=f"SELECT * FROM {self.store(self.query)}", light=True)
        )

    def store(self, query: str) -> str:
        """Run a query into a scratch file; return what stands after FROM to read it."""
        path = self.scratch()
        self.duck.run(f"COPY ({query}) TO {literal(path.as_posix())} (FORMAT parquet)")
        return f"read_parquet({literal(path.as_posix())})"

    def scratch(self) -> Path:
        """Return a new path in the database's scratch folder."""
        return self.duck.scratch / f"rows-{next(self.names)}.parquet"


def touched_column(rule: Declared) -> str:
    """Return the column that says whether `rule` touched a row."""
    return quoted(f"mlops-kit touched {rule.number}")


def bad_sql(number: int, faults: Sequence[Fault]) -> str:
    """Return the expression of BAD after a rule: what it was, else the first of `faults` that a row has."""
    if not faults:
        return BAD
    cases = " ".join(
        f"WHEN {fault.condition} THEN {{'number': {number}, 'rule': {literal(fault.rule)}, 'column': {literal(fault.column)},"
        f" 'value': {fault.value}, 'aside': {str(fault.aside).lower()}}}"
        for fault in faults
    )
    return f"CASE WHEN {BAD} IS NOT NULL THEN {BAD} {cases} END"


def read_raw(raw: TableFiles | Path, *, memory: int | None = None, threads: int | None = None) -> Flow:
    """Return the rows of raw data (its files, or their folder), numbered from 0 in the order of their files, before any rule.

    Raises BadDataError for columns whose names differ in case alone, which SQL takes for one.
    """
    raw = read_partition_rows(raw) if isinstance(raw, Path) else raw
    columns = list(raw.schema())
    distinct_names([*columns, "__row"], str(raw.paths[0].parent))
    duck = open_duck(memory=memory, threads=threads)
    query = f"SELECT *, NULL::{BAD_TYPE} AS {BAD} FROM {numbered(raw)}"
    types = {name: kind for name, kind in stored_columns(duck, f"({query})").items() if name in columns}
    return Flow(duck, query, types, raw)


def distinct_names(columns: Sequence[str], where: str) -> None:
    """Raise BadDataError if two of `columns` have one name but for upper and lower case."""
    seen: dict[str, str] = {}
    for name in columns:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise BadDataError(
                f"{where}: the columns `{other}` and `{name}` differ in case alone",
                fix="rename one of them at the source",
            )


def file_starts(raw: TableFiles) -> list[int]:
    """Return for each file the number of its first row."""
    starts, rows = [], 0
    for path in raw.paths:
        starts.append(rows)
        rows += TableFiles((path,)).count()
    return starts
