"""The test rows that two sides both predict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.predictions import PredictionTable
from mlops_kit.artifacts.side import Side, Unreadable
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import numpy as np

    from mlops_kit.compare.statistics import Interval


@dataclass(frozen=True)
class Shared:
    """The test rows that both sides predict."""

    old: PredictionTable
    new: PredictionTable
    """Both cut to the shared rows, in the same order."""
    notes: tuple[str, ...] = ()
    """What the cut left out, in words."""

    @property
    def rows(self) -> int:
        """Return the number of shared rows."""
        return len(self.new.key)


@dataclass(frozen=True)
class Sharing:
    """What comes of bringing two sides' predictions together."""

    shared: Shared | None = None
    """The shared rows; None where a side has no predictions, they cannot be read, or both are the same file."""
    identical: bool = False
    """Whether both sides have the very same predictions."""
    lost: tuple[Unreadable, ...] = field(default=())
    """Predictions that could not be read."""


def share(base: Side | None, head: Side, *, base_name: str = "base") -> Sharing:
    """Return the test rows that `base` (called `base_name` in messages) and `head` share."""
    if base is None or base.predictions is None or head.predictions is None:
        return Sharing()
    if base.predictions.digest == head.predictions.digest:
        return Sharing(identical=True)
    tables: list[PredictionTable] = []
    lost: list[Unreadable] = []
    for name, predictions in ((base_name, base.predictions), ("head", head.predictions)):
        try:
            tables.append(predictions.load())
        except BadDataError as error:
            lost.append(
                Unreadable(name, "predictions", error.message, error.fix or "mlops-kit run, or dvc repro")
            )
    return Sharing(share_rows(*tables)) if not lost else Sharing(lost=tuple(lost))


def share_rows(old: PredictionTable, new: PredictionTable) -> Shared:
    """Return both tables cut to the rows whose key is in both, and what that left out, in words."""
    import numpy as np

    keys, in_old, in_new = np.intersect1d(old.key, new.key, assume_unique=True, return_indices=True)
    cut = (cut_rows(old, in_old), cut_rows(new, in_new))
    notes = []
    if len(keys) < max(len(old.key), len(new.key)):
        notes.append(
            f"{len(keys):,} test rows are shared; the base has {len(old.key):,}, the head {len(new.key):,}"
        )
    changed = int((cut[0].actual != cut[1].actual).sum())
    if changed:
        notes.append(
            f"the labels of {changed:,} of {len(keys):,} shared test rows differ; each side is measured against its own"
        )
    return Shared(*cut, tuple(notes))


def cut_rows(table: PredictionTable, rows: np.ndarray[Any, Any]) -> PredictionTable:
    """Return the table's `rows` (positions, or a mask) alone."""
    return replace(
        table,
        key=table.key[rows],
        actual=table.actual[rows],
        score=table.score[rows],
        group=None if table.group is None else table.group[rows],
        slices={name: values[rows] for name, values in table.slices.items()},
    )


def intervals_of(
    shared: Shared, confidence: float, only: frozenset[str] | None = None
) -> dict[str, Interval]:
    """Return the interval of each metric's difference on the shared rows (of those in `only`); empty with fewer than two rows."""
    if shared.rows < 2:
        return {}
    from mlops_kit.compare.statistics import (  # most comparisons of others have no rows
        Scores,
        difference_intervals,
    )

    kind: Any = shared.new.task
    sides = (Scores(shared.old.actual, shared.old.score), Scores(shared.new.actual, shared.new.score))
    return difference_intervals(
        kind,
        *sides,
        threshold=shared.new.threshold,
        confidence=confidence,
        only=only,
        groups=shared.new.group,
        quantile=shared.new.quantile,
    )
