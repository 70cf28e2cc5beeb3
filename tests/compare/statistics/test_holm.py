"""Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.compare.statistics import Interval
from mlops_kit.compare.statistics.holm import at_level, holm_levels
from mlops_kit.compare.statistics.seeds import p_of


def test_levels_step_up_until_the_first_failure() -> None:
    levels = holm_levels({"a": 0.001, "b": 0.012, "c": 0.04, "d": 0.06}, 0.05)
    assert levels == pytest.approx({"a": 0.0125, "b": 0.05 / 3, "c": 0.025, "d": 0.025})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.01, 0.05, 0.2]))
def test_same_hypotheses_fall_as_by_adjusted_p_values(p_values: list[float], alpha: float) -> None:
    levels = holm_levels(dict(enumerate(p_values)), alpha)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.maximum.accumulate([(len(p_values) - rank) * p_values[i] for rank, i in enumerate(order)])
    for place, number in enumerate(order):
        if abs(adjusted[place] - alpha) > 1e-12:
            assert (p_values[number] <= levels[number]) == (adjusted[place] <= alpha)


def test_an_interval_at_the_level_of_its_p_value_touches_zero() -> None:
    interval = Interval(0.01, 0.05, 0.03)
    p = p_of(0.03, 0.01, 0.05, 0.95)
    assert p < 0.05
    moved = at_level(interval, confidence=0.95, level=p)
    assert moved.low == pytest.approx(0.0, abs=1e-12)
    assert moved.high == pytest.approx(0.06)


def test_p_is_at_most_alpha_exactly_where_zero_is_outside() -> None:
    assert p_of(0.03, 0.0, 0.05, 0.9) == pytest.approx(0.1)
    assert p_of(-0.03, -0.05, 0.001, 0.95) > 0.05
    assert p_of(0.0, -0.1, 0.1, 0.95) == 1.0
