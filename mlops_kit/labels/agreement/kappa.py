"""Cohen's kappa of two annotators, and its mean over pairs of annotators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mlops_kit.labels.agreement.interval import Estimate, normal, unless_perfect
from mlops_kit.labels.agreement.ratings import Ratings

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Weights: TypeAlias = Literal["none", "linear", "quadratic"]
MOST_PAIRS = 200
FEWEST_ITEMS = 10


@dataclass(frozen=True)
class PairAgreement:
    """How two annotators agree on the items that both answered."""

    first: str
    """Pseudonym."""
    second: str
    """Pseudonym; the later one by name."""
    items: int
    """Items that both answered."""
    agreed: int
    """Items with the same answer of both."""
    kappa: Estimate | None
    """Cohen's kappa; None where both gave only one and the same value."""


@dataclass(frozen=True)
class PairsAgreement:
    """How the annotators agree two by two."""

    mean: Estimate | None
    """Mean of the pairs' kappas (Light 1971, Psychological Bulletin 76:365)."""
    pairs: tuple[PairAgreement, ...]
    """At most 200 pairs with 10 items in common or more, those with most items first."""
    known: int
    """Pairs that have an item in common at all."""


def cohen_kappa(table: Array, weights: Weights = "none") -> Estimate | None:
    """Return Cohen's kappa of a square `table` of counts: answers of one annotator by those of another.

    With `linear` or `quadratic` weights a disagreement counts by the distance of the two values in their order. The interval is that of
    the delta method (Fleiss, Cohen and Everitt 1969, Psychological Bulletin 72:323). None where it is not defined.
    """
    count = int(table.sum())
    found = _with_influence(table, weights) if count else None
    if found is None:
        return None
    value, influence, chance = found
    made = normal(value, float((table * influence**2).sum()) / count**2, count)
    return unless_perfect(made, chance if weights == "none" else None)


def pairwise_kappa(ratings: Ratings, by: Weights = "none") -> PairsAgreement:
    """Return Cohen's kappa, weighted `by` distance or not, of the pairs of annotators with most items in common, and the mean of all these.

    The interval of the mean is of the delta method over items, so that an item that several pairs answered counts once.
    """
    import numpy as np

    items, pair, first, second = _pair_answers(ratings)
    weights = ratings.weights[items]
    places, entry, entries = np.unique(pair, return_inverse=True, return_counts=True)
    counts = np.bincount(entry, weights=weights, minlength=places.size).astype(np.int64)
    enough = np.flatnonzero(counts >= FEWEST_ITEMS)
    chosen = enough[np.lexsort((places[enough], -counts[enough]))][:MOST_PAIRS]
    order = np.argsort(entry, kind="stable")
    ends = np.cumsum(entries)
    found: list[PairAgreement] = []
    parts: list[tuple[Array, Array, float]] = []
    for place in chosen:
        own = order[ends[place] - entries[place] : ends[place]]
        table, cells = _table(first[own], second[own], weights[own], whole=by != "none")
        a, b = divmod(int(places[place]), len(ratings.names))
        kappa = cohen_kappa(table, by)
        agreed = int(np.trace(table))
        found.append(PairAgreement(ratings.names[a], ratings.names[b], int(counts[place]), agreed, kappa))
        told = _with_influence(table, by) if kappa else None
        if told:
            parts.append((items[own], told[1].reshape(-1)[cells] / counts[place], told[2]))
    mean = _mean(found, parts, ratings.weights)
    chance = math.fsum(one for _, _, one in parts) / len(parts) if parts and by == "none" else None
    return PairsAgreement(unless_perfect(mean, chance), tuple(found), len(places))


def _mean(
    found: list[PairAgreement], parts: list[tuple[Array, Array, float]], weights: Array
) -> Estimate | None:
    import numpy as np

    kappas = [one.kappa.value for one in found if one.kappa]
    if not kappas:
        return None
    owners, places = np.unique(np.concatenate([items for items, _, _ in parts]), return_inverse=True)
    influences = np.bincount(places, weights=np.concatenate([each for _, each, _ in parts])) / len(kappas)
    weights = weights[owners]
    variance = math.fsum(influences**2 * weights)
    return normal(math.fsum(kappas) / len(kappas), variance, int(weights.sum()))


def _with_influence(table: Array, weights: Weights) -> tuple[float, Array, float] | None:
    """Return kappa, for each cell what an item in it adds (kappa's derivative), and the disagreement of chance."""
    import numpy as np

    size = table.shape[0]
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(1, size - 1)
    agree = {"none": np.eye(size), "linear": 1 - apart, "quadratic": 1 - apart**2}[weights]
    shares = table / table.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    by_row, by_column = (agree * columns).sum(axis=1), (agree * rows[:, None]).sum(axis=0)
    observed, expected = float((agree * shares).sum()), float((by_row * rows).sum())
    if 1 - expected <= 1e-15:
        return None
    value = 1 - (1 - observed) / (1 - expected)
    by_chance = by_row[:, None] + by_column - 2 * expected
    return value, ((agree - observed) - (1 - value) * by_chance) / (1 - expected), 1 - expected


def _table(first: Array, second: Array, weights: Array, *, whole: bool) -> tuple[Array, Array]:
    """Return the table of two columns of values, and for each entry the place of its cell; of the values that occur alone unless `whole`."""
    import numpy as np

    both = np.concatenate([first, second])
    if whole:
        size, codes = int(both.max()) + 1, both
    else:
        kept, codes = np.unique(both, return_inverse=True)
        size = kept.size
    cells = codes[: first.size] * size + codes[first.size :]
    table = np.bincount(cells, weights=weights, minlength=size * size).astype(np.int64)
    return table.reshape(size, size), cells


def _pair_answers(ratings: Ratings) -> tuple[Array, Array, Array, Array]:
    """Return for each two votes on one item: the item, the number of the pair of annotators, and both values; the annotator who comes first
    by name first. Votes that lie side by side are looked at, then those two apart, and so on to the largest number of votes."""
    import numpy as np

    order = np.lexsort((ratings.annotators, ratings.items))
    items, annotators, values = (
        a[order].astype(np.int64) for a in (ratings.items, ratings.annotators, ratings.values)
    )
    parts: list[tuple[Array, Array, Array, Array]] = []
    for apart in range(1, max(1, items.size)):
        same = np.flatnonzero(items[apart:] == items[:-apart])
        if not same.size:
            break
        pair = annotators[same] * len(ratings.names) + annotators[same + apart]
        parts.append((items[same], pair, values[same], values[same + apart]))
    if not parts:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, empty
    joined = [np.concatenate([part[place] for part in parts]) for place in range(4)]
    return joined[0], joined[1], joined[2], joined[3]
