"""Collecting differences: bounded in lines and in work, whatever the contents hold."""

from __future__ import annotations

import math
from typing import Any

from mlops_kit.compare.deviation.model import MOST_LINES, Level, Margins, Tolerance, worst
from mlops_kit.compare.deviation.noise import name_noise

MOST_NODES = 5_000_000
_WIDEST = 60


class TooMuchError(Exception):
    """A content is larger than what is looked at; the message says by what measure."""


class Findings:
    """What was found so far between a recorded (old) and a fresh (new) content."""

    def __init__(self, tolerance: Tolerance, margins: Margins | None = None) -> None:
        self.tolerance = tolerance
        self.margins = margins or Margins()
        self.level = Level.EQUAL
        self.largest: float | None = None
        self._lines: list[str] = []
        self._left_out = 0
        self._spent = 0
        self._prefix = ""

    def within(self, place: str) -> _Place:
        """Return a context in which every place named is prefixed with `place`."""
        return _Place(self, place)

    def spend(self, nodes: int = 1) -> None:
        """Count work. Raises TooMuchError when it is more than a comparison may cost."""
        self._spent += nodes
        if self._spent > MOST_NODES:
            raise TooMuchError(f"more than {MOST_NODES:,} values")

    def say(self, text: str, level: Level = Level.EQUAL) -> None:
        """Add a line that holds for both sides alike."""
        self.level = worst(self.level, level)
        if len(self._lines) < MOST_LINES:
            self._lines.append(f"{self._prefix}{text}")
        else:
            self._left_out += 1

    def change(
        self, place: str, old: Any, new: Any, *, note: str = "", level: Level = Level.DIFFERENT
    ) -> None:
        """Add `place: old -> new`."""
        self.say(f"{place}: {show(old)} -> {show(new)}{f' ({note})' if note else ''}", level)

    def only(self, fresh: bool, what: str) -> None:
        """Add that `what` is on one side only."""
        self.say(f"only in the {'fresh' if fresh else 'recorded'} one: {what}", Level.DIFFERENT)

    def text(self, place: str, old: str, new: str) -> None:
        """Add two texts that differ; known noise in them is named."""
        self.change(place, old, new, note=name_noise(old, new))

    def measure(self, difference: float) -> None:
        """Remember a relative difference if it is the largest."""
        if not math.isnan(difference):
            self.largest = max(self.largest or 0.0, difference)

    def number(self, place: str, old: float, new: float, *, metric: str = "") -> None:
        """Compare two numbers under the tolerance, and under the margins of `metric`; add them when they differ."""
        if old == new or (is_nan(old) and is_nan(new)):
            return
        relative = relative_difference(old, new)
        if relative is None:
            self.change(place, old, new)
            return
        if abs(old - new) <= self.tolerance.absolute:
            self.measure(0.0)
            self.change(place, old, new, note="within the tolerance", level=Level.EQUAL)
            return
        self.measure(relative)
        if relative <= self.tolerance.relative:
            self.change(place, old, new, note="within the tolerance", level=Level.EQUAL)
            return
        noise = self.margins.explain(metric, float(old), float(new)) if metric else ""
        note = f"{noise}; {relative:.2g} of it" if noise else f"{relative:.2g} of it"
        self.change(place, old, new, note=note, level=Level.INTERVAL if noise else Level.DIFFERENT)

    def lines(self) -> tuple[str, ...]:
        """Return what was found, and how much was left out."""
        rest = [f"and {self._left_out:,} more differences"] if self._left_out else []
        return (*self._lines, *rest)

    @property
    def count(self) -> int:
        """Return how many lines there are, shown or not."""
        return len(self._lines) + self._left_out


class _Place:
    """A place within a content, as a context."""

    def __init__(self, found: Findings, place: str) -> None:
        self._found, self._place, self._before = found, place, ""

    def __enter__(self) -> Findings:
        self._before = self._found._prefix  # noqa: SLF001 - one thing in two classes
        self._found._prefix = f"{self._before}{self._place}: "  # noqa: SLF001
        return self._found

    def __exit__(self, *error: object) -> None:
        self._found._prefix = self._before  # noqa: SLF001


def relative_difference(old: float, new: float) -> float | None:
    """Return |old - new| / max(|old|, |new|), the same for swapped sides; None when one of them is not finite."""
    try:
        if not (math.isfinite(old) and math.isfinite(new)):
            return None
        largest = max(abs(old), abs(new))
        return float(abs(old - new) / largest) if largest else 0.0
    except OverflowError:  # whole numbers of more than 308 digits
        return None


def is_nan(value: object) -> bool:
    """Return whether `value` is the float NaN."""
    return isinstance(value, float) and math.isnan(value)


def show(value: Any) -> str:
    """Return `value` for one line: short, and without line breaks or control signs."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
