"""The interval of a difference of two areas under the ROC curve, without drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import mid_ranks
from mlops_kit.compare.statistics.fixed import exact_mean, exact_sum, sum_groups
from mlops_kit.compare.statistics.values import Interval

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def delong_interval(
    actual: Array, old: Array, new: Array, *, confidence: float = 0.95, codes: Array | None = None
) -> Interval:
    """Return the normal interval of the difference of two areas under the ROC curve on the same rows.

    `actual` holds 0 and 1, `old` and `new` are scores (rows, or rows x runs: the mean area of the runs). The variance is that of
    DeLong, DeLong & Clarke-Pearson (1988, doi:10.2307/2531595), from each row's placement among the other class by mid-ranks (Sun &
    Xu 2014, doi:10.1109/LSP.2014.2337313). With `codes`, the group number of each row, it is that of Obuchowski (1997,
    doi:10.2307/2533958) for rows that come in groups, which is DeLong's where each group is one row.
    """
    positive = actual > 0.5
    (old_positive, old_negative), (new_positive, new_negative) = (
        mean_placements(positive, side) for side in (old, new)
    )
    on_positive, on_negative = new_positive - old_positive, new_negative - old_negative
    change = exact_mean(on_positive)
    if codes is None:
        variance = _variance_of_mean(on_positive, change) + _variance_of_mean(on_negative, change)
    else:
        variance = _clustered_variance(positive, on_positive - change, on_negative - change, codes)
    error = float(max(variance, 0.0) ** 0.5)
    half = normal_quantile(1 - (1 - confidence) / 2) * error
    p = two_sided_p(abs(change) / error) if error else 1.0  # rows without any spread prove nothing
    return Interval(change - half, change + half, change, p)


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def two_sided_p(deviation: float) -> float:
    """Return the chance that a standard normal value is at least `deviation` away from zero."""
    from math import erfc, sqrt

    return erfc(deviation / sqrt(2))


def mean_placements(positive: Array, score: Array) -> tuple[Array, Array]:
    """Return `placements`, averaged over the runs of `score` (rows, or rows x runs)."""
    import numpy as np

    runs = [placements(positive, run) for run in score.reshape(len(positive), -1).T]
    on_positive, on_negative = (np.mean([run[side] for run in runs], axis=0) for side in (0, 1))
    return on_positive, on_negative


def placements(positive: Array, score: Array) -> tuple[Array, Array]:
    """Return for each positive row the share of negative rows below it, for each negative row the share of positive rows above it."""
    ranks = mid_ranks(score)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    own_positive, own_negative = mid_ranks(score[positive]), mid_ranks(score[~positive])
    return (ranks[positive] - own_positive) / n_negative, 1 - (ranks[~positive] - own_negative) / n_positive


def _variance_of_mean(values: Array, mean: float) -> float:
    count = len(values)
    return exact_sum((values - mean) ** 2) / (count - 1) / count if count > 1 else 0.0


def _clustered_variance(positive: Array, on_positive: Array, on_negative: Array, codes: Array) -> float:
    """Return the variance of the difference from centred placements: between groups, and between the classes of one group."""
    groups = int(codes.max()) + 1
    above = sum_groups(on_positive, codes[positive], groups) / len(on_positive)
    below = sum_groups(on_negative, codes[~positive], groups) / len(on_negative)
    with_positive, with_negative = len(set(codes[positive].tolist())), len(set(codes[~positive].tolist()))
    if min(with_positive, with_negative) < 2:
        return 0.0
    return (
        with_positive / (with_positive - 1) * exact_sum(above**2)
        + with_negative / (with_negative - 1) * exact_sum(below**2)
        + 2 * groups / (groups - 1) * exact_sum(above * below)
    )
