"""Several runs of the same training as replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlops_kit.compare.statistics.delong import normal_quantile
from mlops_kit.compare.statistics.values import Interval


def add_seeds(interval: Interval, old: Sequence[float], new: Sequence[float], confidence: float) -> Interval:
    """Return `interval` (over rows, of the mean over runs) with the spread between runs added; unchanged where no side has two runs.

    `old` and `new` are the metric's values, one for each run. The mean of m runs varies by their variance over m; a side with one
    run is given the variance of the other. The two sources are independent, so that the distances of the ends from the change add up
    in squares (Zou & Donner 2008, doi:10.1002/sim.3095), with a t quantile for the few runs (Satterthwaite 1946, doi:10.2307/3002019).
    """
    from statistics import mean, variance

    from scipy.special import stdtrit

    spreads = [variance(runs) if len(runs) > 1 else None for runs in (old, new)]
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return interval
    parts = [
        (
            (mean(known) if spread is None else spread) / len(runs),
            max(len(runs) for runs in (old, new)) - 1 if spread is None else len(runs) - 1,
        )
        for spread, runs in zip(spreads, (old, new), strict=True)
    ]
    total = sum(part for part, _ in parts)
    if total == 0:
        return replace(interval, seeds=True)
    freedom = min(
        total**2 / sum(part**2 / count for part, count in parts),
        sum(count for count in (len(runs) - 1 for runs in (old, new))),
    )
    reach = float(stdtrit(freedom, 1 - (1 - confidence) / 2)) * total**0.5
    change = interval.change or 0.0
    low = change - ((change - interval.low) ** 2 + reach**2) ** 0.5
    high = change + ((interval.high - change) ** 2 + reach**2) ** 0.5
    return replace(interval, low=low, high=high, p=p_of(change, low, high, confidence), seeds=True)


def p_of(change: float, low: float, high: float, confidence: float) -> float:
    """Return the level at which an interval would touch zero, were its ends moved in proportion to normal quantiles.

    So p is at most 1 - confidence exactly where the interval excludes zero.
    """
    from mlops_kit.compare.statistics.delong import two_sided_p

    toward_zero = change - low if change > 0 else high - change
    if change == 0:
        return 1.0
    if toward_zero <= 0:
        return 0.0 if low > 0 or high < 0 else 1.0
    return two_sided_p(normal_quantile(1 - (1 - confidence) / 2) * abs(change) / toward_zero)
