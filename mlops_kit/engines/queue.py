"""Which stage comes next: those whose stages before them are done, first the one on the longest way to the end."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

DEFAULT_SECONDS = 1.0


def critical_seconds(
    order: Sequence[str], after: Mapping[str, Sequence[str]], seconds: Mapping[str, float]
) -> dict[str, float]:
    """Return stage -> seconds from its start to the end of the last stage that needs it, if nothing else had to be waited for.

    `order` has every stage behind those that it needs, `after` the stages that directly need one; a stage without recorded `seconds`
    counts as an average one.
    """
    known = [seconds[name] for name in order if name in seconds]
    usual = sum(known) / len(known) if known else DEFAULT_SECONDS
    found: dict[str, float] = {}
    for name in reversed(order):
        longest = max((found[other] for other in after.get(name, ())), default=0.0)
        found[name] = seconds.get(name, usual) + longest
    return found


class StageQueue:
    """The stages of a run by what they still wait for."""

    def __init__(self, order: Sequence[str], before: Callable[[str], Iterable[str]]) -> None:
        """Begin with `order`, the stages in DVC's order of execution, and the function that gives those directly before one."""
        self.order = tuple(order)
        self.place = {name: number for number, name in enumerate(self.order)}
        self._waits: dict[str, int] = {}
        self.after: dict[str, list[str]] = {}
        for name in self.order:
            needed = [other for other in dict.fromkeys(before(name)) if other in self.place]
            self._waits[name] = len(needed)
            for other in needed:
                self.after.setdefault(other, []).append(name)
        self._settled: set[str] = set()
        self._front = 0
        self._urgency: Mapping[str, float] = {}
        self._ready = [(0.0, self.place[name], name) for name in self.order if not self._waits[name]]

    def favour(self, urgency: Mapping[str, float]) -> None:
        """From now on give out those with the largest `urgency` first."""
        self._urgency = urgency
        self._ready = [(-urgency.get(name, 0.0), place, name) for _, place, name in self._ready]
        heapq.heapify(self._ready)

    def pop(self) -> str | None:
        """Return the next stage that waits for nothing; None when there is none. Each is given out once."""
        return heapq.heappop(self._ready)[2] if self._ready else None

    def settle(self, name: str) -> None:
        """Note that a stage is up to date."""
        self._settled.add(name)
        for other in self.after.get(name, ()):
            self._waits[other] -= 1
            if not self._waits[other]:
                heapq.heappush(self._ready, (-self._urgency.get(other, 0.0), self.place[other], other))
        while self._front < len(self.order) and self.order[self._front] in self._settled:
            self._front += 1

    def is_next(self, name: str) -> bool:
        """Return whether all before `name` in DVC's order are up to date."""
        return self.place[name] == self._front

    @property
    def done(self) -> bool:
        """Return whether all stages are up to date."""
        return self._front == len(self.order)
