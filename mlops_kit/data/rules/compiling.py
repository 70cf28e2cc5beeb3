"""One rule after the other made into a query: what becomes of the columns, which rows are touched, which are bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.contract.casts import cast_sql, shown_sql, sql_type
from mlops_kit.data.rules import model
from mlops_kit.data.rules.expressions import check_expression, unknown_column
from mlops_kit.data.rules.flow import BAD, BAD_TYPE, ROW, Fault, Flow, bad_sql, distinct_names, touched_column
from mlops_kit.data.rules.functions import call_function
from mlops_kit.data.rules.parsing import check_zone, parse_number, parse_time, trimmed_text
from mlops_kit.errors import SpecError

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "U")
_TIMES = ("TIMESTAMP", "DATE")


def apply_rules(flow: Flow, items: Sequence[Mapping[str, Any]]) -> Flow:
    """Return the rows after the rules of a list from params.yaml, in its order.

    Raises SpecError, naming the rule by its number and close names, for a rule or a column that does not exist, BadDataError for a
    function that breaks its promise.
    """
    for declared in model.read_rules(items):
        flow = _COMPILERS[type(declared.rule)](flow, declared, declared.rule)
        distinct_names(list(flow.columns), declared.where)
    return flow


def _rename(flow: Flow, rule: model.Declared, what: model.Rename) -> Flow:
    _known(flow, what.columns, rule)
    order = [what.columns.get(name, name) for name in flow.columns]
    distinct_names(order, rule.where)
    twice = sorted({name for name in order if order.count(name) > 1})
    if twice:
        raise SpecError(
            f"two columns would be called `{twice[0]}`", where=rule.where, fix="drop one of them before"
        )
    new = {there: (quoted(name), flow.columns[name]) for name, there in what.columns.items()}
    return flow.change(rule, new, order=order)


def _drop(flow: Flow, rule: model.Declared, what: model.Drop) -> Flow:
    _known(flow, what.columns, rule)
    order = [name for name in flow.columns if name not in what.columns]
    if not order:
        raise SpecError("no column would be left", where=rule.where)
    touched = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in what.columns)
    return flow.change(rule, {}, order=order, touched=touched or "false")


def _trim(flow: Flow, rule: model.Declared, what: model.Trim) -> Flow:
    names = _texts(flow, flow.columns) if "*" in what.columns else list(what.columns)
    _known(flow, names, rule)
    _typed(flow, names, rule, ("VARCHAR",), "texts")
    return _changed(flow, rule, {name: (trimmed_text(quoted(name)), "VARCHAR") for name in names})


def _replace(flow: Flow, rule: model.Declared, what: model.Replace) -> Flow:
    _known(flow, what.columns, rule)
    new = {}
    for name, values in what.columns.items():
        kind = flow.columns[name]
        cases = " ".join(
            f"WHEN {literal(_plain(old))} THEN {'NULL' if value is None else _typed_literal(flow, value, name, rule)}"
            for old, value in values.items()
        )
        shown = shown_sql(quoted(name), kind)
        new[name] = (f"CASE {shown} {cases} ELSE {quoted(name)} END" if cases else quoted(name), kind)
    return _changed(flow, rule, new)


def _fill(flow: Flow, rule: model.Declared, what: model.Fill) -> Flow:
    _known(flow, what.columns, rule)
    new = {}
    for name, value in what.columns.items():
        kind = flow.columns[name]
        new[name] = (
            f"CASE WHEN {_present(flow, name)} IS NULL THEN {_typed_literal(flow, value, name, rule)} ELSE {quoted(name)} END",
            kind,
        )
    return _changed(flow, rule, new)


def _clip(flow: Flow, rule: model.Declared, what: model.Clip) -> Flow:
    _known(flow, what.columns, rule)
    _typed(flow, what.columns, rule, _NUMBERS, "numbers")
    new = {}
    for name, bounds in what.columns.items():
        if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            raise SpecError(f"`{name}`: min {bounds.min:g} is above max {bounds.max:g}", where=rule.where)
        kind, cell = flow.columns[name], quoted(name)
        known = f"{_present(flow, name)} IS NOT NULL"  # NaN is above every number for DuckDB
        for sign, bound in (("<", bounds.min), (">", bounds.max)):
            if bound is not None:
                limit = _typed_literal(flow, int(bound) if bound.is_integer() else bound, name, rule)
                cell = f"CASE WHEN {known} AND {cell} {sign} {limit} THEN {limit} ELSE {cell} END"
        new[name] = (cell, kind)
    return _changed(flow, rule, new)


def _cast(flow: Flow, rule: model.Declared, what: model.Cast) -> Flow:
    _known(flow, what.columns, rule)
    readings = {}
    for name, wanted in what.columns.items():
        text = cast_sql(quoted(name), flow.columns[name], wanted, text="").text
        value = cast_sql(quoted(name), flow.columns[name], wanted, text=quoted(_text(name))).value
        readings[name] = _Reading(text, value, sql_type(wanted), f"cast {wanted}")
    return _read(flow, rule, readings)


def _parse_number(flow: Flow, rule: model.Declared, what: model.ParseNumber) -> Flow:
    _known(flow, what.columns, rule)
    _typed(flow, what.columns, rule, ("VARCHAR", *_NUMBERS), "texts or numbers")
    readings = {}
    for name in _texts(flow, what.columns):
        value, kind = parse_number(quoted(_text(name)), what, where=rule.where)
        readings[name] = _Reading(_present(flow, name), value, kind, f"{what.type} ({what.locale})")
    return _read(flow, rule, readings)


def _parse_time(flow: Flow, rule: model.Declared, what: model.ParseTime) -> Flow:
    _known(flow, what.columns, rule)
    _typed(flow, what.columns, rule, ("VARCHAR", *_TIMES), "texts or times")
    zones = [
        str(row[0]) for row in flow.duck.run("SELECT name FROM pg_timezone_names() ORDER BY 1").fetchall()
    ]
    check_zone(what.timezone, zones, where=rule.where)
    readings = {}
    for name in _texts(flow, what.columns):
        value, kind = parse_time(quoted(_text(name)), what, where=rule.where)
        readings[name] = _Reading(_present(flow, name), value, kind, f"time ({what.locale})")
    _check_formats(flow, readings, rule)
    return _read(flow, rule, readings)


def _derive(flow: Flow, rule: model.Declared, what: model.Derive) -> Flow:
    new, cells, faults, changed = {}, {}, [], []
    for name, text in what.columns.items():
        kind = check_expression(flow.duck, text, flow.columns, where=rule.where)
        cell = quoted(f"mlops-kit tried {name}")
        cells[f"mlops-kit tried {name}"] = _tried(flow, text)
        new[name] = (f"{cell}[1]", kind)
        faults.append(Fault(f"{cell} IS NULL", f"derive {name}", name, "NULL"))
        before = quoted(name) if flow.columns.get(name) == kind else "NULL"
        changed.append(f"{cell}[1] IS DISTINCT FROM {before}")
    return flow.with_cells(cells).change(rule, new, faults=faults, touched=" OR ".join(changed) or "false")


def _filter(flow: Flow, rule: model.Declared, what: model.Filter) -> Flow:
    kind = check_expression(flow.duck, what.condition, flow.columns, where=rule.where)
    if kind != "BOOLEAN":
        raise SpecError(f"{what.condition!r} is no condition, but {kind}", where=rule.where)
    cells = {"mlops-kit tried": _tried(flow, what.condition)}
    gone = '(NOT coalesce("mlops-kit tried"[1], false))'
    fault = Fault(gone, f"filter {what.condition}", "", "NULL", aside=True)
    return flow.with_cells(cells).change(rule, {}, faults=[fault], touched=gone)


def _tried(flow: Flow, text: str) -> str:
    """Return the SQL of a list with the value of an expression, NULL where computing it fails."""
    # DuckDB 2.0 takes common parts out of TRY and computes them outside, where they fail the whole query.
    flow.duck.run("SET disabled_optimizers = 'common_subexpressions'")
    return f"TRY([({text}\n)])"


def _deduplicate(flow: Flow, rule: model.Declared, what: model.Deduplicate) -> Flow:
    """Find the losers by narrow queries: only rows that share a hash are sorted."""
    named = [*what.by, *([what.order_by] if what.order_by else [])]
    if not what.by:
        raise SpecError("`by` names no column", where=rule.where)
    _known(flow, named, rule)
    flow = flow.stored()
    by = ", ".join(map(quoted, what.by))
    table = f"losers_{next(flow.names)}"
    way = "ASC" if what.keep == "first" else "DESC"
    order = [
        *([f"{_present(flow, what.order_by)} {way} NULLS LAST"] if what.order_by else []),
        f"{ROW} {way}",
    ]
    shared = f"SELECT hash({by}) FROM ({flow.query}) WHERE {BAD} IS NULL GROUP BY 1 HAVING count(*) > 1"
    flow.duck.run(
        f"CREATE TABLE {table} AS SELECT {ROW} FROM (SELECT {ROW}, row_number() OVER (PARTITION BY {by} ORDER BY"
        f" {', '.join(order)}) AS place FROM ({flow.query}) WHERE {BAD} IS NULL AND hash({by}) IN ({shared})) WHERE place > 1"
    )
    lost = f"{ROW} IN (SELECT {ROW} FROM {table})"
    how = f"{what.keep} by {what.order_by}" if what.order_by else what.keep
    value = shown_sql(quoted(what.by[0]), flow.columns[what.by[0]])
    fault = Fault(lost, f"deduplicate by {', '.join(what.by)}, keep {how}", what.by[0], value, aside=True)
    return replace(flow.change(rule, {}, faults=[fault], touched=lost), light=True)


def _apply(flow: Flow, rule: model.Declared, what: model.Apply) -> Flow:
    """Give good rows to the function; bad ones wait aside."""
    if what.batch_rows < 1:
        raise SpecError("`batch_rows` must be 1 or more", where=rule.where)
    flow = flow.stored()
    texts = ", ".join(
        f"{shown_sql(quoted(name), kind)} AS {quoted(name)}" for name, kind in flow.columns.items()
    )
    gone = f"SELECT {texts}, * EXCLUDE ({', '.join(map(quoted, flow.columns))}) FROM ({flow.query}) WHERE {BAD} IS NOT NULL"
    called = call_function(flow, rule, what)
    kept = f"SELECT *, NULL::{BAD_TYPE} AS {BAD} FROM {called.relation}"
    aside = [gone]
    if called.lost:
        fault = Fault("true", f"apply {what.function}", "", "NULL", aside=True)
        aside.append(
            f"SELECT {texts}, {ROW}, {bad_sql(rule.number, [fault])} AS {BAD}, {', '.join([*(touched_column(one) for one in flow.done), f'true AS {touched_column(rule)}'])}"
            f" FROM ({flow.query}) WHERE {BAD} IS NULL AND {ROW} NOT IN (SELECT {ROW} FROM {called.relation})"
        )
    return replace(
        flow,
        query=kept,
        light=True,
        columns=called.columns,
        done=(*flow.done, rule),
        aside=(*flow.aside, *aside),
    )


def _changed(flow: Flow, rule: model.Declared, new: Mapping[str, tuple[str, str]]) -> Flow:
    """Put new values in the place of those there are; rows in which one differs are touched."""
    touched = " OR ".join(f"({sql}) IS DISTINCT FROM {quoted(name)}" for name, (sql, _) in new.items())
    return flow.change(rule, new, touched=touched or "false")


@dataclass(frozen=True)
class _Reading:
    """How a column is read as another type."""

    text: str
    """SQL of what is there, NULL where it is missing."""
    value: str
    """SQL of the value, NULL where it cannot be read; over the name `_text(column)`."""
    type: str
    """Type of the value."""
    words: str
    """The rule, for quarantine."""


def _read(flow: Flow, rule: model.Declared, readings: Mapping[str, _Reading]) -> Flow:
    """Put what was read in the place of what was there; rows with something that cannot be read are bad."""
    read = flow.with_cells({_text(name): one.text for name, one in readings.items()})
    read = read.with_cells({_value(name): one.value for name, one in readings.items()})
    new = {name: (quoted(_value(name)), one.type) for name, one in readings.items()}
    faults = [
        Fault(
            f"({quoted(_text(name))} IS NOT NULL AND {quoted(_value(name))} IS NULL)",
            one.words,
            name,
            shown_sql(quoted(name), flow.columns[name]),
        )
        for name, one in readings.items()
    ]
    touched = " OR ".join(f"{quoted(_value(name))} IS NOT NULL" for name in readings)
    return read.change(rule, new, faults=faults, touched=touched or "false")


def _text(name: str) -> str:
    return f"mlops-kit text {name}"


def _value(name: str) -> str:
    return f"mlops-kit value {name}"


def _present(flow: Flow, name: str) -> str:
    """Return the SQL of what is in a column, NULL for what the contract takes for missing: NaN, empty texts, words such as `NA`."""
    return cast_sql(quoted(name), flow.columns[name], "string", text="").text


def _check_formats(flow: Flow, readings: Mapping[str, _Reading], rule: model.Declared) -> None:
    """Raise SpecError if a format of times cannot be one."""
    import duckdb

    try:
        for name, one in readings.items():
            flow.duck.run(
                f"SELECT CAST({one.value} AS VARCHAR) FROM (SELECT '1'::VARCHAR AS {quoted(_text(name))})"
            )
    except duckdb.Error as error:
        raise SpecError(f"`format` cannot be used: {str(error).splitlines()[0]}", where=rule.where) from None


def _known(flow: Flow, names: Iterable[str], rule: model.Declared) -> None:
    for name in names:
        if name not in flow.columns:
            raise unknown_column(name, flow.columns, where=rule.where)


def _texts(flow: Flow, names: Iterable[str]) -> list[str]:
    return [name for name in names if flow.columns[name] == "VARCHAR"]


def _typed(
    flow: Flow, names: Iterable[str], rule: model.Declared, kinds: tuple[str, ...], words: str
) -> None:
    for name in names:
        if not flow.columns[name].startswith(kinds):
            raise SpecError(
                f"column `{name}` is {flow.columns[name]} at this point, the rule takes {words}",
                where=rule.where,
                fix=f"put `- cast: {{{name}: ...}}` or `- parse_number` before it",
            )


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _typed_literal(flow: Flow, value: model.Value, name: str, rule: model.Declared) -> str:
    """Return `value` as a value of the type that the column `name` has. Raises SpecError when it cannot be one."""
    import duckdb

    kind = flow.columns[name]
    made = f"CAST({literal(_plain(value))} AS {kind})"
    try:
        flow.duck.run(f"SELECT CAST({made} AS VARCHAR)")
        fits = not (
            isinstance(value, float)
            and not value.is_integer()
            and kind.removeprefix("U").endswith(("INT", "INTEGER"))
        )
    except duckdb.Error:
        fits = False
    if not fits:
        raise SpecError(
            f"{value!r} is no value for column `{name}`, which is {kind} at this point", where=rule.where
        )
    return made


_COMPILERS: dict[type[Any], Callable[[Flow, model.Declared, Any], Flow]] = {
    model.Rename: _rename,
    model.Drop: _drop,
    model.Trim: _trim,
    model.Replace: _replace,
    model.Fill: _fill,
    model.Clip: _clip,
    model.Cast: _cast,
    model.ParseNumber: _parse_number,
    model.ParseTime: _parse_time,
    model.Derive: _derive,
    model.Filter: _filter,
    model.Deduplicate: _deduplicate,
    model.Apply: _apply,
}
