"""The calibration error: what its absolute values need, and its draws on many rows from cells of both sides' bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import BINS, calibration_bins
from mlops_kit.compare.statistics.fixed import sum_groups
from mlops_kit.compare.statistics.values import Scores

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def shrink_gaps(drawn: Array, observed: Array) -> Array:
    """Return draws of gaps, moved so that they lie around estimates of the true gaps instead of around the observed ones.

    `drawn` is draws x bins, `observed` the bins' own sums. An observed gap is noise in part: its square is too large by its variance v.
    Drawing around it adds noise to noise, and where a model is well calibrated absolute values of that vary by a quarter more than
    those of the gap itself do from test set to test set. Drawn around the root of gap**2 - v (0 if negative) they do not; a gap that
    stands out of the noise stays where it is. The intervals stay somewhat too wide, by 9 to 13 % between nearly calibrated models: a
    missed difference, never a false one.
    """
    import numpy as np

    kept = np.sqrt(np.maximum(observed**2 - drawn.var(axis=0), 0.0))
    moved: Array = drawn - observed + np.sign(observed) * kept
    return moved


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
    errors = []
    for side, part, of_bin in zip((old, new), sums, bins, strict=True):
        gathered = np.column_stack([part[:, of_bin == number].sum(axis=1) for number in range(BINS)])
        errors.append(abs(shrink_gaps(gathered, exact_gaps(side))).sum(axis=1) / len(code))
    return np.asarray(errors[1] - errors[0])


def exact_gaps(side: Scores) -> Array:
    """Return the sum of truth less score in each bin, of one run, the same bits in any order of the rows."""
    score = side.score[:, 0]
    return sum_groups(side.actual - score, calibration_bins(score), BINS)


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
