"""What goes in and what comes out, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RESAMPLES = 1000
SEED = 20130101


@dataclass(frozen=True)
class Scores:
    """One model's predictions on shared rows."""

    actual: Array
    """True values of the rows on this side (0 and 1, or numbers)."""
    score: Array
    """Probability of the positive class, or predicted value; with several runs of the same training an array of rows x runs."""


@dataclass(frozen=True)
class Interval:
    """An interval of new - old, in the metric's unit."""

    low: float
    high: float
    change: float | None = None
    """new - old on the rows behind the interval."""
    p: float | None = None
    """Two-sided p value of `no difference`: McNemar's for accuracy, else the level at which the interval would touch zero."""
    seeds: bool = False
    """Whether the spread of several runs is part of the interval."""
