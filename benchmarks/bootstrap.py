"""Intervals on a million test rows: time and memory of all metrics, and ratios to `scipy.stats.bootstrap`, in one run.

python benchmarks/bootstrap.py [rows]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import bootstrap

from mlops_kit.compare.metrics import compute_metrics, log_losses
from mlops_kit.compare.statistics import Interval, Scores, difference_intervals

RESAMPLES = 1000
SCIPY_RESAMPLES = 5
REPEATS = 3
ON_REQUEST = frozenset({"f2"})


def make_sides(rows: int) -> tuple[Scores, Scores]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=rows)
    actual = (rng.random(rows) < expit(2 * truth - 1)).astype(float)
    old, new = (expit(2 * truth - 1 + rng.normal(scale=scale, size=rows)) for scale in (1.0, 0.99))
    return Scores(actual, old), Scores(actual, new)


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def their_seconds(name: str, old: Scores, new: Scores) -> float:
    """Return the seconds that scipy needs for RESAMPLES draws of the difference, from two shorter runs: its cost is linear in draws."""
    if name in ("log_loss", "brier"):  # the friendliest form: a mean of differences, vectorized
        loss = {"log_loss": log_losses, "brier": lambda actual, score: (score - actual) ** 2}[name]
        data: Any = (loss(old.actual, new.score) - loss(old.actual, old.score),)
        statistic: Any = np.mean
    else:
        data = (old.actual, old.score, new.score)

        def statistic(actual: Any, one: Any, two: Any) -> float:
            before, after = (compute_one(name, actual, score) for score in (one, two))
            return after - before

    def run(count: int) -> float:
        return seconds(
            lambda: bootstrap(
                data, statistic, paired=True, method="percentile", n_resamples=count, batch=1,
                vectorized=statistic is np.mean, rng=np.random.default_rng(0),
            )
        )[0]  # fmt: skip

    short, long = (min(run(count) for _ in range(2)) for count in (1, 1 + SCIPY_RESAMPLES))
    return short + (long - short) / SCIPY_RESAMPLES * (RESAMPLES - 1)


def compute_one(name: str, actual: Any, score: Any) -> float:
    from mlops_kit.compare import metrics

    if name == "roc_auc":
        return metrics.roc_auc(actual, score)
    if name == "average_precision":
        return metrics.average_precision(actual, score)
    if name == "calibration_error":
        return metrics.calibration_error(actual, score)
    tp, fp, fn, tn = metrics.confusion_counts(actual, score, 0.5)
    return {"accuracy": metrics.ratio(tp + tn, len(actual)), "f1": metrics.ratio(2 * tp, 2 * tp + fp + fn)}[
        name
    ]


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    old, new = make_sides(rows)
    names = frozenset(compute_metrics("classification", old.actual[:100], old.score[:100])) | ON_REQUEST
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def ours(only: frozenset[str]) -> dict[str, Interval]:
        return difference_intervals("classification", old, new, resamples=RESAMPLES, only=only)

    taken, found = seconds(lambda: ours(names))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{rows:,} test rows, {len(found)} metrics, {RESAMPLES:,} resamples")
    print(f"all metrics together   {taken:.1f} s (below 20 is promised at 1,000,000 rows)")
    print(f"peak memory            {peak:.2f} GiB, {before:.2f} before (below 2 is promised)")
    print(f"\nscipy.stats.bootstrap: measured on {SCIPY_RESAMPLES} resamples, scaled to {RESAMPLES:,}")
    print(f"{'metric':20} {'ours s':>8} {'scipy s':>9} {'ratio':>7}")
    ratios = []
    for name in ("accuracy", "f1", "log_loss", "brier", "calibration_error", "average_precision", "roc_auc"):
        mine = min(seconds(lambda name=name: ours(frozenset({name})))[0] for _ in range(REPEATS))
        theirs = their_seconds(name, old, new)
        ratios.append((mine, theirs))
        print(f"{name:20} {mine:8.2f} {theirs:9.0f} {theirs / mine:7.0f}")
    mine, theirs = (sum(side) for side in zip(*ratios, strict=True))
    print(f"{'all of these':20} {mine:8.2f} {theirs:9.0f} {theirs / mine:7.0f}  (at least 100 is promised)")


if __name__ == "__main__":
    main()
