"""Intervals: against brute force and DeLong, and the properties that a fair comparison has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.statistics import Scores, delong_interval, difference_intervals

Array = np.ndarray[Any, Any]


def rows(seed: int, count: int = 200) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    actual = (rng.random(count) < 0.4).astype(float)
    actual[:2] = (0.0, 1.0)
    return (
        actual,
        np.clip(actual * 0.2 + rng.random(count), 0, 1),
        np.clip(actual * 0.3 + rng.random(count), 0, 1),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_swapped_sides_give_the_mirror_image(seed: int) -> None:
    actual, old, new = rows(seed)
    one = difference_intervals("classification", Scores(actual, old), Scores(actual, new), resamples=50)
    other = difference_intervals("classification", Scores(actual, new), Scores(actual, old), resamples=50)
    for name in one:
        assert one[name].low == pytest.approx(-other[name].high, abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_same_inputs_have_no_difference(seed: int) -> None:
    actual, old, _ = rows(seed)
    found = difference_intervals(
        "classification", Scores(actual, old), Scores(actual, old.copy()), resamples=30
    )
    assert all(interval.low == interval.high == 0.0 for interval in found.values())


def test_intervals_agree_with_a_brute_force_bootstrap() -> None:
    actual, old, new = rows(3, 400)
    found = difference_intervals("classification", Scores(actual, old), Scores(actual, new), resamples=1500)
    rng = np.random.default_rng(99)
    draws: dict[str, list[float]] = {}
    for _ in range(1500):
        take = rng.integers(0, 400, 400)
        one, two = (compute_metrics("classification", actual[take], side[take]) for side in (old, new))
        for name in one:
            draws.setdefault(name, []).append(two[name] - one[name])
    for name, interval in found.items():
        low, high = np.quantile(draws[name], [0.025, 0.975])
        width = high - low
        assert abs(interval.low - low) < 0.12 * width, name
        assert abs(interval.high - high) < 0.12 * width, name


def test_regression_intervals_cover_the_point_difference() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(size=500)
    old, new = actual + rng.normal(size=500), actual + 0.8 * rng.normal(size=500)
    found = difference_intervals("regression", Scores(actual, old), Scores(actual, new), resamples=300)
    before, after = compute_metrics("regression", actual, old), compute_metrics("regression", actual, new)
    for name, interval in found.items():
        assert interval.low < after[name] - before[name] < interval.high


def test_delong_variance_is_that_of_the_definition() -> None:
    actual, old, new = rows(5, 60)
    positive, negative = np.flatnonzero(actual > 0.5), np.flatnonzero(actual < 0.5)
    parts = []
    for side in (old, new):
        wins = (side[positive][:, None] > side[negative]) + 0.5 * (side[positive][:, None] == side[negative])
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    difference = parts[1][0].mean() - parts[0][0].mean()
    variance = np.var(parts[1][0] - parts[0][0], ddof=1) / len(positive) + np.var(
        parts[1][1] - parts[0][1], ddof=1
    ) / len(negative)
    interval = delong_interval(actual, old, new)
    assert (interval.low + interval.high) / 2 == pytest.approx(difference)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.959963984540054 * variance**0.5)


def test_labels_that_differ_are_bootstrapped_instead() -> None:
    actual, old, new = rows(6)
    shuffled = np.random.default_rng(0).permutation(actual)
    found = difference_intervals("classification", Scores(actual, new), Scores(shuffled, old), resamples=200)
    assert found["roc_auc"].high < 0
