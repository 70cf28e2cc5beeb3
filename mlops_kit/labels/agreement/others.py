"""How often each annotator answers as the others do: the majority of the others' votes, one's own left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_kit.labels.agreement.ratings import Ratings

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def against_others(ratings: Ratings) -> dict[str, tuple[float, int]]:
    """Return for each annotator how often the answer is the one that most of the others gave, and of how many answers on items that
    others answered too. Where t answers of the others are equally frequent and this is one of them, it counts 1 / t."""
    import numpy as np

    if not ratings.items.size:
        return {}
    size = max(1, len(ratings.categories))
    entries, entry, counts = np.unique(
        ratings.items.astype(np.int64) * size + ratings.values, return_inverse=True, return_counts=True
    )
    owner = entries // size
    top, tied, second, second_tied = (column[ratings.items] for column in _leaders(owner, counts))
    own = counts[entry]
    alone = (own == top) & (tied == 1)
    best = np.where(alone, second, top)
    rivals = np.where(alone, second_tied, tied - (own == top))
    votes = np.bincount(ratings.items)[ratings.items]
    ties = np.where(own - 1 > best, 1, np.where((own - 1 == best) & (best > 0), 1 + rivals, 0))
    judged = votes >= 2
    # Counts of whole numbers first: the order of items must not show in the last digits of a sum.
    widest = int(ties.max(initial=0)) + 1
    cells = np.bincount(
        ratings.annotators[judged] * widest + ties[judged],
        weights=ratings.weights[ratings.items[judged]],
        minlength=len(ratings.names) * widest,
    ).reshape(len(ratings.names), widest)
    return {
        name: (math.fsum(int(n) / t for t, n in enumerate(row) if t), int(row.sum()))
        for name, row in zip(ratings.names, cells, strict=True)
        if row.sum()
    }


def numbers_against_others(ratings: Ratings) -> dict[str, tuple[float, int]]:
    """Return for each annotator the mean distance of a number from the mean of the others' numbers, and of how many answers."""
    import numpy as np

    if not ratings.items.size:
        return {}
    numbers = np.array([float(text) for text in ratings.categories])
    order = np.lexsort((ratings.annotators, ratings.items))  # sums of floats in a fixed order within an item
    items, who, given = ratings.items[order], ratings.annotators[order], numbers[ratings.values[order]]
    votes, sums = np.bincount(items)[items], np.bincount(items, weights=given)[items]
    kept = votes >= 2
    weights = ratings.weights[items[kept]]
    apart = np.abs(given[kept] - (sums[kept] - given[kept]) / (votes[kept] - 1))
    found = {}
    for place, name in enumerate(ratings.names):
        own = who[kept] == place
        count = int(weights[own].sum())
        if count:
            found[name] = (math.fsum(apart[own] * weights[own]) / count, count)
    return found


def _leaders(owner: Array, counts: Array) -> tuple[Array, Array, Array, Array]:
    """Return for each item the largest count of a value, how many values have it, the next smaller or 0, and how many have that."""
    import numpy as np

    items = int(owner.max()) + 1
    top = np.zeros(items, np.int64)
    np.maximum.at(top, owner, counts)
    leading = counts == top[owner]
    tied = np.bincount(owner[leading], minlength=items)
    second = np.zeros(items, np.int64)
    np.maximum.at(second, owner[~leading], counts[~leading])
    following = ~leading & (counts == second[owner])
    return top, tied, second, np.bincount(owner[following], minlength=items)
