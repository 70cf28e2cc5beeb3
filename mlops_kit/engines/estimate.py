"""How long stages take when several run side by side."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.engines.forecast import Expected, Forecast


@dataclass(frozen=True)
class Estimate:
    """The time of a run, as far as it is known."""

    least: float
    """Seconds of the stages that certainly run."""
    most: float
    """Seconds when all those that may run do."""
    way: tuple[str, ...]
    """Stages of the longest chain of those that run or may run: more processors do not make it shorter."""
    unknown: tuple[str, ...]
    """Stages that run or may run and have not run before; an average one stands for them."""
    jobs: int
    """How many run side by side."""


def estimate_time(forecast: Forecast, jobs: int) -> Estimate:
    """Return how long a run takes with `jobs` stages side by side, the ones on the longest way to the end first."""
    sure = [one.stage for one in forecast.of(Expected.RUN)]
    possible = [one.stage for one in forecast.of(Expected.RUN, Expected.PERHAPS)]
    known = {one.stage: one.seconds for one in forecast.stages if one.seconds is not None}
    recorded = [known[name] for name in possible if name in known]
    usual = sum(recorded) / len(recorded) if recorded else 0.0
    seconds = {name: known.get(name, usual) for name in possible}
    unknown = tuple(name for name in possible if name not in known)
    way = longest_way(possible, forecast.before, seconds)
    return Estimate(
        simulate(sure, forecast.before, seconds, jobs),
        simulate(possible, forecast.before, seconds, jobs),
        way,
        unknown,
        jobs,
    )


def longest_way(
    order: Sequence[str], before: Mapping[str, Sequence[str]], seconds: Mapping[str, float]
) -> tuple[str, ...]:
    """Return the chain of stages that takes longest; `order` has every stage behind those that it needs."""
    ends: dict[str, float] = {}
    previous: dict[str, str] = {}
    for name in order:
        needed = [other for other in before.get(name, ()) if other in ends]
        last = max(needed, key=lambda other: ends[other], default=None)
        if last is not None:
            previous[name] = last
        ends[name] = seconds[name] + (ends[last] if last is not None else 0.0)
    way = [max(order, key=lambda name: ends[name])] if order else []
    while way and way[-1] in previous:
        way.append(previous[way[-1]])
    return tuple(reversed(way))


def simulate(
    order: Sequence[str], before: Mapping[str, Sequence[str]], seconds: Mapping[str, float], jobs: int
) -> float:
    """Return the seconds until the last of the stages in `order` ends, each of which needs one of `jobs` places."""
    after: dict[str, list[str]] = {name: [] for name in order}
    waits = dict.fromkeys(order, 0)
    for name in order:
        for other in before.get(name, ()):
            if other in waits:
                waits[name] += 1
                after[other].append(name)
    rest: dict[str, float] = {}
    for name in reversed(order):
        rest[name] = seconds[name] + max((rest[other] for other in after[name]), default=0.0)
    ready = [(-rest[name], name) for name in order if not waits[name]]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < max(1, jobs):
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[name], name))
        now, done = heapq.heappop(running)
        for name in after[done]:
            waits[name] -= 1
            if not waits[name]:
                heapq.heappush(ready, (-rest[name], name))
    return now
