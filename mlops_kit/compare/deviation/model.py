"""What can be said of two versions of one output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mlops_kit.spec.model import Tolerance

if TYPE_CHECKING:
    from mlops_kit.compare.statistics import Interval

__all__ = ["MOST_LINES", "Level", "Margins", "OutputDeviation", "Tolerance", "worst"]

MOST_LINES = 10
"""Lines of detail for one output; what is left out is counted."""


class Level(StrEnum):
    """How alike two versions are, best first."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    INTERVAL = "interval"
    DIFFERENT = "different"


_SEVERITY = {level: place for place, level in enumerate(Level)}


def worst(one: Level, other: Level) -> Level:
    """Return the less alike of two levels."""
    return max(one, other, key=_SEVERITY.__getitem__)


@dataclass(frozen=True)
class Margins:
    """What a metric may differ by for reasons that are no error."""

    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """Metric -> interval of its difference fresh - recorded over the test rows; a difference whose interval holds zero is noise."""
    stated: Mapping[str, float] = field(default_factory=dict)
    """Metric -> largest difference that the project declares as harmless, in the metric's unit."""

    def explain(self, name: str, old: float, new: float) -> str:
        """Return in words why `new` in place of `old` is within the metric's interval; empty when it is not."""
        short = name.replace(":", ".").rpartition(".")[2]
        stated = self.stated.get(name, self.stated.get(short))
        if stated is not None and abs(new - old) <= stated:
            return f"within the stated {stated:g}"
        interval = self.intervals.get(name, self.intervals.get(short))
        if interval is None or not interval.low <= 0 <= interval.high:
            return ""
        # The same name can stand for other rows or another average; then the interval says nothing about these two numbers.
        apart = abs((new - old) - (interval.change if interval.change is not None else new - old))
        if apart > max(interval.high - interval.low, 1e-9 * max(1.0, abs(old))):
            return ""
        return f"within its interval {interval.low:+.3g} to {interval.high:+.3g}"


@dataclass(frozen=True)
class OutputDeviation:
    """How one output of a rerun differs from the recorded one."""

    path: str
    """Path of the output in the project, with forward slashes."""
    level: Level
    """`identical` (the same bytes), `equal` (the same meaning: encoding, known noise, or numbers within the tolerance), `interval`
    (metrics that differ by no more than their interval) or `different`."""
    largest: float | None
    """Largest relative difference of two numbers, |a - b| / max(|a|, |b|); None where no two numbers differ."""
    detail: tuple[str, ...]
    """What differs and where, at most ten lines and one that counts the rest."""
