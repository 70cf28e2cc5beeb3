"""Items that are unlike what is labelled, and unlike each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

TOP_VALUES = 20


@dataclass(frozen=True)
class Encoding:
    """How rows become points: numbers standardised, missing ones at the mean, frequent texts as one axis each."""

    numbers: Mapping[str, tuple[float, float]]
    """Column -> mean and standard deviation."""
    texts: Mapping[str, tuple[str, ...]]
    """Column -> its most frequent values."""

    def points(self, frame: pd.DataFrame) -> Array:
        """Return the rows as points (rows x axes). Two rows that differ in one text are as far apart as two numbers by one deviation."""
        import numpy as np

        axes = []
        for name, (mean, deviation) in self.numbers.items():
            axes.append(np.nan_to_num((_numbers(frame[name]) - mean) / deviation))
        for name, values in self.texts.items():
            column = frame[name].astype(object).where(frame[name].notna(), "").astype(str).to_numpy()
            axes += [(column == value) / np.sqrt(2.0) for value in values]
        return np.column_stack(axes) if axes else np.zeros((len(frame), 0))


def fit_encoding(frame: pd.DataFrame) -> Encoding:
    """Return the encoding of the columns of `frame`; columns without any difference have no axis."""
    import numpy as np

    numbers: dict[str, tuple[float, float]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for name in frame.columns:
        if frame[name].dtype.kind in "biufmM":
            values = _numbers(frame[name])
            known = values[np.isfinite(values)]
            if len(known) and known.std() > 0:
                numbers[str(name)] = float(known.mean()), float(known.std())
            continue
        counts = frame[name].dropna().astype(str).value_counts()
        ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:TOP_VALUES]
        if len(ranked) > 1:
            texts[str(name)] = tuple(str(value) for value, _ in ranked)
    return Encoding(numbers, texts)


def pick_centers(
    points: Array, number: int, known: Array | None = None, weight: Array | None = None
) -> Array:
    """Return the places of `number` of the `points`, each the one that is farthest from the `known` points and those picked before it.

    `weight` (0 or more, one for each point) multiplies distances, so that a point is worth more where a model is in doubt. Without `known`
    the first is the one nearest to the mean. Equal distances: the first. Source: O. Sener, S. Savarese, Active Learning for Convolutional
    Neural Networks: A Core-Set Approach, ICLR 2018, algorithm 1 (greedy k-center).
    """
    import numpy as np

    number = min(number, len(points))
    worth = np.ones(len(points)) if weight is None else weight
    nearest = _nearest(points, known)
    picked = np.zeros(number, dtype=np.int64)
    free = np.ones(len(points), dtype=bool)
    for place in range(number):
        chosen = int(np.argmax(np.where(free, np.round(nearest * worth, 9), -1.0)))
        picked[place] = chosen
        free[chosen] = False
        nearest = np.minimum(nearest, _distance(points, points[chosen]))
    return picked


def _nearest(points: Array, known: Array | None) -> Array:
    import numpy as np

    if known is None or not len(known):
        middle = _distance(points, points.mean(axis=0)) if len(points) else np.zeros(0)
        found: Array = middle.max(initial=0.0) * 2 + 1 - middle
        return found
    nearest = np.full(len(points), np.inf)
    for each in known:
        nearest = np.minimum(nearest, _distance(points, each))
    return nearest


def _distance(points: Array, point: Array) -> Array:
    import numpy as np

    found: Array = np.sqrt(np.square(points - point).sum(axis=1))
    return found


def _numbers(column: Any) -> Array:
    import numpy as np

    if column.dtype.kind in "mM":
        return np.where(column.isna(), np.nan, column.astype("int64").to_numpy().astype(float))
    found: Array = column.to_numpy(dtype=float, na_value=np.nan)
    return found
