"""Two models on the same rows, made up."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from mlops_kit.compare.statistics import Interval, Scores

Array = np.ndarray[Any, Any]


def classified(seed: int, count: int, *, gain: float = 0.3, shift: float = 0.0) -> tuple[Scores, Scores]:
    """Return two sides of a classification: the same truth, scores with more and with less noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=count) - shift
    actual = (rng.random(count) < expit(1.5 * truth)).astype(float)
    actual[:4] = (0.0, 1.0, 0.0, 1.0)
    old, new = (expit(1.5 * truth + rng.normal(scale=scale, size=count)) for scale in (1.0, 1.0 - gain))
    return Scores(actual, old), Scores(actual, new)


def measured(seed: int, count: int, *, gain: float = 0.2) -> tuple[Scores, Scores]:
    """Return two sides of a regression with heavy-tailed errors."""
    rng = np.random.default_rng(seed)
    actual = 50 + rng.normal(size=count)
    old, new = (actual + scale * rng.standard_t(4, size=count) for scale in (1.0, 1.0 - gain))
    return Scores(actual, old), Scores(actual, new)


def assert_near(one: Interval, low: float, high: float, share: float, name: str = "") -> None:
    """Assert that the ends are apart by at most `share` of the width."""
    width = high - low
    assert abs(one.low - low) <= share * width, (name, one, low, high)
    assert abs(one.high - high) <= share * width, (name, one, low, high)
