"""What a model says of items, in the words of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_kit.labels.queue.uncertainty import class_uncertainty, classes_uncertainty
from mlops_kit.spec.labels import LabelType

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

LIKELY = 0.5
"""Probability from which one of several classes is part of a pre-label."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One batch."""

    uncertainty: Array | None
    """How unsure, 0 to 1; None where the model does not say (numbers)."""
    values: Array | None
    """The answer of each item; None where the model's classes are not those of the task."""
    probability: Array
    """Of that answer; NaN for numbers."""


Scorer: TypeAlias = "Callable[[pd.DataFrame], Scores]"
"""Scores the rows of a frame that has the model's columns."""


def score_probabilities(probabilities: Array, names: Sequence[str] | None, kind: LabelType) -> Scores:
    """Return what `probabilities` (items x classes; rows of missing values: nothing is known) mean for a task of `kind` with classes `names`."""
    import numpy as np

    if kind == "classes" and names:
        chosen = probabilities >= LIKELY
        values = np.empty(len(probabilities), dtype=object)
        values[:] = [[name for name, on in zip(names, row, strict=True) if on] for row in chosen]
        sure = np.maximum(probabilities, 1 - probabilities).min(axis=1) if len(names) else np.zeros(0)
        return Scores(classes_uncertainty(probabilities), values, sure)
    best = np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1)
    answer = None if names is None else np.array(names, dtype=object)[best]
    return Scores(class_uncertainty(probabilities), answer, probabilities[np.arange(len(best)), best])


def score_numbers(predicted: Array) -> Scores:
    """Return what predicted numbers mean: pre-labels, and nothing about doubts."""
    import numpy as np

    values = np.array([float(value) if np.isfinite(value) else None for value in predicted], dtype=object)
    return Scores(None, values, np.full(len(predicted), np.nan))
