"""How the distribution of each column moved, in a number and in plain words.

Distances are computed on all rows, or on a sample of both sides taken by a hash of the key (of the whole row without one), which is the
same for any order of rows and any machine. Counts of missing values, smallest and largest values, and the frequencies of columns with
few values are of all rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.data.diff.alignment import FLOATS, WHOLE, Pair
from mlops_kit.data.diff.model import ColumnDiff, ColumnSummary, ShiftLevel, ValueShare
from mlops_kit.data.diff.summaries import present, summarize, value_of
from mlops_kit.data.diff.words import count_words, share_words

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SAMPLE = 100_000
_FEW = 50
_MANY = 1000
_SHOWN = 10
# A leading zero makes a name (a postal code), not a number.
_NUMBER = "TRY_CAST({v} AS DOUBLE) IS NOT NULL AND NOT regexp_matches({v}, '^[-+]?0[0-9]')"
_TIME = "TRY_CAST({v} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL AND regexp_matches({v}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
_QUANTILES = (("q05", 0.05), ("median", 0.5), ("q95", 0.95))
_SLIGHT, _CLEAR, _STRONG = 0.02, 0.1, 0.25
# Kolmogorov-Smirnov's distance of two samples from one distribution is below this times sqrt(1/n + 1/m) in 99.9 % of cases.
_CHANCE = 1.95


@dataclass(frozen=True)
class Sides:
    """What is compared: relations with the columns of `pairs`, and where samples come from."""

    pairs: tuple[Pair, ...]
    """The columns."""
    old: str
    """The base's relation."""
    new: str
    """The head's relation."""
    key: tuple[str, ...]
    """Columns whose hash chooses a sample; they are not compared themselves."""
    hidden: frozenset[str] = frozenset()
    """Columns whose values are not shown."""
    same: Mapping[str, int] = field(default_factory=dict)
    """Column -> rows that have the same value on both sides, at least; 0 where nothing is known."""
    quiet: frozenset[str] = frozenset()
    """Columns that move by their nature, such as the time of a row; they are not judged."""
    cancelled: bool = False
    """Whether the tables `gone` and `came` hold what differs between both relations, column number i as `v<i>`."""


def compare_columns(duck: Duck, sides: Sides) -> dict[str, ColumnDiff]:
    """Return column -> its shift; `changed` and `examples` are left empty.

    In a table that is sampled, columns in which nearly all rows are surely the same get no distance: it is at most the share of the others
    (total variation, which bounds Kolmogorov-Smirnov's), so that the level is known.
    """
    rows = [_count(duck, side) for side in (sides.old, sides.new)]
    if not sides.pairs or not all(rows):
        return {pair.name: _nothing(pair, pair.name in sides.hidden) for pair in sides.pairs}
    every = math.ceil(max(rows) / SAMPLE)
    steady = {
        pair.name
        for pair in sides.pairs
        if every > 1 and 1 - sides.same.get(pair.name, 0) / max(rows) <= _SLIGHT
    }
    looked_at = [i for i, pair in enumerate(sides.pairs) if pair.name not in steady]
    if looked_at:
        for side in ("old", "new"):
            _take_sample(duck, sides, side, every, looked_at)
    kinds = [_kind(duck, i, pair, sampled=i in looked_at) for i, pair in enumerate(sides.pairs)]
    summaries = summarize(duck, sides.pairs, sides.old, sides.new, kinds=kinds, cancelled=sides.cancelled)
    sampled = max(_count(duck, f"sample_{side}") for side in ("old", "new")) if looked_at and every > 1 else 0
    found = {}
    for i, pair in enumerate(sides.pairs):
        both = (summaries[0][i], summaries[1][i])
        judged = pair.name not in sides.quiet and pair.name not in sides.key
        if i in looked_at:
            found[pair.name] = replace(
                _compare(duck, sides, i, kinds[i], both, judged=judged), sampled=sampled
            )
        else:
            found[pair.name] = _steady(pair, both, pair.name in sides.hidden, judged=judged)
    return found


def _steady(pair: Pair, both: tuple[ColumnSummary, ColumnSummary], pii: bool, *, judged: bool) -> ColumnDiff:
    old, new = (replace(side, quantiles=()) if pii else side for side in both)
    level: ShiftLevel = "same" if judged else "unknown"
    return ColumnDiff(
        pair.name, pair.type, None, (), old, new, None, level, "; ".join(_moved_missing(both)), pii
    )


