"""Which values are answers to a task, in bulk: at once in SQL where they are plainly right, one by one in Python where they are not."""

from __future__ import annotations

import json
from collections.abc import Callable

from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.labels.events.values import value_fault
from mlops_kit.spec.labels import LabelTask

_BATCH = 10_000


def plain_sql(task: LabelTask, value: str = "value") -> str:
    """Return SQL that is true for values that are certainly answers to `task`, and for `null`. False says nothing: Python has to look.

    Lists are read into types and written again: only what comes back letter by letter was of that form, with the keys in order.
    """
    return f"coalesce({value} = 'null' OR {_PLAIN[task.type](task, value)}, false)"


def _class(task: LabelTask, value: str) -> str:
    return f"{value} IN ({', '.join(literal(json.dumps(name, ensure_ascii=False)) for name in task.classes)})"


def _number(task: LabelTask, value: str) -> str:
    low, high = (f"{bound!r}::DOUBLE" if bound is not None else "" for bound in (task.min, task.max))
    number = f"TRY_CAST({value} AS DOUBLE)"
    bounds = [f"{number} >= {low}"] * bool(low) + [f"{number} <= {high}"] * bool(high)
    plain = f"regexp_full_match({value}, '-?[0-9]{{1,300}}(\\.[0-9]+)?')"
    return " AND ".join([plain, *bounds])


def _classes(task: LabelTask, value: str) -> str:
    given = f"TRY(CAST(from_json({value}, '[\"VARCHAR\"]') AS VARCHAR[]))"
    known = f"list_has_all({_names(task)}, {given})"
    return f"({_same(given, value)} AND {known} AND len(list_distinct({given})) = len({given}))"


def _spans(task: LabelTask, value: str) -> str:
    form = '[{"end": "BIGINT", "label": "VARCHAR", "start": "BIGINT"}]'
    given = f"TRY(from_json({value}, {literal(form)}))"
    fits = f'one."start" >= 0 AND one."start" < one."end" AND one.label IN {_names(task)}'
    return f"({_same(given, value)} AND {_all(given, fits)})"


def _boxes(task: LabelTask, value: str) -> str:
    form = '[{"height": "DOUBLE", "label": "VARCHAR", "width": "DOUBLE", "x": "DOUBLE", "y": "DOUBLE"}]'
    given = f"TRY(from_json({value}, {literal(form)}))"
    inside = "one.x >= 0 AND one.y >= 0 AND one.x + one.width <= 1 AND one.y + one.height <= 1"
    fits = f"one.width > 0 AND one.height > 0 AND {inside} AND one.label IN {_names(task)}"
    return f"({_same(given, value)} AND {_all(given, fits)})"


_PLAIN: dict[str, Callable[[LabelTask, str], str]] = {
    "class": _class,
    "number": _number,
    "classes": _classes,
    "spans": _spans,
    "boxes": _boxes,
    "json": lambda _task, _value: "false",
}


def find_faults(duck: Duck, values: str, task: LabelTask, table: str) -> None:
    """Make the table `table` in `duck` with `value` and `fault` (a rule) of those of the query `values` (with a column `value`; not of
    temporary tables, which a stream of its own does not see) that are no answers to `task`."""
    duck.run(f"CREATE OR REPLACE TEMP TABLE {table} (value VARCHAR, fault VARCHAR)")
    found = duck.connection.cursor().sql(f"SELECT DISTINCT value FROM {values}").to_arrow_reader(_BATCH)
    for batch in found:
        texts = batch.column(0).to_pylist()
        bad = [(text, fault) for text in texts if (fault := _fault(task, text))]
        if bad:
            duck.connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", bad)


def _fault(task: LabelTask, text: str) -> str | None:
    try:
        found = value_fault(task, json.loads(text, parse_constant=_none))
    except (ValueError, RecursionError):
        return "wrong_type"
    return found[0] if found else None


def _none(name: str) -> object:
    raise ValueError(name)


def _names(task: LabelTask) -> str:
    return "[" + ", ".join(map(literal, task.classes)) + "]"


def _same(given: str, value: str) -> str:
    return f"CAST(to_json({given}) AS VARCHAR) = {value}"


def _all(given: str, fits: str) -> str:
    """Return SQL of whether each `one` of a list fits; one that is missing does not."""
    return f"list_bool_and(list_transform({given}, lambda one: coalesce({fits}, false))) IS NOT FALSE"
