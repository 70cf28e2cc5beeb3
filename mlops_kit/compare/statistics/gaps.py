"""The calibration error on many rows: cells of both sides' bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import BINS, calibration_bins
from mlops_kit.compare.statistics.fixed import sum_groups
from mlops_kit.compare.statistics.values import Scores

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def draw_calibration_errors(old: Scores, new: Scores, resamples: int, seed: list[int]) -> Array:
    """Return draws of new - old.

    A row falls into a cell by its bin and its truth on both sides, and the cells' counts are multinomial, as in `cells`. What a row adds
    beyond that, the place of its two scores within bins of width 0.1, has no extremes: given the counts, the sums over a cell are
    drawn from their normal limit, with the cell's own means and covariance.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    code, bins = _cells(old, new)
    gaps = [side.actual - side.score[:, 0] for side in (old, new)]
    counts = np.bincount(code)
    size = len(counts)
    means = [sum_groups(gap, code, size) / counts for gap in gaps]
    spread = [
        sum_groups((gap - mean[code]) ** 2, code, size) / counts
        for gap, mean in zip(gaps, means, strict=True)
    ]
    both = sum_groups((gaps[0] - means[0][code]) * (gaps[1] - means[1][code]), code, size) / counts
    drawn = rng.multinomial(len(code), counts / len(code), resamples)
    root, normal = np.sqrt(drawn), rng.standard_normal((2, resamples, size))
    first = np.sqrt(spread[0])
    slope = np.divide(both, first, out=np.zeros(size), where=first > 0)
    rest = np.sqrt(np.maximum(spread[1] - slope**2, 0.0))
    sums = (
        drawn * means[0] + root * first * normal[0],
        drawn * means[1] + root * (slope * normal[0] + rest * normal[1]),
    )
    errors = [
        sum(abs(part[:, of_bin == number].sum(axis=1)) for number in range(BINS)) / len(code)
        for part, of_bin in zip(sums, bins, strict=True)
    ]
    return np.asarray(errors[1] - errors[0])


def exact_calibration_error(side: Scores) -> float:
    """Return the calibration error of one run, the same bits in any order of the rows."""
    score = side.score[:, 0]
    return float(abs(sum_groups(side.actual - score, calibration_bins(score), BINS)).sum() / len(score))


def _cells(old: Scores, new: Scores) -> tuple[Array, tuple[Array, Array]]:
    """Return the cell of each row, and for each cell its bin on the old and on the new side."""
    import numpy as np

    parts = [
        (calibration_bins(side.score[:, 0]) * 2 + (side.actual > 0.5)).astype(np.intp) for side in (old, new)
    ]
    whole = parts[0] * (2 * BINS) + parts[1]
    used = np.flatnonzero(np.bincount(whole, minlength=(2 * BINS) ** 2))
    number = np.zeros((2 * BINS) ** 2, dtype=np.intp)
    number[used] = np.arange(len(used))
    return number[whole], (used // (2 * BINS) // 2, used % (2 * BINS) // 2)
