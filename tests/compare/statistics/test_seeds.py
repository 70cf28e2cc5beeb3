"""Several runs of one training as replicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.statistics import Interval, Scores, difference_intervals
from mlops_kit.compare.statistics.seeds import add_seeds
from tests.compare.statistics.rows import classified


def replicated(rng: np.random.Generator, rows: int, runs: int, lift: float = 0.0) -> tuple[Scores, Scores]:
    """Return two sides whose runs differ by a shift of all scores: what one run cannot show."""
    truth = rng.normal(size=rows)
    actual = (rng.random(rows) < expit(truth)).astype(float)
    shifts = rng.normal(scale=0.3, size=(2, runs))
    sides = [
        np.column_stack([expit(truth + shift + up + rng.normal(scale=0.2, size=rows)) for shift in side])
        for side, up in zip(shifts, (0.0, lift), strict=True)
    ]
    return Scores(actual, sides[0]), Scores(actual, sides[1])


def test_equal_runs_add_nothing_and_one_run_measures_nothing() -> None:
    interval = Interval(0.01, 0.03, 0.02, 0.001)
    assert add_seeds(interval, [0.5], [0.52], 0.95) == interval
    same = add_seeds(interval, [0.5, 0.5], [0.52, 0.52], 0.95)
    assert (same.low, same.high, same.seeds) == (0.01, 0.03, True)


def test_runs_alone_give_welchs_interval() -> None:
    from scipy.stats import ttest_ind

    old, new = [0.70, 0.72, 0.71, 0.69], [0.74, 0.75, 0.70]
    change = float(np.mean(new) - np.mean(old))
    found = add_seeds(Interval(change, change, change), old, new, 0.95)
    welch = ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))


def test_interval_of_runs_is_about_their_mean_and_mirrors() -> None:
    old, new = replicated(np.random.default_rng(1), 300, 3)
    found = difference_intervals("classification", old, new, resamples=100)
    back = difference_intervals("classification", new, old, resamples=100)
    before, after = (compute_metrics("classification", s.actual, s.score) for s in (old, new))
    for name, interval in found.items():
        assert interval.seeds
        assert interval.change == pytest.approx(after[name] - before[name])
        assert interval.low == -back[name].high


def test_seeds_that_move_all_rows_are_called_a_difference_at_most_at_the_nominal_rate() -> None:
    """Recall moves with a shift of all scores; rows alone would call nearly every pair different."""
    rng = np.random.default_rng(3)
    with_runs = rows_alone = 0
    for _ in range(150):
        old, new = replicated(rng, 400, 4)
        wanted: dict[str, Any] = {"resamples": 100, "only": frozenset({"recall"})}
        several = difference_intervals("classification", old, new, **wanted)["recall"]
        single = difference_intervals(
            "classification",
            Scores(old.actual, old.score[:, 0]),
            Scores(new.actual, new.score[:, 0]),
            **wanted,
        )["recall"]
        with_runs += not several.low <= 0 <= several.high
        rows_alone += not single.low <= 0 <= single.high
    assert with_runs <= 150 * 0.08
    assert rows_alone > 150 * 0.4


def test_one_run_against_many_borrows_their_spread() -> None:
    old, new = replicated(np.random.default_rng(2), 300, 5)
    alone = Scores(new.actual, new.score[:, 0])
    found = difference_intervals("classification", old, alone, resamples=100)["recall"]
    both = difference_intervals("classification", old, new, resamples=100)["recall"]
    assert found.seeds
    assert found.high - found.low > both.high - both.low


def test_runs_in_groups_are_drawn_in_groups() -> None:
    old, new = classified(1, 100)
    sides = [
        Scores(np.repeat(s.actual, 3), np.repeat(np.column_stack([s.score, s.score**1.1]), 3, axis=0))
        for s in (old, new)
    ]
    groups = np.repeat(np.arange(100), 3)
    tight = difference_intervals("classification", *sides, resamples=200)["accuracy"]
    wide = difference_intervals("classification", *sides, resamples=200, groups=groups)["accuracy"]
    assert wide.high - wide.low > 1.3 * (tight.high - tight.low)