def value_shares(duck: Duck, pair: Pair, old: str, new: str, *, most: int) -> tuple[ValueShare, ...] | None:
    """Return how often each value of a column occurs on both sides, most frequent of the head first; None when more than `most` do."""
    sides = [
        f"SELECT v, {o} AS o, {n} AS n FROM (SELECT {value} AS v FROM {side}) GROUP BY v"
        for value, side, o, n in ((pair.old, old, "count(*)", "0"), (pair.new, new, "0", "count(*)"))
    ]
    rows = duck.run(
        f"SELECT CAST(v AS VARCHAR), sum(o)::BIGINT, sum(n)::BIGINT FROM ({' UNION ALL '.join(sides)}) "
        f"GROUP BY v ORDER BY sum(n) DESC, sum(o) DESC, v LIMIT {most + 1}"
    ).fetchall()
    return None if len(rows) > most else tuple(ValueShare(*row) for row in rows)


def _take_sample(duck: Duck, sides: Sides, side: str, every: int, places: Sequence[int]) -> None:
    """Copy the sample of one side, its columns number `places` alone, as the table `sample_<side>`."""
    columns = ", ".join(f"{getattr(sides.pairs[i], side)} AS v{i}" for i in places)
    keys = [pair for pair in sides.pairs if pair.name in sides.key] or sides.pairs
    chosen = ", ".join(getattr(pair, side) for pair in keys)
    where = f" WHERE hash({chosen}) % {every} = 0" if every > 1 else ""
    duck.run(f"CREATE OR REPLACE TABLE sample_{side} AS SELECT {columns} FROM {getattr(sides, side)}{where}")


def _kind(duck: Duck, place: int, pair: Pair, *, sampled: bool) -> str:
    """Return `number`, `time` or `label`; texts count as numbers or times when all of the sample are."""
    if pair.type in WHOLE or pair.type in FLOATS or pair.type.startswith("DECIMAL"):
        return "number"
    if pair.type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    if pair.type == "VARCHAR" and sampled:
        v = f"v{place}"
        rows = f"(SELECT {v} FROM sample_old UNION ALL SELECT {v} FROM sample_new)"
        found = duck.run(
            f"SELECT bool_and({_NUMBER.format(v=v)}), bool_and({_TIME.format(v=v)}) FROM {rows} WHERE {present(v)}"
        ).fetchone()
        return "number" if found and found[0] else "time" if found and found[1] else "label"
    return "label"


def _compare(
    duck: Duck,
    sides: Sides,
    place: int,
    kind: str,
    both: tuple[ColumnSummary, ColumnSummary],
    *,
    judged: bool,
) -> ColumnDiff:
    pair = sides.pairs[place]
    pii = pair.name in sides.hidden
    values: tuple[ValueShare, ...] = ()
    chance = _CHANCE * math.sqrt(sum(1 / max(1, min(s.rows, SAMPLE)) for s in both))
    distance: float | None = None
    said: list[str] = []
    if kind in ("number", "time"):
        samples = [_numbers(duck, side, place, kind, pair) for side in ("old", "new")]
        both = (
            _with_quantiles(both[0], samples[0], kind),
            _with_quantiles(both[1], samples[1], kind),
        )
        distance = max(_ks(*samples), abs(_missing(both[0]) - _missing(both[1])))
        said = _moved_median(both)
    elif judged:
        distance, chance, values = _label_distance(duck, sides, place, chance)
        said = _moved_values(values, both)
    if not judged:
        distance = None
    level = _level(distance, chance)
    if pii:
        both = (replace(both[0], quantiles=()), replace(both[1], quantiles=()))
        values, said = (), (["its values moved"] if said else [])
    reason = [*_moved_missing(both), *(said if level not in ("same", "unknown") else [])]
    return ColumnDiff(
        column=pair.name,
        type=pair.type,
        changed=None,
        examples=(),
        old=both[0],
        new=both[1],
        distance=distance,
        level=level,
        reason="; ".join(reason),
        pii=pii,
        values=_most_moved(values, both),
    )


def _nothing(pair: Pair, pii: bool) -> ColumnDiff:
    return ColumnDiff(pair.name, pair.type, None, (), None, None, None, "unknown", "", pii)


def _numbers(duck: Duck, side: str, place: int, kind: str, pair: Pair) -> Array:
    """Return the values of the sample as doubles (times as seconds), sorted, without missing ones."""
    import numpy as np

    value = value_of(f"v{place}", kind, pair)
    value = f"epoch({value})" if kind == "time" else f"CAST({value} AS DOUBLE)"
    found = duck.run(f"SELECT {value} AS v FROM sample_{side} WHERE {value} IS NOT NULL").fetchnumpy()["v"]
    return np.sort(np.asarray(found, dtype=np.float64))


def _ks(old: Array, new: Array) -> float:
    """Return the largest difference of the shares of values up to any bound (Kolmogorov-Smirnov)."""
    import numpy as np

    if not len(old) or not len(new):
        return 0.0
    bounds = np.sort(
        np.concatenate([old, new]), kind="stable"
    )  # two sorted runs: merged, and searched in order
    below = [np.searchsorted(side, bounds, side="right") / len(side) for side in (old, new)]
    return float(np.abs(below[0] - below[1]).max())


