"""Confident learning: which given labels the model, trained without them, contradicts.

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, Journal of Artificial
Intelligence Research 70 (2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SLACK = 1e-6
"""What a probability may fall short of its threshold, so that the last bits of a mean decide nothing."""


def confident_classes(given: Array, probabilities: Array) -> Array:
    """Return for each item the class that it confidently has, -1 for none.

    `given` are label numbers, `probabilities` (items x classes) of a model that was trained without the item. An item confidently has a
    class when its probability reaches the mean probability of that class among the items given that label; of several the likeliest. A
    class that no label names is never confident.
    """
    import numpy as np

    classes = probabilities.shape[1]
    counts = np.bincount(given, minlength=classes)
    own = np.bincount(given, weights=probabilities[np.arange(len(given)), given], minlength=classes)
    threshold = np.where(counts > 0, own / np.maximum(counts, 1), np.inf)
    above = probabilities >= threshold - SLACK
    best = np.where(above, probabilities, -1.0).argmax(axis=1)
    return np.where(above.any(axis=1), best, -1)


def confident_joint(given: Array, probabilities: Array) -> Array:
    """Return how many items with label i confidently have class j (classes x classes), uncalibrated."""
    import numpy as np

    classes = probabilities.shape[1]
    truly = confident_classes(given, probabilities)
    sure = truly >= 0
    flat = np.bincount(given[sure] * classes + truly[sure], minlength=classes * classes)
    return flat.reshape(classes, classes)


def mislabelled_scores(given: Array, probabilities: Array) -> Array:
    """Return for each item how likely its label is wrong, 0 to 1: 1 minus the probability of the given label where the item confidently has
    another class, -inf elsewhere."""
    import numpy as np

    truly = confident_classes(given, probabilities)
    own = probabilities[np.arange(len(given)), given]
    return np.where((truly >= 0) & (truly != given), 1.0 - own, -np.inf)
