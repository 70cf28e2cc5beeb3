# ruff: noqa: S608 - queries are put together here; names and texts go through quoted() and literal()
"""The data contract compiled to SQL: for each column its cast, and the rules that a row can break, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.contract.casts import Cast, cast_sql, sql_type
from mlops_kit.errors import BadDataError
from mlops_kit.spec.model import Column, Schema

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

ROW = "__row"
"""Name of the column that says where a row stood in the source: whole numbers, different for each row, growing from the first to the last."""


@dataclass(frozen=True)
class Rule:
    """One promise about a column that a single row keeps or breaks."""

    column: str
    """Column of schema.yaml."""
    name: str
    """The rule in words, as quarantine has it: `min 1`, `not missing`, `type integer`."""
    broken: str
    """SQL condition that is true where a row breaks it, and never NULL; over the columns t0, t1 ... and c0, c1 ... of `Contract.cast_rows`."""


@dataclass(frozen=True)
class SetRule:
    """One promise about several rows: no two of them may have the same values."""

    columns: tuple[str, ...]
    """The columns whose values together are unique."""
    name: str
    """The rule in words: `unique key`, `unique`."""
    missing_counts: bool
    """Whether two rows where the value is missing count as the same."""


@dataclass(frozen=True)
class Contract:
    """schema.yaml compiled for a relation with certain columns."""

    schema: Schema
    """What was compiled."""
    key: tuple[str, ...]
    """Columns that name a row."""
    stored: Mapping[str, str]
    """Column of the relation -> its DuckDB type."""
    casts: tuple[Cast, ...]
    """For each column of the schema, in its order."""
    rules: tuple[Rule, ...]
    """In the order in which a row is judged; the first that it breaks is the one that quarantine names."""
    set_rules: tuple[SetRule, ...]
    """Judged after `rules`, among the rows that break none before; the row that comes first in the source keeps its place."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """Return the columns of the relation that the contract does not name."""
        return tuple(name for name in self.stored if name not in self.schema.columns and name != ROW)

    def cast_rows(self, relation: str) -> str:
        """Return the query over `relation` (a table, or what stands after FROM) with `__row`, r0 ... (raw), t0 ... and c0 ... (cast)."""
        names = list(self.schema.columns)
        raw = ", ".join(f"{quoted(name)} AS r{number}" for number, name in enumerate(names))
        texts = ", ".join(f"{cast.text} AS t{number}" for number, cast in enumerate(self.casts))
        values = ", ".join(f"{cast.value} AS c{number}" for number, cast in enumerate(self.casts))
        return (
            f"SELECT *, {values} FROM (SELECT *, {texts} FROM (SELECT {quoted(ROW)}, {raw} FROM {relation}))"
        )


def compile_contract(
    schema: Schema,
    *,
    key: tuple[str, ...] = (),
    stored: Mapping[str, str],
    tables: Mapping[str, str] | None = None,
) -> Contract:
    """Return `schema` as queries over a relation with the columns `stored` (name -> DuckDB type, see `stored_columns`).

    `key` are the columns of `task.key`; without them no key is checked. `tables` gives for each table that `references` names the relation
    to look in (a table, or what stands after FROM). Raises BadDataError when columns or referenced tables are missing.
    """
    wanted = list(schema.columns)
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise BadDataError(
            f"the data lacks columns of schema.yaml: {', '.join(map(_with_close(stored), missing))}",
            fix="mend the source, or remove them from schema.yaml",
        )
    casts = []
    rules: list[Rule] = []
    for number, name in enumerate(wanted):
        column = schema.columns[name]
        casts.append(cast_sql(f"r{number}", stored[name], column.type, text=f"t{number}"))
        rules += _rules(name, number, column, tables or {})
    unknown = [name for name in key if name not in schema.columns]
    if unknown:
        raise BadDataError(
            f"schema.yaml lacks columns of task.key: {', '.join(unknown)}", fix="add them under `columns:`"
        )
    return Contract(schema, key, dict(stored), tuple(casts), tuple(rules), tuple(_set_rules(schema, key)))


def stored_columns(duck: Duck, relation: str) -> dict[str, str]:
    """Return column name -> DuckDB type of `relation` (a table, or what stands after FROM), in its order."""
    return {row[0]: row[1] for row in duck.run(f"DESCRIBE SELECT * FROM {relation}").fetchall()}


def numbered(files: TableFiles) -> str:
    """Return what stands after FROM to read `files` with the column `__row`: 0 for the first row of the first file, then counting on."""
    import pyarrow.parquet as pq

    names = files.schema()
    columns = ", ".join(map(quoted, names))
    if {"file_index", "file_row_number"} & set(names):  # they would hide DuckDB's own columns of these names
        return f"(SELECT {columns}, row_number() OVER () - 1 AS {quoted(ROW)} FROM {files.sql()})"
    starts = [0]
    for path in files.paths:
        starts.append(starts[-1] + pq.read_metadata(path).num_rows)
    first = f"[{', '.join(map(str, starts[:-1]))}]::BIGINT[]"
    place = f"{first}[file_index + 1] + file_row_number"
    if len(files.paths) == 1:
        place = "file_row_number"
    return f"(SELECT {columns}, {place} AS {quoted(ROW)} FROM {files.sql()})"


def _with_close(stored: Mapping[str, str]) -> Callable[[str], str]:
    def show(name: str) -> str:
        close = get_close_matches(name, stored, n=1)
        return f"{name} (it has {close[0]})" if close else name

    return show


def _rules(name: str, number: int, column: Column, tables: Mapping[str, str]) -> list[Rule]:
    text, value = f"t{number}", f"c{number}"
    found = [Rule(name, f"type {column.type}", f"{text} IS NOT NULL AND {value} IS NULL")]
    if not column.nullable:
        found.append(Rule(name, "not missing", f"{value} IS NULL"))
    for what, sign, bound in (("min", "<", column.min), ("max", ">", column.max)):
        if bound is not None:
            found.append(Rule(name, f"{what} {_shown(bound)}", _given(f"{value} {sign} {_bound(bound)}")))
    if column.values:
        allowed = ", ".join(f"CAST({literal(item)} AS {sql_type(column.type)})" for item in column.values)
        found.append(Rule(name, "allowed values", _given(f"{value} NOT IN ({allowed})")))
    if column.pattern is not None:
        shown = f"CAST({value} AS VARCHAR)"
        found.append(
            Rule(
                name,
                f"pattern {column.pattern}",
                _given(f"NOT regexp_full_match({shown}, {literal(column.pattern)})"),
            )
        )
    if column.references is not None:
        found.append(_reference(name, value, column, tables))
    return found


def _reference(name: str, value: str, column: Column, tables: Mapping[str, str]) -> Rule:
    table, _, foreign = (column.references or "").rpartition(".")
    if table not in tables:
        raise BadDataError(
            f"column `{name}` references `{column.references}`, but there is no table `{table}` here",
            fix=f"make data/{table}.parquet, or remove `references` from schema.yaml",
        )
    known = f"SELECT CAST({quoted(foreign)} AS {sql_type(column.type)}) FROM {tables[table]} WHERE {quoted(foreign)} IS NOT NULL"
    return Rule(name, f"references {column.references}", _given(f"{value} NOT IN ({known})"))


def _set_rules(schema: Schema, key: tuple[str, ...]) -> list[SetRule]:
    found = [SetRule(key, "unique key", missing_counts=True)] if key else []
    return found + [
        SetRule((name,), "unique", missing_counts=False)
        for name, column in schema.columns.items()
        if column.unique and (name,) != key
    ]


def _given(condition: str) -> str:
    """Return the condition as one that is false, not NULL, where the value is missing."""
    return f"coalesce({condition}, false)"


def _shown(bound: float | str) -> str:
    return bound if isinstance(bound, str) else f"{bound:.15g}"


def _bound(bound: float | str) -> str:
    if isinstance(bound, str):
        return f"CAST({literal(bound.rstrip('Z'))} AS TIMESTAMP)::TIMESTAMPTZ"
    if bound == int(bound) and abs(bound) < 2**53:
        return str(int(bound))
    return f"{bound!r}::DOUBLE"
