"""Does the verdict keep its promises? Seeded simulations: null pairs, coverage, power, agreement with other implementations.

python benchmarks/calibration.py [pairs [first seed]]
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Literal

import numpy as np
from scipy.special import expit
from scipy.stats import bootstrap, norm
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from threadpoolctl import threadpool_limits

from mlops_kit.compare.metrics import DIRECTIONS, compute_metrics
from mlops_kit.compare.model import MetricDiff, Verdict
from mlops_kit.compare.statistics import Interval, Scores, delong_interval, difference_intervals
from mlops_kit.compare.verdict import judge, margins_for

Kind = Literal["classification", "regression"]
Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array, Array]
Found = dict[str, tuple[float, float, float, bool]]

ROWS = 800
TRAIN_ROWS = 300
RESAMPLES = 1000
LONG_RUN = 10
"""Data sets of the reference for each data set with intervals."""
QUANTILE = {"classification": None, "regression": 0.5}
KINDS: tuple[Kind, ...] = ("classification", "regression")
SEED_TREES = 40


def make_copies(kind: Kind, seed: int, gain: float = 0.0) -> Pair:
    """Return truth and two models' predictions whose errors are independent and alike, but for `gain` less noise in the second."""
    rng = np.random.default_rng([seed, 1])
    truth = rng.normal(size=ROWS)
    noise = [scale * rng.normal(size=ROWS) for scale in (0.7, 0.7 * (1 - gain))]
    if kind == "regression":
        return truth + 0.3 * rng.standard_t(4, size=ROWS), truth + noise[0], truth + noise[1]
    actual = (rng.random(ROWS) < expit(1.5 * truth)).astype(float)
    return actual, expit(1.5 * truth + noise[0]), expit(1.5 * truth + noise[1])


def make_seeds(kind: Kind, seed: int) -> Pair:
    """Return truth and the predictions of two forests that differ in the seed of their training alone."""
    rng = np.random.default_rng([seed, 2])
    features = rng.normal(size=(TRAIN_ROWS + ROWS, 6))
    signal = features[:, 0] + 0.7 * features[:, 1]
    if kind == "regression":
        target = signal + rng.normal(scale=0.5, size=len(signal))
    else:
        target = (rng.random(len(signal)) < expit(signal)).astype(float)
    forest = RandomForestRegressor if kind == "regression" else RandomForestClassifier
    sides = []
    for number in range(2):
        model = forest(SEED_TREES, min_samples_leaf=5, random_state=2 * seed + number)
        model.fit(features[:TRAIN_ROWS], target[:TRAIN_ROWS])
        rest = features[TRAIN_ROWS:]
        sides.append(model.predict(rest) if kind == "regression" else model.predict_proba(rest)[:, 1])
    return target[TRAIN_ROWS:], sides[0], sides[1]


def measure(job: tuple[str, Kind, int, float]) -> Found:
    """Return for each metric of one pair: change, ends of the interval, and whether it is called better or worse."""
    source, kind, seed, gain = job
    actual, old, new = make_seeds(kind, seed) if source == "seeds" else make_copies(kind, seed, gain)
    quantile = QUANTILE[kind]
    intervals = difference_intervals(
        kind, Scores(actual, old), Scores(actual, new), resamples=RESAMPLES, quantile=quantile
    )
    before, after = (compute_metrics(kind, actual, side, quantile=quantile) for side in (old, new))
    found = {}
    for name, interval in intervals.items():
        diff = MetricDiff(name, before[name], after[name], DIRECTIONS[name], Verdict.NO_ERROR_BAR)
        verdict = judge(diff, interval, ROWS, margins_for(name, before[name], 0.0)).verdict
        called = verdict in (Verdict.BETTER, Verdict.WORSE)
        found[name] = (after[name] - before[name], interval.low, interval.high, called)
    return found


def change_of(job: tuple[str, Kind, int, float]) -> dict[str, float]:
    """Return the change of each metric of one pair, without intervals: for the long run."""
    _, kind, seed, gain = job
    actual, old, new = make_copies(kind, seed, gain)
    before, after = (compute_metrics(kind, actual, side, quantile=QUANTILE[kind]) for side in (old, new))
    return {name: after[name] - before[name] for name in before}


def collect(results: list[Any]) -> dict[str, Array]:
    return {name: np.array([result[name] for result in results], dtype=float) for name in results[0]}


