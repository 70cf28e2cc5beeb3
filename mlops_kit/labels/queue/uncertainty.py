"""How unsure a model is of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def class_uncertainty(probabilities: Array) -> Array:
    """Return for each row of `probabilities` (items x classes, each row sums to 1) 1 minus the margin between the two likeliest classes: 0 sure,
    1 a tie. Source: T. Scheffer, C. Decomain, S. Wrobel, Active hidden Markov models for information extraction, 2001."""
    import numpy as np

    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    found: Array = 1.0 - (best[:, 1] - best[:, 0])
    return found


def classes_uncertainty(probabilities: Array) -> Array:
    """Return for each row of `probabilities` (items x classes, each on its own) the mean over the classes of 1 - |2p - 1|: 0 sure, 1 a coin."""
    import numpy as np

    found: Array = (1.0 - np.abs(2.0 * probabilities - 1.0)).mean(axis=1)
    return found
