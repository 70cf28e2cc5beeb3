"""Drawing sums over rows as the bootstrap would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.statistics.fixed import exact_mean, exact_sum, to_fixed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

ROW_BY_ROW = 10_000
"""Up to so many rows (or groups) every one is drawn; above, only the extreme ones."""
EXTREMES = 1024
"""Rows that are drawn one by one on large tables: of each column as many, those farthest from its mean."""
BATCH_ELEMENTS = 2_000_000
BLOCK_ROWS = 16_384
MOMENT_BITS = 52


def draw_weights(
    units: int, resamples: int, seed: list[int], *, rows: int | None = None
) -> Iterator[tuple[slice, Array]]:
    """Yield, batch by batch, which draws these are and how often each unit is in each: an array of draws x units.

    Every line of the array sums to `units`: it is multinomial with equal chances. `rows` limits the batches where the caller spreads
    a line over more rows than units; it changes no draw.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    size = max(1, BATCH_ELEMENTS // max(units, rows or 0))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        taken = rng.integers(0, units, (count, units)) + units * np.arange(count)[:, None]
        weights = np.bincount(taken.ravel(), minlength=count * units).reshape(count, units)
        yield slice(start, start + count), weights


def draw_sums(columns: Array, resamples: int, seed: list[int]) -> Array:
    """Return draws x columns: the column sums of a bootstrap sample of the rows of `columns`.

    Up to ROW_BY_ROW rows every one is drawn. Above, rows farthest from the mean of some column are drawn one by one: how many of the draws hit one of them is binomial, and which ones
    is uniform. The others have no extremes left, so that the sum of the draws that remain is normal by the central limit theorem,
    with the mean and covariance of those rows. Cutting values into bins instead would lose the spread within the outermost bins, which
    carries much of the variance of a log loss.
    """
    import numpy as np

    units, width = columns.shape
    if units <= ROW_BY_ROW:
        exact = to_fixed(columns)
        batches = draw_weights(units, resamples, seed)
        return np.concatenate([weights.astype(np.float64) @ exact for _, weights in batches])
    rng = np.random.default_rng(seed)
    extreme = _extremes(columns.T)
    tail = columns.T[:, extreme]
    tail = to_fixed(tail[:, np.lexsort(tail)].T, units).T
    in_tail = rng.binomial(units, tail.shape[1] / units, resamples)
    sums = _draw_tail(tail, in_tail, rng)
    mean, root = _moments(columns.T, extreme)
    left = (units - in_tail).astype(np.float64)
    normal = rng.standard_normal((resamples, width))
    noise = np.einsum("rk,ck->rc", normal, root)  # never BLAS, whose sums depend on the threads
    drawn: Array = sums + left[:, None] * mean + np.sqrt(left)[:, None] * noise
    return drawn


def _extremes(columns: Array) -> Array:
    """Return which rows are among those farthest from the mean in some of `columns`; ties at the border are left out."""
    import numpy as np

    width, rows = columns.shape
    found = np.zeros(rows, dtype=bool)
    place = rows - EXTREMES // width - 1
    for column in columns:
        far = abs(column - exact_mean(column))
        found |= far > np.partition(far, place)[place]
    return found


def _draw_tail(tail: Array, counts: Array, rng: np.random.Generator) -> Array:
    """Return draws x columns: the sums of `counts[i]` rows of the columns `tail`, drawn with replacement, for each draw i."""
    import numpy as np

    if not tail.shape[1]:
        return np.zeros((len(counts), len(tail)))
    draw = np.repeat(np.arange(len(counts)), counts)
    picked = rng.integers(0, tail.shape[1], len(draw))
    return np.column_stack(
        [np.bincount(draw, weights=column[picked], minlength=len(counts)) for column in tail]
    )


def _moments(columns: Array, extreme: Array) -> tuple[Array, Array]:
    """Return the mean of the rows that are not extreme, and a root R of their covariance (R @ R.T); the rows' order is all one.

    For the covariance values are rounded to so few bits that sums of products are exact: with a million rows to 16 bits, which moves a
    standard deviation by less than a millionth.
    """
    import numpy as np

    width, rows = columns.shape
    count = rows - int(extreme.sum())
    mean = np.array([exact_sum(np.where(extreme, 0.0, column)) for column in columns]) / count

    def blocks() -> Iterator[Array]:
        for start in range(0, rows, BLOCK_ROWS):
            block = columns[:, start : start + BLOCK_ROWS] - mean[:, None]
            block[:, extreme[start : start + BLOCK_ROWS]] = 0.0
            yield block

    bits = (MOMENT_BITS - count.bit_length()) // 2
    steps = np.max([abs(block).max(axis=1) for block in blocks()], axis=0) / 2**bits
    scale = np.where(steps > 0, steps, 1.0)[:, None]
    covariance = np.zeros((width, width))
    for block in blocks():
        whole = np.rint(block / scale)
        covariance += whole @ whole.T
    return mean, _root(covariance * np.outer(steps, steps) / count)


def _root(covariance: Array) -> Array:
    """Return a lower triangular root; columns that depend on earlier ones get zeros (Cholesky that allows singular matrices)."""
    import numpy as np

    width = len(covariance)
    root = np.zeros_like(covariance)
    for k in range(width):
        pivot = covariance[k, k] - (root[k, :k] ** 2).sum()
        if pivot > 1e-12 * covariance[k, k]:
            root[k, k] = pivot**0.5
            for i in range(k + 1, width):
                root[i, k] = (covariance[i, k] - (root[i, :k] * root[k, :k]).sum()) / root[k, k]
    return root
