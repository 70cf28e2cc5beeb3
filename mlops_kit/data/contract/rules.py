"""The data contract compiled to SQL: for each column its cast, and the rules that a row can break, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops_kit.artifacts.columns import MISSING_WORDS
from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.contract.casts import Cast, cast_sql, is_closed, no_word, sql_type, whole_match
from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.spec.model import Column, ColumnType, Schema

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

Check = Callable[[str], str]
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
    """SQL condition that is true where a row breaks it, and false or NULL elsewhere; over the columns t0, t1 ... and c0, c1 ... of `Contract.cast_rows`."""


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
    trusted: tuple[str, ...]
    """For each column a condition over r0, r1 ... that is true only where a good row has the value that `Cast.quick` says."""
    odd: tuple[tuple[str, ...], ...]
    """For each column conditions over r0, r1 ...; a row for which none is true has what `Cast.same` and `Cast.quick` say, or nothing."""
    doubts: tuple[str, ...]
    """Conditions over r0, r1 ...; a row for which none is true, nor any of `odd`, breaks no rule: most rows, told quickly. Each looks at one
    column, in a form that DuckDB evaluates within the scan."""
    rules: tuple[Rule, ...]
    """In the order in which a row is judged; the first that it breaks is the one that quarantine names."""
    set_rules: tuple[SetRule, ...]
    """Judged after `rules`, among the rows that break none before; the row that comes first in the source keeps its place."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """Return the columns of the relation that the contract does not name."""
        return tuple(name for name in self.stored if name not in self.schema.columns and name != ROW)

    def promise(self, fault: int) -> tuple[str, str]:
        """Return column and rule in words of the promise with the index `fault`: first `rules`, then `set_rules`."""
        if fault < len(self.rules):
            return self.rules[fault].column, self.rules[fault].name
        repeated = self.set_rules[fault - len(self.rules)]
        return repeated.columns[0], repeated.name

    def exact(self, number: int) -> str:
        """Return the expression over r0 ... that is the cast value of column `number` in every good row, the quick way where there is one."""
        cast = self.casts[number]
        if cast.sure and cast.quick == cast.text:
            return cast.quick
        if not self.odd[number]:
            return cast.quick
        if cast.plain == "false":
            return cast.inline
        return f"CASE WHEN {self.trusted[number]} THEN {cast.quick} ELSE {cast.inline} END"

    def cast_rows(self, relation: str, where: str = "true") -> str:
        """Return the query over `relation` (a table, or what stands after FROM) with `__row`, r0 ... (raw), t0 ... and c0 ... (cast).

        `where` is a condition over r0 ... and `__row`.
        """
        texts = ", ".join(f"{cast.text} AS t{number}" for number, cast in enumerate(self.casts))
        values = ", ".join(f"{cast.value} AS c{number}" for number, cast in enumerate(self.casts))
        return f"SELECT *, {values} FROM (SELECT *, {texts} FROM ({self.raw_rows(relation)}) WHERE {where})"

    def raw_rows(self, relation: str) -> str:
        """Return the query over `relation` with `__row` and r0 ... (raw)."""
        raw = ", ".join(f"{quoted(name)} AS r{number}" for number, name in enumerate(self.schema.columns))
        return f"SELECT {quoted(ROW)}, {raw} FROM {relation}"


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
    unknown = [name for name in key if name not in schema.columns]
    if unknown:
        raise BadDataError(
            f"schema.yaml lacks columns of task.key: {', '.join(unknown)}", fix="add them under `columns:`"
        )
    casts = []
    trusted: list[str] = []
    odd: list[tuple[str, ...]] = []
    doubts: list[str] = []
    rules: list[Rule] = []
    for number, name in enumerate(wanted):
        column = schema.columns[name]
        cast = cast_sql(f"r{number}", stored[name], column.type, text=f"t{number}")
        checks = _checks(name, column, tables or {})
        casts.append(cast)
        rules += _rules(name, number, column, checks, sure=cast.sure)
        odd.append(_odd(f"r{number}", column, cast))
        trusted.append(" AND ".join(f"coalesce(NOT ({condition}), true)" for condition in odd[-1]))
        doubts += _doubts(f"r{number}", column, cast, checks)
    sets = _set_rules(schema, key)
    return Contract(
        schema,
        key,
        dict(stored),
        tuple(casts),
        tuple(trusted),
        tuple(odd),
        tuple(doubts),
        tuple(rules),
        tuple(sets),
    )


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
    first = f"([{', '.join(map(str, starts[:-1]))}]::BIGINT[])"
    place = f"{first}[file_index::BIGINT + 1] + file_row_number"
    if len(files.paths) == 1:
        place = "file_row_number"
    return f"(SELECT {columns}, {place} AS {quoted(ROW)} FROM {files.sql()})"


def _with_close(stored: Mapping[str, str]) -> Callable[[str], str]:
    def show(name: str) -> str:
        close = get_close_matches(name, stored, n=1)
        return f"{name} (it has {close[0]})" if close else name

    return show


def _rules(
    name: str, number: int, column: Column, checks: list[tuple[str, Check]], *, sure: bool
) -> list[Rule]:
    text, value = f"t{number}", f"c{number}"
    found = [] if sure else [Rule(name, f"type {column.type}", f"{text} IS NOT NULL AND {value} IS NULL")]
    if not column.nullable:
        found.append(Rule(name, "not missing", f"{value} IS NULL"))
    return found + [Rule(name, words, check(value)) for words, check in checks]


def _odd(raw: str, column: Column, cast: Cast) -> tuple[str, ...]:
    """Return `Contract.odd` of a column. Allowed values and patterns can say by themselves that a text needs no trimming."""
    if column.type == "string" and cast.quick == raw:
        if column.values and not any(map(_needs_trimming, column.values)):
            return (f"NOT list_contains([{', '.join(map(literal, column.values))}], {raw})",)
        if column.pattern is not None and is_closed(column.pattern):
            return f"NOT ({whole_match(raw, column.pattern)})", f"NOT ({no_word(raw)})"
    return () if cast.odd == "false" else (cast.odd,)


def _doubts(raw: str, column: Column, cast: Cast, checks: list[tuple[str, Check]]) -> list[str]:
    """Return the conditions of `Contract.doubts` for a column; both bounds are compared at once, because each mention of a value casts it
    again."""
    conditions = [] if column.nullable else [f"{raw} IS NULL"]
    if cast.plain == "false":
        return conditions
    rest = dict(checks)
    if column.min is not None and column.max is not None:
        conditions.append(f"NOT ({cast.quick} BETWEEN {_bound(column.min)} AND {_bound(column.max)})")
        rest = dict(checks[2:])
    if column.type == "string" and column.pattern is not None:
        rest.pop(f"pattern {column.pattern}")
        if column.values or not is_closed(column.pattern):  # else `odd` says it
            conditions.append(f"NOT ({whole_match(raw, column.pattern)})")
    return conditions + [check(cast.quick) for check in rest.values()]


def _needs_trimming(value: str) -> bool:
    return value != value.strip() or value in MISSING_WORDS


def _checks(name: str, column: Column, tables: Mapping[str, str]) -> list[tuple[str, Check]]:
    """Return the rules that look at a value that is there: in words, and what makes the condition that is true where it is broken."""
    found: list[tuple[str, Check]] = []
    for what, sign, bound in (("min", "<", column.min), ("max", ">", column.max)):
        if bound is not None:
            found.append((f"{what} {_shown(bound)}", _after(f"{sign} {_bound(bound)}")))
    if column.values:
        allowed = ", ".join(f"CAST({literal(item)} AS {sql_type(column.type)})" for item in column.values)
        found.append(("allowed values", lambda value: f"NOT list_contains([{allowed}], {value})"))
    if column.pattern is not None:
        _check_re2(name, column.pattern)
        found.append((f"pattern {column.pattern}", _mismatch(column.pattern, column.type)))
    if column.references is not None:
        found.append((f"references {column.references}", _after(_unknown(name, column, tables))))
    return found


def _after(condition: str) -> Check:
    return lambda value: f"{value} {condition}"


def _check_re2(name: str, pattern: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), f"^(?:{pattern})$")
    except pa.ArrowInvalid as error:
        raise SpecError(
            f"`columns.{name}.pattern` cannot be used: {str(error).splitlines()[0]}",
            where="schema.yaml",
            fix="write it in the syntax of RE2",
        ) from None


def _mismatch(pattern: str, kind: ColumnType) -> Check:
    def broken(value: str) -> str:
        shown = value if kind == "string" else f"CAST({value} AS VARCHAR)"
        return f"NOT regexp_full_match({shown}, {literal(pattern)})"

    return broken


def _unknown(name: str, column: Column, tables: Mapping[str, str]) -> str:
    table, _, foreign = (column.references or "").rpartition(".")
    if table not in tables:
        raise BadDataError(
            f"column `{name}` references `{column.references}`, but there is no table `{table}` here",
            fix=f"make data/{table}.parquet, or remove `references` from schema.yaml",
        )
    known = f"TRY_CAST({quoted(foreign)} AS {sql_type(column.type)})"
    return f"NOT IN (SELECT {known} FROM {tables[table]} WHERE {known} IS NOT NULL)"


def _set_rules(schema: Schema, key: tuple[str, ...]) -> list[SetRule]:
    found = [SetRule(key, "unique key", missing_counts=True)] if key else []
    return found + [
        SetRule((name,), "unique", missing_counts=False)
        for name, column in schema.columns.items()
        if column.unique and (name,) != key
    ]


def _shown(bound: float | str) -> str:
    return bound if isinstance(bound, str) else f"{bound:.15g}"


def _bound(bound: float | str) -> str:
    if isinstance(bound, str):
        return f"CAST({literal(bound.rstrip('Z'))} AS TIMESTAMP)"
    if bound == int(bound) and abs(bound) < 2**53:
        return str(int(bound))
    return f"{bound!r}::DOUBLE"
