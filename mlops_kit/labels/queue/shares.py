"""How many places each strategy gets, and in which order the queue asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT_SHARES: Mapping[str, float] = {"uncertain": 0.5, "diverse": 0.25, "random": 0.25}


def apportion(places: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Return strategy -> whole number of `places`, together exactly `places`, by largest remainder; equal remainders in the order of names.

    `shares` are relative to their sum, 0 or more, one of them above 0.
    """
    total = sum(shares.values())
    exact = {name: places * share / total for name, share in sorted(shares.items()) if share > 0}
    counts = {name: int(value) for name, value in exact.items()}
    left = places - sum(counts.values())
    for name in sorted(exact, key=lambda name: (counts[name] - exact[name], name))[:left]:
        counts[name] += 1
    return counts


def interleave(counts: Mapping[str, int]) -> list[str]:
    """Return the strategies in the order in which places go to them, so that every beginning of the queue has their shares as nearly as
    whole places allow: whoever answers the first fifty has answered the mixture."""
    total = sum(counts.values())
    given = dict.fromkeys(sorted(counts), 0)
    order = []
    for place in range(1, total + 1):
        behind = {
            name: counts[name] * place - given[name] * total for name in given if given[name] < counts[name]
        }
        name = max(behind, key=lambda name: (behind[name], -_rank(given, name)))
        given[name] += 1
        order.append(name)
    return order


def spread(size: int, number: int, draws: Sequence[int]) -> frozenset[int]:
    """Return which `number` of the `size` places of a queue are taken by gold questions: those with the smallest of the `draws`, one for each
    place."""
    return frozenset(sorted(range(size), key=lambda place: (draws[place], place))[:number])


def _rank(names: Mapping[str, int], name: str) -> int:
    return list(names).index(name)
