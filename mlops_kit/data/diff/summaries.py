"""Rows, missing values, smallest and largest value of each column on both sides.

Where equal rows have been cancelled only the base is read: what the head has follows from the rows that went and came. Only where a row
that went had the smallest or largest value, and none that came reaches it, that column of the head is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from mlops_kit.artifacts.columns import MISSING_WORDS
from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.data.diff.alignment import FLOATS, Pair
from mlops_kit.data.diff.model import ColumnSummary

Summaries: TypeAlias = list[ColumnSummary]


def summarize(
    duck: Duck, pairs: Sequence[Pair], old: str, new: str, *, kinds: Sequence[str], cancelled: bool
) -> tuple[Summaries, Summaries]:
    """Return the summaries of all columns of the relations `old` and `new`; `kinds` are `number`, `time` (with edges) or others.

    `cancelled` says that the tables `gone` and `came` have what differs between them, column number i as `v<i>`.
    """
    every = range(len(pairs))
    before, after = ([getattr(pair, side) for pair in pairs] for side in ("old", "new"))
    _measure(duck, "old_measured", old, before, every, pairs=pairs, kinds=kinds)
    if cancelled:
        places = [f"v{i}" for i in every]
        for rows in ("gone", "came"):
            _measure(duck, f"{rows}_measured", rows, places, every, pairs=pairs, kinds=kinds)
        unsure = _derive(duck, len(pairs))
    else:
        _measure(duck, "new_measured", new, after, every, pairs=pairs, kinds=kinds)
        unsure = []
    sides = [_read(duck, f"{side}_measured", every) for side in ("old", "new")]
    if unsure:
        _measure(duck, "new_measured", new, after, unsure, pairs=pairs, kinds=kinds)
        for place, found in zip(unsure, _read(duck, "new_measured", unsure), strict=True):
            sides[1][place] = found
    return sides[0], sides[1]


def present(value: str) -> str:
    """Return the condition that a text is none of the words for a missing value."""
    words = ", ".join(literal(word) for word in MISSING_WORDS)
    return f"({value} IS NOT NULL AND trim({value}) NOT IN ({words}))"


def value_of(column: str, kind: str, pair: Pair) -> str:
    """Return the value as what is compared; NaN is missing."""
    if pair.type == "VARCHAR" and kind != "label":
        cast = "DOUBLE" if kind == "number" else "TIMESTAMP WITH TIME ZONE"
        column = f"CASE WHEN {present(column)} THEN TRY_CAST({column} AS {cast}) END"
    if kind == "number" and (pair.type in FLOATS or pair.type == "VARCHAR"):
        return f"CASE WHEN NOT isnan({column}) THEN {column} END"
    return column


def _measure(
    duck: Duck,
    table: str,
    rows: str,
    columns: Sequence[str],
    places: Sequence[int],
    *,
    pairs: Sequence[Pair],
    kinds: Sequence[str],
) -> None:
    """Make a table of one row: rows `n`, and of the columns number `places` values `c<i>`, smallest `l<i>` and largest `u<i>`."""
    noted: list[str] = []
    scanned = ["count(*) AS n"]
    for i in places:
        value = value_of(columns[i], kinds[i], pairs[i])
        scanned.append(f"count({value}) AS c{i}")
        if kinds[i] in ("number", "time"):
            # Edges of values as they are written stand in the footers of Parquet; DuckDB takes them from there when it is asked for no others.
            target = noted if value == columns[i] and pairs[i].type not in FLOATS else scanned
            target += [f"min({value}) AS l{i}", f"max({value}) AS u{i}"]
        else:
            scanned += [f"NULL AS l{i}", f"NULL AS u{i}"]
    parts = " CROSS JOIN ".join(
        f"(SELECT {', '.join(some)} FROM {rows})" for some in (scanned, noted) if some
    )
    duck.run(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {parts}")


def _derive(duck: Duck, width: int) -> list[int]:
    """Make `new_measured` from what the base, `gone` and `came` measure; return the numbers of columns whose edges that leaves open."""
    parts, open_edges = ["o.n - g.n + c.n AS n"], []
    for i in range(width):
        parts.append(f"o.c{i} - g.c{i} + c.c{i} AS c{i}")
        for edge, better, best in ((f"l{i}", ">", "least"), (f"u{i}", "<", "greatest")):
            kept = f"(g.{edge} IS NULL OR g.{edge} {better} o.{edge})"  # a row that stayed has the edge
            reached = f"coalesce(NOT c.{edge} {better} o.{edge}, false)"
            parts.append(
                f"CASE WHEN {kept} THEN {best}(o.{edge}, c.{edge}) WHEN {reached} OR g.c{i} = o.c{i} THEN c.{edge} END AS {edge}"
            )
            open_edges.append(f"NOT ({kept} OR {reached} OR g.c{i} = o.c{i})")
    sides = "old_measured o CROSS JOIN gone_measured g CROSS JOIN came_measured c"
    duck.run(f"CREATE OR REPLACE TABLE new_measured AS SELECT {', '.join(parts)} FROM {sides}")
    found = duck.run(f"SELECT {', '.join(open_edges)} FROM {sides}").fetchone() or ()
    return sorted({number // 2 for number, is_open in enumerate(found) if is_open})


def _read(duck: Duck, table: str, places: Sequence[int]) -> Summaries:
    parts = ", ".join(f"c{i}, CAST(l{i} AS VARCHAR), CAST(u{i} AS VARCHAR)" for i in places)
    found = duck.run(f"SELECT n, {parts} FROM {table}").fetchone() or ()
    rows, cells = int(found[0]), found[1:]
    return [
        ColumnSummary(
            rows, rows - int(count), (("min", _short(low)), ("max", _short(high))) if low and high else ()
        )
        for count, low, high in zip(cells[::3], cells[1::3], cells[2::3], strict=True)
    ]


def _short(text: str) -> str:
    return text.removesuffix(".0").removesuffix("+00").removesuffix(" 00:00:00")
