"""What is in a table: missing and distinct values, quantiles, most frequent values of each column, exact and out of core.

Each column is grouped by value once; all else is read off the groups. Groups spill to disk; nothing depends on the order of rows, on
threads or on memory. Columns of personal data are counted, their values never shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mlops_kit.artifacts.duck import Duck, quoted
from mlops_kit.spec.model import Column

TOP_VALUES = 5
QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
_TYPES = {
    "string": "string",
    "integer": "int64",
    "number": "double",
    "boolean": "bool",
    "timestamp": "timestamp[us, tz=UTC]",
}


def profile_rows(duck: Duck, relation: str, columns: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """Return for each of `columns` of the SQL `relation`: type, missing and distinct values, and quantiles (numbers), the first and last
    (times), or the most frequent values (texts and booleans; ties in the order of the values).

    Quantiles lie between two values where they fall between them, as numpy's default does. `not_finite` counts numbers that are NaN
    or infinite, which quantiles leave out. Columns with `pii` have neither.
    """
    counts = ", ".join(["count(*)", *(f"count({quoted(name)})" for name in columns)])
    total, *present = duck.run(f"SELECT {counts} FROM {relation}").fetchone() or (0,)
    found: dict[str, dict[str, Any]] = {}
    for (name, column), known in zip(columns.items(), present, strict=True):
        entry = {"type": _TYPES[column.type], "missing": total - known}
        found[name] = entry | _describe(duck, relation, quoted(name), column)
    return found


def _describe(duck: Duck, relation: str, cell: str, column: Column) -> dict[str, Any]:
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE profiled AS SELECT {cell} AS v, count(*) AS n FROM {relation}"
        f" WHERE {cell} IS NOT NULL GROUP BY 1"
    )
    try:
        return _read_groups(duck, column)
    finally:
        duck.run("DROP TABLE IF EXISTS profiled")


def _read_groups(duck: Duck, column: Column) -> dict[str, Any]:
    distinct = _one(duck, "SELECT count(*) FROM profiled")[0]
    entry: dict[str, Any] = {"distinct": distinct}
    if not distinct or column.pii:
        return entry
    if column.type == "timestamp":
        first, last = _one(duck, "SELECT CAST(min(v) AS VARCHAR), CAST(max(v) AS VARCHAR) FROM profiled")
        return entry | {"min": _time(first), "max": _time(last)}
    if column.type in ("integer", "number"):
        return entry | _numbers(duck)
    rows = duck.run(
        f"SELECT CAST(v AS VARCHAR), n FROM profiled ORDER BY n DESC, v LIMIT {TOP_VALUES}"
    ).fetchall()
    return entry | {"top": dict(rows)}


def _numbers(duck: Duck) -> dict[str, Any]:
    odd, count = _one(
        duck,
        "SELECT coalesce(sum(n) FILTER (NOT isfinite(v::DOUBLE)), 0)::BIGINT, coalesce(sum(n) FILTER (isfinite(v::DOUBLE)), 0)::BIGINT FROM profiled",
    )
    entry: dict[str, Any] = {"not_finite": odd} if odd else {}
    if not count:
        return entry
    places = {name: share * (count - 1) for name, share in QUANTILES.items()}
    wanted = sorted(
        {int(side) for place in places.values() for side in (math.floor(place), math.ceil(place))}
    )
    cells = ", ".join(f"min(v) FILTER (upto > {number})" for number in wanted)
    values = _one(
        duck,
        f"SELECT {cells} FROM (SELECT v, sum(n) OVER (ORDER BY v ROWS UNBOUNDED PRECEDING) AS upto FROM profiled WHERE isfinite(v::DOUBLE))",
    )
    at = dict(zip(wanted, values, strict=True))
    return entry | {name: _between(at, place) for name, place in places.items()}


def _between(at: Mapping[int, float], place: float) -> float:
    low, high = float(at[math.floor(place)]), float(at[math.ceil(place)])
    share = place - math.floor(place)
    return low if low == high else low * (1 - share) + high * share


def _time(shown: str) -> str:
    """Return a time of the database, in UTC, as ISO 8601 has it; it may lie beyond what Python can hold."""
    return shown.replace(" ", "T", 1).removesuffix("+00") + "+00:00"


def _one(duck: Duck, sql: str) -> tuple[Any, ...]:
    row = duck.run(sql).fetchone()
    assert row is not None
    return tuple(row)