def _with_quantiles(summary: ColumnSummary, values: Array, kind: str) -> ColumnSummary:
    if not len(values) or not summary.quantiles:
        return summary
    (low, high), points = summary.quantiles, []
    for name, share in _QUANTILES:
        value = float(
            values[math.ceil(share * len(values)) - 1]
        )  # a value that occurs, as DuckDB's quantile_disc
        points.append((name, _time(value) if kind == "time" else f"{value:.10g}"))
    return replace(summary, quantiles=(low, *points, high))


def _time(seconds: float) -> str:
    from datetime import UTC, datetime, timedelta

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(" 00:00:00")


def _label_distance(
    duck: Duck, sides: Sides, place: int, chance: float
) -> tuple[float | None, float, tuple[ValueShare, ...]]:
    """Return the total variation of the values, what chance explains of it, and the frequencies of all rows where values are few."""
    pair = sides.pairs[place]
    sample = Pair(pair.name, pair.type, f"v{place}", f"v{place}")
    found = value_shares(duck, sample, "sample_old", "sample_new", most=_MANY)
    if found is None or len(found) * 2 > sum(v.old + v.new for v in found):
        return None, chance, ()  # names, not classes: new ones are no shift
    exact = value_shares(duck, pair, sides.old, sides.new, most=_FEW) if len(found) <= _FEW else None
    values = exact or found
    totals = [sum(v.old for v in values), sum(v.new for v in values)]
    if not all(totals):
        return None, chance, ()
    distance = sum(abs(v.old / totals[0] - v.new / totals[1]) for v in values) / 2
    shares = [(v.old + v.new) / sum(totals) for v in values]
    spread = math.sqrt(sum(1 / t for t in totals))
    # Under no change each share differs by a normal value of sd sqrt(p (1 - p)) * spread; the mean of its size is sqrt(2 / pi) of that.
    expected = sum(math.sqrt(2 / math.pi * p * (1 - p)) for p in shares) * spread / 2
    return distance, expected + 3 * spread / 2, exact or ()


def _level(distance: float | None, chance: float) -> ShiftLevel:
    if distance is None:
        return "unknown"
    if distance <= max(chance, _SLIGHT):
        return "same"
    return "slight" if distance <= _CLEAR else "clear" if distance <= _STRONG else "strong"


def _missing(summary: ColumnSummary) -> float:
    return summary.missing / summary.rows if summary.rows else 0.0


def _moved_missing(both: tuple[ColumnSummary, ColumnSummary]) -> list[str]:
    """Return in words a share of missing values that moved by more than chance and by at least 0.1 %."""
    old, new = (_missing(side) for side in both)
    pooled = (both[0].missing + both[1].missing) / max(1, both[0].rows + both[1].rows)
    chance = 3.3 * math.sqrt(pooled * (1 - pooled) * sum(1 / max(1, side.rows) for side in both))
    if abs(new - old) <= max(chance, 0.001):
        return []
    return [f"missing in {share_words(new)} instead of {share_words(old)}"]


def _moved_median(both: tuple[ColumnSummary, ColumnSummary]) -> list[str]:
    points = [dict(side.quantiles) for side in both]
    if not all(points):
        return []
    if points[0]["median"] != points[1]["median"]:
        return [f"median {points[1]['median']} instead of {points[0]['median']}"]
    spans = [f"{side['q05']} to {side['q95']}" for side in points]
    return (
        [f"nine in ten values in {spans[1]} instead of {spans[0]}"]
        if spans[0] != spans[1]
        else ["another shape"]
    )


def _moved_values(values: Collection[ValueShare], both: tuple[ColumnSummary, ColumnSummary]) -> list[str]:
    said = []
    for value in _most_moved(tuple(values), both)[:2]:
        name = "missing" if value.value is None else f"`{value.value}`"
        if value.value is None:
            continue
        if not value.old or not value.new:
            rows, what = (value.new, "is new") if not value.old else (value.old, "is gone")
            said.append(f"{name} {what} ({count_words(rows, 'row')})")
        else:
            shares = (share_words(value.new / both[1].rows), share_words(value.old / both[0].rows))
            said.append(f"{name} {shares[0]} of the rows instead of {shares[1]}")
    return said or (["other values"] if not values else [])


def _most_moved(
    values: tuple[ValueShare, ...], both: tuple[ColumnSummary, ColumnSummary]
) -> tuple[ValueShare, ...]:
    rows = [max(1, side.rows) for side in both]
    moved = [v for v in values if v.old * rows[1] != v.new * rows[0]]
    moved.sort(key=lambda v: (-abs(v.old / rows[0] - v.new / rows[1]), v.value or ""))
    return tuple(moved[:_SHOWN])


def _count(duck: Duck, table: str) -> int:
    found = duck.run(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0
