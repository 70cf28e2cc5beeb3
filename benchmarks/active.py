"""Does the queue save labels? Active selection against random on real data whose answers are known, by seeds.

python -m benchmarks.active [seeds [data set ...]]

A simulated annotator answers what the queue asks, round by round, through the code of `mlops-kit label queue`. Before anything was measured it was
laid down: random labels half of the items; the question is how many labels a strategy needs for the accuracy that random has then, and
whether these are at least 30 % fewer. A quarter of the items is told as well: half of the tumours are already as good as all of them. Curves are means over the seeds, intervals a bootstrap over the seeds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from mlops_kit.labels.queue.shares import DEFAULT_SHARES
from tests.support.active import (
    RANDOM,
    Saving,
    Trial,
    accuracies,
    cancer_trial,
    digits_trial,
    flights_trial,
    saving,
)

WANTED = 0.30
TRIALS = {"digits": digits_trial, "breast cancer": cancer_trial, "flights": flights_trial}
STRATEGIES: Mapping[str, Mapping[str, float]] = {
    "random": RANDOM,
    "uncertain": {"uncertain": 1.0},
    "diverse": {"diverse": 1.0},
    "default": DEFAULT_SHARES,
}
Job = tuple[str, str, int]


@cache
def _trial(name: str) -> Trial:
    return TRIALS[name]()


def curve(job: Job) -> np.ndarray:
    """Return the accuracies of one data set, one strategy, one seed."""
    name, strategy, seed = job
    return accuracies(_trial(name), STRATEGIES[strategy], seed)


def verdict(found: Saving) -> str:
    """Return in words whether the saving is the one that is wanted."""
    if not np.isfinite(found.labels):
        return "no: never reaches it"
    if found.low >= WANTED:
        return f"yes: at least {WANTED:.0%} fewer, with the whole interval"
    if found.saved >= WANTED:
        return f"on average {WANTED:.0%} fewer, not with the whole interval"
    return f"no: not {WANTED:.0%} fewer"


def _labels(found: Saving) -> str:
    return f"{found.labels:.0f}" if np.isfinite(found.labels) else "never"


def _share(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "never"


def _tell(name: str, strategy: str, at: int, found: Saving) -> None:
    print(
        f"{name:14} {strategy:10} accuracy {found.target:.4f}: {_labels(found):>5} instead of {at}, saved "
        f"{_share(found.saved)} [{_share(found.low)}, {_share(found.high)}]  {verdict(found)}",
        flush=True,
    )


def main() -> None:
    """Run all, print one line for each."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    names = sys.argv[2:] or list(TRIALS)
    start = time.perf_counter()
    jobs = [(name, strategy, seed) for name in names for strategy in STRATEGIES for seed in range(seeds)]
    with ProcessPoolExecutor(os.cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        curves = dict(zip(jobs, pool.map(curve, jobs), strict=True))
    print(
        f"{seeds} seeds; labels for the accuracy that random has after half, and a quarter, of the items are labelled"
    )
    for name in names:
        sizes = _trial(name).sizes()
        made = {each: np.array([curves[name, each, seed] for seed in range(seeds)]) for each in STRATEGIES}
        for at in (sizes[-1], sizes[len(sizes) // 2]):
            for strategy in list(STRATEGIES)[1:]:
                _tell(name, strategy, at, saving(sizes, made["random"], made[strategy], at))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
