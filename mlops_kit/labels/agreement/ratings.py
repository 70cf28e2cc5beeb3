"""Votes as arrays of numbers, and how often each item was given each value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_PACKED = 2**62


@dataclass(frozen=True, eq=False)
class Ratings:
    """Votes, one entry each; no annotator has two for one item. Items that the same annotators answered alike may be one, with a weight."""

    items: Array
    """Number of the item: place in `weights`."""
    annotators: Array
    """Number of the annotator: place in `names`."""
    values: Array
    """Number of the value: place in `categories`."""
    names: tuple[str, ...]
    """Pseudonyms, in order."""
    categories: tuple[str, ...]
    """Values as JSON text; in the order of the task's classes, or by text."""
    weights: Array
    """For each item how many items are like it."""

    @cached_property
    def tallies(self) -> Tallies:
        """How often each item was given each value."""
        return tally(self.items, self.values, len(self.categories), self.weights)


@dataclass(frozen=True, eq=False)
class Tallies:
    """How often each item with two or more votes was given each value. Items that were answered alike are one row, where one whole number can
    tell rows apart; the order of rows is then one of what was answered, not of items."""

    rows: Array
    """For each entry its row, ascending."""
    values: Array
    """For each entry the number of the value, ascending within a row."""
    counts: Array
    """For each entry how many votes of an item of this row have that value."""
    items: Array
    """For each row how many items are like it."""
    categories: int
    """How many values there are."""

    @cached_property
    def votes(self) -> Array:
        """For each row how many votes an item of it has; 2 or more."""
        return self.sum(self.counts)

    def sum(self, of_entries: Array) -> Array:
        """Return for each row the sum of what is given for its entries."""
        import numpy as np

        if not self.rows.size:
            return np.zeros(0, of_entries.dtype)
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
        return np.add.reduceat(of_entries, starts)


def tally(items: Array, values: Array, categories: int, weights: Array | None = None) -> Tallies:
    """Count the `values` (numbers below `categories`) of each of the `items` (whole numbers from 0) with two votes or more; `weights` says
    how many items are like each, one if it is None."""
    import numpy as np

    entries, counts = np.unique(items * categories + values, return_counts=True)
    owners, given = np.divmod(entries, max(1, categories))
    votes = np.bincount(owners, weights=counts).astype(np.int64)  # whole numbers below 2**53: exact
    paired = votes[owners] >= 2
    owners, given, counts = owners[paired], given[paired], counts[paired]
    kept, rows = np.unique(owners, return_inverse=True)
    like = np.ones(kept.size, np.int64) if weights is None else weights[kept]
    whole = Tallies(rows, given, counts, like, categories)
    return _merged(whole)


def _merged(whole: Tallies) -> Tallies:
    """Make items that were answered alike one row: the counts of a row are the digits of a number."""
    import numpy as np

    base = int(whole.votes.max(initial=0)) + 1
    if not whole.rows.size or float(base) ** whole.categories >= _PACKED:
        return whole
    digits = np.power(np.int64(base), whole.values.astype(np.int64))
    codes = whole.sum(whole.counts * digits)
    _, first, rows = np.unique(codes, return_index=True, return_inverse=True)
    place = np.full(codes.size, -1)
    place[first] = np.arange(first.size)
    entry_place = place[whole.rows]
    chosen = np.flatnonzero(entry_place >= 0)
    chosen = chosen[np.argsort(entry_place[chosen], kind="stable")]
    items = np.bincount(rows, weights=whole.items).astype(np.int64)
    return Tallies(entry_place[chosen], whole.values[chosen], whole.counts[chosen], items, whole.categories)
