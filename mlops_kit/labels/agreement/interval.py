"""Intervals of figures that are computed from sums over items: a bootstrap over items, or the jackknife; Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

CONFIDENCE = 0.95
RESAMPLES = 2_000
SEED = 0
_Z = 1.959963984540054
_DRAWN = 2_000  # rows; above, the jackknife's normal interval is as good and costs less
_CELLS = 20_000_000
_UNDEFINED = 0.05


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    """The figure."""
    low: float | None = None
    """Lower end; None where it cannot be told."""
    high: float | None = None
    """Upper end."""
    items: int = 0
    """Items (or answers) that it was computed from."""
    method: Literal["bootstrap", "jackknife", "delta", "wilson", "exact", "none"] = "none"
    """Where the interval comes from: drawing items again; leaving out each item once; the delta method; Wilson's formula; the
    binomial distribution, where no two answers differ."""


@dataclass(frozen=True, eq=False)
class Summed:
    """A figure that is a function of sums over items."""

    rows: Array
    """Rows x sums: what an item of each row adds. Whole numbers where `exact`."""
    items: Array
    """For each row how many items are like it."""
    figure: Callable[[Array], Any]
    """(..., sums) -> (...); NaN where it is not defined."""
    exact: bool = True
    """Whether all of `rows` are whole numbers, so that no order of adding matters."""


def estimate(summed: Summed) -> Estimate | None:
    """Return the figure with an interval over items; None where the figure is not defined.

    Up to 2,000 rows items are drawn again 2,000 times with a fixed seed and the interval is the 2.5 % and 97.5 % points: the bootstrap over
    items, which Zapf, Castell, Morawietz and Karch (2016, BMC Medical Research Methodology 16:93) found to keep its level for
    Krippendorff's alpha and Fleiss' kappa. Drawing rows of items that were answered alike by their number is the same law. Above, the
    variance is that of the jackknife, which leaves out each item once (Efron and Stein 1981), with the normal distribution.
    """
    import numpy as np

    count = int(summed.items.sum())
    totals = _totals(summed)
    value = float(summed.figure(totals))
    if math.isnan(value):
        return None
    if count < 2:
        return Estimate(value, items=count)
    size = summed.rows.shape[0]
    if size <= _DRAWN and size * summed.rows.shape[1] <= _CELLS:
        drawn = summed.figure(_drawn_totals(summed, count))
        defined = drawn[~np.isnan(drawn)]
        if defined.size < (1 - _UNDEFINED) * RESAMPLES:
            return Estimate(value, items=count)
        low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return Estimate(value, float(low), float(high), count, "bootstrap")
    error = _jackknife_error(summed, totals, count)
    if error is None:
        return Estimate(value, items=count)
    return Estimate(value, max(-1.0, value - _Z * error), min(1.0, value + _Z * error), count, "jackknife")


def unless_perfect(found: Estimate | None, chance: float | None) -> Estimate | None:
    """Return `found`, with an honest interval where no two answers differ: nothing that is drawn from such items would ever differ.

    The lower end is then that of a share of 1 - 0.025 ** (1 / items) items with answers that differ, the most that the binomial
    distribution allows (Clopper and Pearson 1934, Biometrika 26:404); `chance` is the share of pairs of answers that would differ by chance.
    None: values differ by more or less, and the lower end cannot be told.
    """
    if found is None or found.value < 1 - 1e-12 or not found.items:
        return found
    if not chance:
        return Estimate(found.value, items=found.items)
    most = 1 - ((1 - CONFIDENCE) / 2) ** (1 / found.items)
    return Estimate(found.value, max(-1.0, 1 - most / chance), 1.0, found.items, "exact")


def wilson(right: float, of: int) -> Estimate | None:
    """Return the share `right` / `of` with Wilson's score interval (1927, JASA 22:209); None of nothing."""
    if not of:
        return None
    share, square = right / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    # Rounding must not put the ends on the wrong side of a share of 0 or 1.
    return Estimate(
        share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)), of, "wilson"
    )


def normal(value: float, variance: float, items: int) -> Estimate:
    """Return `value` with the interval of the normal distribution, cut at -1 and 1."""
    half = _Z * math.sqrt(max(0.0, variance))
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), items, "delta")


def _totals(summed: Summed) -> Any:
    import numpy as np

    if summed.exact:
        return (summed.rows * summed.items[:, None]).sum(axis=0)
    return np.array([math.fsum(column) for column in (summed.rows * summed.items[:, None]).T])


def _drawn_totals(summed: Summed, count: int) -> Any:
    import numpy as np

    order = np.arange(summed.items.size) if summed.exact else np.lexsort(summed.rows.T)
    rows, items = summed.rows[order].astype(float), summed.items[order]
    draws = np.random.default_rng(SEED).multinomial(count, items / count, size=RESAMPLES)
    if summed.exact:  # whole numbers below 2**53: the order in which the linear algebra adds does not matter
        return draws.astype(float) @ rows
    return np.stack([(draws * rows[:, column]).sum(axis=1) for column in range(rows.shape[1])], axis=-1)


def _jackknife_error(summed: Summed, totals: Array, count: int) -> float | None:
    import numpy as np

    width = max(1, _CELLS // 8 // max(1, summed.rows.shape[1]))
    parts = [
        summed.figure(totals - summed.rows[start : start + width])
        for start in range(0, summed.items.size, width)
    ]
    without = np.concatenate(parts)
    if np.isnan(without).any():
        return None
    mean = math.fsum(without * summed.items) / count
    return math.sqrt((count - 1) / count * math.fsum((without - mean) ** 2 * summed.items))
