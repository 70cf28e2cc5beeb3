"""The sets of a split as values that are written when the stage ends, and the check that no row is lost between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_kit.artifacts.duck import quoted
from mlops_kit.data.splitting.bounds import Bounds
from mlops_kit.data.splitting.joined import BY, JoinedRows
from mlops_kit.data.splitting.leakage import PARTS, find_leakage
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.artifacts.tables import RowStream


class SplitRows(NamedTuple):
    """What a split gives, in the order in which the split steps return it."""

    train: RowStream
    """Rows to learn from, by key."""
    validation: RowStream
    """Rows to choose params by; none unless asked for."""
    test: RowStream
    """Rows to measure on."""
    live: RowStream
    """Rows that have no label yet; with a time column those newer than every row that a column labelled, or than every labelled one."""
    leakage: dict[str, float]
    """Numbers of the leakage report."""
    leakage_report: dict[str, Any]
    """What test rows have in common with the others, in words too."""


def finish(rows: JoinedRows, bounds: Bounds, said: Mapping[str, Any], validation: bool) -> SplitRows:
    """Return the sets that `bounds` make of `rows`, with the leakage report, which begins with what is `said` of the method.

    Raises BadDataError when a set that must have rows has none.
    """
    part = bounds.sql(rows.task.target)
    counts = dict(
        rows.duck.run(f"SELECT {part} AS part, count(*) FROM {rows.relation} GROUP BY part").fetchall()
    )
    sizes = {name: int(counts.get(name, 0)) for name in PARTS}
    assert sum(sizes.values()) == rows.labelled
    if not sizes["train"] or not sizes["test"] or (validation and not sizes["validation"]):
        raise BadDataError(
            f"{sizes['train']} rows to train with, {sizes['validation']} to validate and {sizes['test']} to test with",
            fix="acquire more rows, or change the shares under split in params.yaml",
        )
    live = _live(rows)
    (waiting,) = rows.numbers(f"SELECT count(*) FROM {rows.relation} WHERE {live}")
    sizes |= {"live": waiting, "no_set": rows.rows - rows.labelled - waiting}
    numbers, report = find_leakage(rows, part, sizes)
    sets = {name: rows.stream(f"{part} = '{name}'") for name in PARTS}
    return SplitRows(
        sets["train"],
        sets["validation"],
        sets["test"],
        rows.stream(live, target=False),
        numbers,
        {**said, **report},
    )


def _live(rows: JoinedRows) -> str:
    """Return the SQL condition of rows that may yet get a label: with a time column those after the newest labelled row.

    Where a column labels rows as time goes by, the newest of these counts: people and functions label what is new as well, and one answer
    about the newest row would leave nothing to monitor.
    """
    target = quoted(rows.task.target)
    if not rows.task.time:
        return f"{target} IS NULL"
    moment = f"epoch_us({quoted(rows.task.time)})"
    newest = rows.duck.run(
        f"SELECT coalesce(max({moment}) FILTER ({quoted(BY)} = 'column'), max({moment})) FROM {rows.relation} WHERE {target} IS NOT NULL"
    ).fetchone()
    bound = newest[0] if newest and newest[0] is not None else -(2**63)
    return f"{target} IS NULL AND {moment} > {bound}"
