"""Krippendorff's alpha and Fleiss' kappa, from how often each item was given each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mlops_kit.labels.agreement.interval import Estimate, Summed, estimate, unless_perfect
from mlops_kit.labels.agreement.ratings import Tallies

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]
MOST_SETS = 300
_CELLS = 60_000_000


def krippendorff_alpha(
    tallies: Tallies, level: Level = "nominal", numbers: Array | None = None
) -> Estimate | None:
    """Return Krippendorff's alpha: 1 for perfect agreement, 0 for that of chance, below for less.

    Items may have any number of votes; those with one say nothing. `nominal`: values are the same or not; `ordinal`: values are ranks in
    their order; `interval`: `numbers` has what each value counts, and differences count by their square. None where nobody answered an
    item together, or all answers are the same: then chance would agree always.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability; 1 - Do / De, where the pairs of an item with m votes count
    1 / (m - 1).
    """
    if not tallies.rows.size:
        return None
    if level == "interval":
        assert numbers is not None, "an interval needs numbers"
        return unless_perfect(estimate(_interval(tallies, numbers)), None)
    sums = _nominal if level == "nominal" else _ordinal
    found = estimate(sums(tallies)) if _fits(tallies, level) else _value_alone(tallies)
    return unless_perfect(found, _chance(tallies) if level == "nominal" else None)


def alpha_of_sets(tallies: Tallies, sets: Sequence[frozenset[str]]) -> Estimate | None:
    """Return Krippendorff's alpha of answers that are sets: the distance of two is Jaccard's, the share of their union that they do not share,
    and that of two empty ones 0. `sets` has what each number stands for; None for more than 300 different ones, and as for krippendorff_alpha."""
    import numpy as np

    if not tallies.rows.size or len(sets) > MOST_SETS:
        return None
    apart = np.array([[_jaccard(one, other) for other in sets] for one in sets])
    counts = np.zeros((tallies.items.size, tallies.categories))
    counts[tallies.rows, tallies.values] = tallies.counts
    observed = np.einsum("rc,ck,rk->r", counts, apart, counts) / (tallies.votes - 1)
    rows = np.concatenate([observed[:, None], counts], axis=1)

    def figure(totals: Array) -> Any:
        values = totals[..., 1:]
        # No linear algebra here: the order in which it adds depends on the machine.
        chance = (np.einsum("...c,ck->...k", values, apart) * values).sum(axis=-1)
        return _chance_corrected(totals[..., 0], chance / (values.sum(axis=-1) - 1))

    return unless_perfect(estimate(Summed(rows, tallies.items, figure, exact=False)), _chance(tallies))


def _chance(tallies: Tallies) -> float:
    """Return the share of all pairs of answers, whatever their items, that differ."""
    import numpy as np

    of_values = np.bincount(tallies.values, weights=tallies.counts * tallies.items[tallies.rows])
    count = float(of_values.sum())
    return (count**2 - float((of_values**2).sum())) / (count * (count - 1))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return 1 - len(one & other) / len(one | other) if one | other else 0.0


def fleiss_kappa(tallies: Tallies) -> Estimate | None:
    """Return Fleiss' kappa over the items with two votes or more, whose numbers of votes may differ.

    The share of agreeing pairs is the mean of the items' shares, the share of a value that of the items' shares of it: with equal numbers
    of votes this is Fleiss (1971, Psychological Bulletin 76:378), with unequal ones the generalised kappa of Gwet (2014, Handbook of
    Inter-Rater Reliability, 4th edition, chapter 2). None as for krippendorff_alpha.
    """
    import numpy as np

    sizes, which = np.unique(tallies.votes, return_inverse=True)
    width = tallies.categories + 2
    if not tallies.rows.size or tallies.items.size * sizes.size * width > _CELLS:
        return None
    rows = np.zeros((tallies.items.size, sizes.size, width), np.int64)
    every = np.arange(tallies.items.size)
    rows[every, which, 0] = 1
    rows[every, which, 1] = tallies.sum(tallies.counts * (tallies.counts - 1))
    rows[tallies.rows, which[tallies.rows], 2 + tallies.values] = tallies.counts

    def figure(totals: Array) -> Any:
        by_size = totals.reshape(*totals.shape[:-1], sizes.size, width)
        count = by_size[..., 0].sum(axis=-1)
        agreed = (by_size[..., 1] / (sizes * (sizes - 1))).sum(axis=-1) / count
        shares = (by_size[..., 2:] / sizes[:, None]).sum(axis=-2) / count[..., None]
        return _chance_corrected(1 - agreed, 1 - (shares**2).sum(axis=-1))

    return unless_perfect(
        estimate(Summed(rows.reshape(every.size, -1), tallies.items, figure)), _chance(tallies)
    )


def _fits(tallies: Tallies, level: Level) -> bool:
    sizes = len(set(tallies.votes.tolist()))
    width = tallies.categories if level == "nominal" else sizes * tallies.categories**2
    return tallies.items.size * (width + sizes) <= _CELLS


def _value_alone(tallies: Tallies) -> Estimate | None:
    """Return nominal alpha without an interval: so many values that no table of items by values fits into memory."""
    import numpy as np

    disagreed = (tallies.votes**2 - tallies.sum(tallies.counts**2)) * tallies.items
    sizes, which = np.unique(tallies.votes, return_inverse=True)
    by_size = np.bincount(which, weights=disagreed)
    of_values = np.bincount(tallies.values, weights=tallies.counts * tallies.items[tallies.rows])
    count = of_values.sum()
    value = _chance_corrected((by_size / (sizes - 1)).sum(), (count**2 - (of_values**2).sum()) / (count - 1))
    return None if np.isnan(value) else Estimate(float(value), items=int(tallies.items.sum()))


def _nominal(tallies: Tallies) -> Summed:
    import numpy as np

    sizes, which = np.unique(tallies.votes, return_inverse=True)
    rows = np.zeros((tallies.items.size, sizes.size + tallies.categories), np.int64)
    rows[np.arange(which.size), which] = tallies.votes**2 - tallies.sum(tallies.counts**2)
    rows[tallies.rows, sizes.size + tallies.values] = tallies.counts

    def figure(totals: Array) -> Any:
        observed = (totals[..., : sizes.size] / (sizes - 1)).sum(axis=-1)
        values = totals[..., sizes.size :]
        count = values.sum(axis=-1)
        return _chance_corrected(observed, (count**2 - (values**2).sum(axis=-1)) / (count - 1))

    return Summed(rows, tallies.items, figure)


def _ordinal(tallies: Tallies) -> Summed:
    """Lay out sums of coincidences for each number of votes; the distance of two values is that of their mean ranks among all votes."""
    import numpy as np

    sizes, which = np.unique(tallies.votes, return_inverse=True)
    categories = tallies.categories
    counts = np.zeros((tallies.items.size, categories), np.int64)
    counts[tallies.rows, tallies.values] = tallies.counts
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(categories, dtype=np.int64))
    rows = np.zeros((which.size, sizes.size, categories, categories), np.int64)
    rows[np.arange(which.size), which] = pairs

    def figure(totals: Array) -> Any:
        by_size = totals.reshape(*totals.shape[:-1], sizes.size, categories, categories)
        coincidences = (by_size / (sizes - 1)[:, None, None]).sum(axis=-3)
        values = coincidences.sum(axis=-1)
        ranks = np.cumsum(values, axis=-1) - values / 2
        distance = (ranks[..., :, None] - ranks[..., None, :]) ** 2
        count = values.sum(axis=-1)
        chance = (values[..., :, None] * values[..., None, :] * distance).sum(axis=(-1, -2))
        return _chance_corrected((coincidences * distance).sum(axis=(-1, -2)), chance / (count - 1))

    return Summed(rows.reshape(which.size, -1), tallies.items, figure)


def _interval(tallies: Tallies, numbers: Array) -> Summed:
    import math

    import numpy as np

    weights = tallies.counts * tallies.items[tallies.rows]
    middle = math.fsum(numbers[tallies.values] * weights) / int(weights.sum())  # squares of small numbers
    centred = (numbers - middle)[tallies.values]
    first, second = tallies.sum(tallies.counts * centred), tallies.sum(tallies.counts * centred**2)
    apart = 2 * (tallies.votes * second - first**2) / (tallies.votes - 1)
    rows = np.stack([apart, tallies.votes.astype(float), first, second], axis=-1)

    def figure(totals: Array) -> Any:
        observed, count, one, two = (totals[..., place] for place in range(4))
        return _chance_corrected(observed, 2 * (count * two - one**2) / (count - 1))

    return Summed(rows, tallies.items, figure, exact=False)


def _chance_corrected(observed: Any, expected: Any) -> Any:
    """Return 1 - observed / expected disagreement; NaN where none is expected."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)