def null_pairs(pool: ProcessPoolExecutor, pairs: int, first: int) -> None:
    print(
        f"\nNull pairs, {pairs:,} of each kind, {ROWS} test rows: share called better or worse (at most 5 % is promised)"
    )
    print(
        "and share of intervals without zero (5 % is nominal for copies; seeds differ for real, hence the allowance)"
    )
    print(f"{'metric':20} {'copies called':>14} {'no zero':>8} {'seeds called':>14} {'no zero':>8}")
    worst = 0.0
    for kind in KINDS:
        columns = {}
        for source in ("copies", "seeds"):
            jobs = [(source, kind, seed, 0.0) for seed in range(first, first + pairs)]
            columns[source] = collect(list(pool.map(measure, jobs, chunksize=10)))
        for name in columns["copies"]:
            cells = []
            for source in ("copies", "seeds"):
                _, low, high, called = columns[source][name].T
                cells += [called.mean(), ((low > 0) | (high < 0)).mean()]
            worst = max(worst, cells[0], cells[2])
            print(f"{name:20} {cells[0]:14.1%} {cells[1]:8.1%} {cells[2]:14.1%} {cells[3]:8.1%}")
    print(f"largest share called {worst:.1%}")


def planted(pool: ProcessPoolExecutor, pairs: int) -> None:
    print(
        f"\nPlanted differences, {pairs:,} data sets: power of the interval (zero is outside) against a test with the true standard"
    )
    print(
        f"error, from {LONG_RUN * pairs:,} data sets, on the same data (within 2 points is promised); coverage of the long-run change"
    )
    print(f"{'metric':20} {'change':>9} {'power':>7} {'reference':>10} {'points':>7} {'coverage':>9}")
    apart = 0.0
    for kind, gain in zip(KINDS, (0.45, 0.10), strict=True):
        jobs = [("copies", kind, 10_000_000 + seed, gain) for seed in range(LONG_RUN * pairs)]
        long_run = collect(list(pool.map(change_of, jobs, chunksize=200)))
        found = collect(list(pool.map(measure, jobs[:pairs], chunksize=10)))
        for name, values in found.items():
            change, low, high, _ = values.T
            truth, error = long_run[name].mean(), long_run[name].std()
            power = ((low > 0) | (high < 0)).mean()
            reference = (abs(change) > norm.ppf(0.975) * error).mean()
            coverage = ((low <= truth) & (truth <= high)).mean()
            apart = max(apart, abs(power - reference))
            print(
                f"{name:20} {truth:9.4f} {power:7.1%} {reference:10.1%} {100 * (power - reference):+7.1f} {coverage:9.1%}"
            )
    print(f"largest distance {100 * apart:.1f} points")


def agreement() -> None:
    print(
        "\nAgreement on one pair, 4,000 resamples: distance of the ends in % of the width (two bootstraps differ by 1 to 3 %)"
    )
    print(f"{'metric':20} {'scipy low':>10} {'scipy high':>11}")
    for kind in KINDS:
        actual, old, new = make_copies(kind, 5, 0.2)
        quantile = QUANTILE[kind]
        names = sorted(compute_metrics(kind, actual, old, quantile=quantile))

        def statistic(
            take: Any, kind: Kind = kind, data: Pair = (actual, old, new), names: list[str] = names
        ) -> Array:
            rows = take.astype(int)
            one, two = (
                compute_metrics(kind, data[0][rows], side[rows], quantile=QUANTILE[kind]) for side in data[1:]
            )
            return np.array([two[name] - one[name] for name in names])

        theirs = bootstrap(
            (np.arange(ROWS),), statistic, method="percentile", n_resamples=4000, vectorized=False, rng=np.random.default_rng(1)
        )  # fmt: skip
        ours = difference_intervals(
            kind, Scores(actual, old), Scores(actual, new), resamples=4000, quantile=quantile
        )
        for number, name in enumerate(names):
            mine: Interval = ours[name]
            shift = 0.0
            if (
                name == "calibration_error"
            ):  # ours is centred on the measured change, see statistics/intervals.py
                shift = (mine.change or 0.0) - theirs.bootstrap_distribution[number].mean()
            ends = [theirs.confidence_interval[end][number] + shift for end in (0, 1)]
            width = ends[1] - ends[0]
            print(
                f"{name:20} {100 * (mine.low - ends[0]) / width:+10.1f} {100 * (mine.high - ends[1]) / width:+11.1f}"
            )
        if kind == "classification":
            exact = delong_interval(actual, old, new)
            print(
                f"{'roc_auc to DeLong':20} {ours['roc_auc'].low - exact.low:+10.1f} {ours['roc_auc'].high - exact.high:+11.1f}"
            )


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        null_pairs(pool, pairs, first)
        planted(pool, pairs)
    agreement()
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
