"""Bring two sides into one order that does not depend on how they came: rows permuted or sides swapped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.statistics.fixed import sum_groups
from mlops_kit.compare.statistics.values import Scores

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Paired:
    """Two sides on the same rows."""

    old: Scores
    new: Scores
    """Both with scores as rows x runs."""
    codes: Array | None
    """Number of each row's group, 0 to units - 1; None where each row is its own."""
    units: int
    """Groups, or rows where there are none: what is drawn."""

    @property
    def same_labels(self) -> bool:
        """Return whether both sides have the same true values."""
        import numpy as np

        return bool(np.array_equal(self.old.actual, self.new.actual))

    @property
    def single(self) -> bool:
        """Return whether each side is one run."""
        return bool(self.old.score.shape[1] == self.new.score.shape[1] == 1)


def pair(old: Scores, new: Scores, groups: Array | None) -> Paired:
    """Return both sides with scores as float arrays of rows x runs and groups numbered; groups of one row each are no groups."""
    import numpy as np

    sides = [
        Scores(
            np.asarray(side.actual, dtype=np.float64),
            np.asarray(side.score, dtype=np.float64).reshape(len(side.actual), -1),
        )
        for side in (old, new)
    ]
    rows = len(old.actual)
    if groups is not None:
        names, codes = np.unique(groups, return_inverse=True)
        if len(names) < rows:
            return Paired(sides[0], sides[1], codes, len(names))
    return Paired(sides[0], sides[1], None, rows)


def swap(paired: Paired) -> Paired:
    """Return the sides swapped."""
    return replace(paired, old=paired.new, new=paired.old)


def compare_sides(paired: Paired) -> int:
    """Return -1 or 1 for which side comes first in an order of sides that ignores the order of rows; 0 if swapping changes nothing."""
    import numpy as np

    old, new = paired.old, paired.new
    if old.score.shape[1] != new.score.shape[1]:
        return -1 if old.score.shape[1] < new.score.shape[1] else 1
    for one, other in ((old.score[:, 0], new.score[:, 0]), (old.actual, new.actual)):
        found = _first_difference(np.sort(one), np.sort(other))
        if found:
            return found
    both = [
        np.column_stack([column[order] for column in columns])
        for columns in (_columns(old, new), _columns(new, old))
        for order in [np.lexsort(columns[::-1])]
    ]
    return _first_difference(both[0].ravel(), both[1].ravel())


def sort_rows(paired: Paired) -> Paired:
    """Return the rows, and the groups, in an order that depends on their values alone."""
    import numpy as np

    order = np.lexsort(_columns(paired.old, paired.new)[::-1])
    old, new = (Scores(side.actual[order], side.score[order]) for side in (paired.old, paired.new))
    if paired.codes is None:
        return replace(paired, old=old, new=new)
    codes, units = paired.codes[order], paired.units
    marks = [np.bincount(codes, minlength=units)]
    for column in _columns(old, new):
        marks += [sum_groups(column, codes, units), sum_groups(column**2, codes, units)]
    renumbered = np.empty(units, dtype=np.intp)
    renumbered[np.lexsort(marks[::-1])] = np.arange(units)
    return replace(paired, old=old, new=new, codes=renumbered[codes])


def _columns(old: Scores, new: Scores) -> list[Array]:
    return [old.actual, *old.score.T, new.actual, *new.score.T]


def _first_difference(one: Array, other: Array) -> int:
    import numpy as np

    places = np.flatnonzero(one != other)
    return 0 if not len(places) else -1 if one[places[0]] < other[places[0]] else 1
