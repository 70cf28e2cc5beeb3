"""Counts of yes or no: the multinomial law and McNemar's test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, ks_2samp

from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.statistics import Scores, difference_intervals
from mlops_kit.compare.statistics.cells import draw_confusions, mcnemar_p, mid_p
from mlops_kit.compare.statistics.sums import COUNTED
from tests.compare.statistics.rows import classified


def test_counts_have_the_law_of_drawing_every_row() -> None:
    old, new = classified(2, 120)
    sides = draw_confusions(old, new, threshold=0.5, resamples=4000, seed=[1])
    rng = np.random.default_rng(2)
    slow = []
    for _ in range(3000):
        rows = rng.integers(0, 120, 120)
        one, two = (
            compute_metrics("classification", s.actual[rows], s.score[rows])["f1"] for s in (old, new)
        )
        slow.append(two - one)
    fast = COUNTED["f1"](sides[1]) - COUNTED["f1"](sides[0])
    assert ks_2samp(fast, slow).pvalue > 0.01


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mid_p_is_the_exact_test_less_half_of_what_was_seen(lost: int, won: int) -> None:
    fewer, total = min(lost, won), lost + won
    if lost == won:
        assert mid_p(fewer, total) == pytest.approx(1.0)
    else:
        exact = binomtest(fewer, total, 0.5).pvalue
        assert mid_p(fewer, total) == pytest.approx(exact - binom.pmf(fewer, total, 0.5), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(200, 2000))
def test_mcnemar_and_interval_of_accuracy_say_the_same_but_for_a_border(seed: int, count: int) -> None:
    old, new = classified(seed, count, gain=0.2)
    interval = difference_intervals("classification", old, new, only=frozenset({"accuracy"}))["accuracy"]
    p = mcnemar_p(old.actual, old.score >= 0.5, new.score >= 0.5)
    assert interval.p == p
    if p < 0.03:
        assert interval.low > 0 or interval.high < 0
    if p > 0.08:
        assert interval.low <= 0 <= interval.high


def test_few_rows_that_differ_are_no_proof() -> None:
    """Five of five for the new side: the bootstrap's interval excludes zero, the exact test does not."""
    actual = np.ones(400)
    old = Scores(actual, np.where(np.arange(400) < 5, 0.0, 1.0))
    found = difference_intervals("classification", old, Scores(actual, np.ones(400)))["accuracy"]
    assert found.low > 0
    assert found.p == pytest.approx(2 * 0.5**5 - 0.5**5)
