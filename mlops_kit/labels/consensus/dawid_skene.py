"""The estimator of Dawid and Skene: who is right how often, and from that what is right, by expectation maximisation.

A. P. Dawid and A. M. Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied Statistics 28(1), 1979,
20-28, doi:10.2307/2346806. Each annotator has a table of confusion: how often he gives each answer where each class is true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 1e-9
MOST_ROUNDS = 500
_AT_ONCE = 100_000
_FLOOR = 1e-10
"""Smallest count of an answer in a table of confusion: an answer that was never given is no impossible one."""


@dataclass(frozen=True)
class Estimate:
    """What the votes say together."""

    probabilities: Floats
    """Items x classes: how probable each class is, rows sum to 1."""
    priors: Floats
    """Share of each class."""
    confusion: Floats
    """Annotators x true classes x answers: how probable each answer is, given the true class."""
    rounds: int
    """Rounds of estimation."""
    converged: bool
    """Whether the last round changed the mean log-likelihood of a vote by less than the tolerance."""


def estimate(
    items: Ints,
    annotators: Ints,
    answers: Ints,
    *,
    sizes: tuple[int, int, int],
    known: Ints | None = None,
    tolerance: float = TOLERANCE,
    most_rounds: int = MOST_ROUNDS,
) -> Estimate:
    """Estimate classes of items and confusion of annotators from votes.

    `items`, `annotators` and `answers` are numbers from 0, one of each for every vote, ordered by item; `sizes` says how many items, annotators
    and classes there are. `known` has the class of items that are known for certain, -1 for the others. Begins with the shares of votes, and ends
    when the mean log-likelihood of a vote grows by less than `tolerance`, or after `most_rounds`. All sums go in the order of the
    votes, so that the result is the same on each run.
    """
    import numpy as np

    if not len(items):
        return Estimate(
            np.zeros((sizes[0], sizes[2])), np.zeros(sizes[2]), np.zeros((*sizes[1:], sizes[2])), 0, True
        )
    kinds = _Kinds.of(items, annotators * sizes[2] + answers, sizes, known)
    belief = kinds.shares()
    confusion, priors = kinds.maximise(belief)
    before, rounds, converged = -np.inf, 0, False
    while rounds < most_rounds and not converged:
        rounds += 1
        belief, likelihood = kinds.expect(confusion, priors)
        confusion, priors = kinds.maximise(belief)
        converged = likelihood - before < tolerance * len(items)
        before = likelihood
    return Estimate(belief[kinds.of_item], priors, confusion, rounds, converged)


@dataclass(frozen=True)
class _Kinds:
    """Kinds of items: those with the same answers by the same annotators have one estimate, so it is computed once."""

    kind: Ints
    """Kind of each vote that is looked at, ascending."""
    said: Ints
    """Annotator times number of classes, plus answer, of each of them."""
    count: Floats
    """How many items each kind stands for."""
    of_item: Ints
    """Kind of each item."""
    known: Ints
    """Class that is known for certain, of each kind; -1 for none."""
    sizes: tuple[int, int, int]

    @classmethod
    def of(cls, items: Ints, said: Ints, sizes: tuple[int, int, int], known: Ints | None) -> _Kinds:
        import numpy as np

        certain = np.full(sizes[0], -1, dtype=np.int64) if known is None else known
        votes = np.bincount(items, minlength=sizes[0])
        starts = np.concatenate([[0], np.cumsum(votes)[:-1]])
        if not ((items[1:] > items[:-1]) | (said[1:] >= said[:-1])).all():
            said = said[np.lexsort((said, items))]
        digest = _digests(said, starts, votes, certain, sizes[1] * sizes[2])
        _, first, kind = np.unique(digest, return_index=True, return_inverse=True)
        if not _same(said, starts, votes, certain, first[kind]):  # two kinds with one digest of 64 bits
            first = kind = np.arange(sizes[0])
        chosen = np.repeat(starts[first], votes[first]) + _within(votes[first])
        count = np.bincount(kind, minlength=len(first)).astype(np.float64)
        count[(votes[first] == 0) & (certain[first] < 0)] = 0.0  # of which nothing is known
        numbers = np.repeat(np.arange(len(first)), votes[first])
        return cls(numbers, said[chosen], count, kind, certain[first], sizes)

    def shares(self) -> Floats:
        """Return the share of votes that each class has."""
        import numpy as np

        classes = self.sizes[2]
        given = np.bincount(self.kind * classes + self.said % classes, minlength=len(self.count) * classes)
        found = given.reshape(-1, classes).astype(np.float64)
        found[found.sum(axis=1) == 0] = 1.0
        return self._fix(found / found.sum(axis=1, keepdims=True))

    def maximise(self, belief: Floats) -> tuple[Floats, Floats]:
        """Return the tables of confusion and the shares of classes that make the votes most probable under `belief`."""
        import numpy as np

        _, annotators, classes = self.sizes
        weighed = belief * self.count[:, None]
        table = np.empty((annotators, classes, classes))
        for true in range(classes):
            given = np.bincount(self.said, weights=weighed[self.kind, true], minlength=annotators * classes)
            table[:, true, :] = given.reshape(annotators, classes)
        table = np.maximum(table, _FLOOR)
        priors = np.maximum(weighed.sum(axis=0) / self.count.sum(), _FLOOR)
        return table / table.sum(axis=2, keepdims=True), priors

    def expect(self, confusion: Floats, priors: Floats) -> tuple[Floats, float]:
        """Return how probable each class is for each kind of item, and the log-likelihood of all votes."""
        import numpy as np

        logs, classes = np.log(confusion), self.sizes[2]
        found = np.tile(np.log(priors), (len(self.count), 1))
        for true in range(classes):
            of_answer = np.ascontiguousarray(logs[:, true, :]).ravel()
            found[:, true] += np.bincount(self.kind, weights=of_answer[self.said], minlength=len(self.count))
        certain = self.known >= 0
        found[certain] = np.where(np.arange(classes) == self.known[certain, None], found[certain], -np.inf)
        top = found.max(axis=1, keepdims=True)
        found = np.exp(found - top)
        total = found.sum(axis=1, keepdims=True)
        return found / total, float(((np.log(total) + top)[:, 0] * self.count).sum())

    def _fix(self, belief: Floats) -> Floats:
        import numpy as np

        certain = self.known >= 0
        belief[certain] = np.eye(self.sizes[2])[self.known[certain]]
        return belief


def _digests(said: Ints, starts: Ints, votes: Ints, known: Ints, answers: int) -> Any:
    """Return 64 bits for each item that do not depend on the order of its votes: the sum of a mixed number for each."""
    import numpy as np

    mixed = _mix(np.arange(1, answers + 1))
    totals = np.zeros(len(said) + 1, dtype=np.uint64)
    np.cumsum(mixed[said], out=totals[1:])
    return _mix(totals[starts + votes] - totals[starts] + _mix(known + 2))


def _mix(numbers: Any) -> Any:
    """Return 64 bits for each number that differ in about half of their bits between any two (splitmix64: G. L. Steele, D. Lea and C. H. Flood,
    Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, doi:10.1145/2660193.2660195)."""
    import numpy as np

    found = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


def _same(said: Ints, starts: Ints, votes: Ints, known: Ints, like: Ints) -> bool:
    """Return whether each item has the answers of the item that `like` names."""
    import numpy as np

    if not (np.array_equal(votes, votes[like]) and np.array_equal(known, known[like])):
        return False
    for first in range(
        0, len(votes), _AT_ONCE
    ):  # in parts: all at once would take five times the memory of the votes
        part = slice(first, first + _AT_ONCE)
        own = said[starts[first] : starts[first] + votes[part].sum()]
        if not np.array_equal(own, said[np.repeat(starts[like[part]], votes[part]) + _within(votes[part])]):
            return False
    return True


def _within(votes: Ints) -> Ints:
    """Return 0, 1, ... for the votes of each item."""
    import numpy as np

    ends: Any = np.cumsum(votes)
    found: Ints = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - votes, votes)
    return found
