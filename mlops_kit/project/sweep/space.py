"""What a sweep tries: the values of one parameter, and how they are written on the command line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from mlops_kit.errors import UsageError
from mlops_kit.spec.scalars import resolve_scalar

Value = str | int | float | bool | None
Point = Mapping[str, Value]
"""Parameter (`train.max_iter`) -> value."""


@dataclass(frozen=True)
class Dimension:
    """One parameter and what it may be: a list of values, or a range."""

    key: str
    """Dotted name in params.yaml."""
    values: tuple[Value, ...] = ()
    """The values; empty for a range."""
    low: float = 0.0
    """Smallest value of a range."""
    high: float = 0.0
    """Largest value of a range."""
    log: bool = False
    """Whether each factor of a range is as likely as another, instead of each step."""
    whole: bool = False
    """Whether a range has whole numbers only."""

    def draw(self, random: Random) -> Value:
        """Return a random value."""
        if self.values:
            return self.values[random.randrange(len(self.values))]
        if self.whole and not self.log:
            return random.randint(int(self.low), int(self.high))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        drawn = random.uniform(low, high)
        return self.tidy(math.exp(drawn) if self.log else drawn)

    def tidy(self, number: float) -> Value:
        """Return a number of the range as a person would write it: whole, or six digits."""
        inside = min(max(number, self.low), self.high)
        return round(inside) if self.whole else float(f"{inside:.6g}")


def parse_dimension(text: str) -> Dimension:
    """Return what `train.max_iter=50,100,200`, `train.max_iter=50..200` or `train.learning_rate=0.01..0.3:log` means.

    `50..200:4` are four values from end to end, `0.01..1:log:3` three by equal factors. Raises UsageError with the forms.
    """
    key, equals, values = text.partition("=")
    if not equals or not values or not all(key.split(".")):
        raise _unclear(text)
    if ".." not in values:
        found = [resolve_scalar(part.strip()) for part in values.split(",")]
        return Dimension(key, tuple({repr(value): value for value in found}.values()))  # 1 and true are two
    ends, *words = values.split(":")
    low, high = (resolve_scalar(end) for end in ends.split("..", 1))
    log, count = "log" in words, [word for word in words if word != "log"]
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or len(count) > 1 or not all(word.isdigit() and int(word) > 1 for word in count):
        raise _unclear(text)
    whole = isinstance(low, int) and isinstance(high, int)
    made = Dimension(key, (), float(str(low)), float(str(high)), log, whole)
    if not made.low < made.high or (log and made.low <= 0):
        raise UsageError(f"`{text}`: a range goes from less to more, and from above zero with `log`")
    return Dimension(key, tuple(_spread(made, int(count[0])))) if count else made


def grid(dimensions: Sequence[Dimension]) -> Iterator[Point]:
    """Yield every combination, the last parameter changing fastest. Raises UsageError for a range, which has no end of values."""
    for dimension in dimensions:
        if not dimension.values:
            raise UsageError(
                f"a grid cannot try all of a range: {dimension.key}",
                fix=f"say how many: {dimension.key}={dimension.tidy(dimension.low)}..{dimension.tidy(dimension.high)}:5, or --search random",
            )
    for values in product(*(dimension.values for dimension in dimensions)):
        yield {dimension.key: value for dimension, value in zip(dimensions, values, strict=True)}


def _spread(dimension: Dimension, count: int) -> Iterator[Value]:
    low, high = dimension.low, dimension.high
    seen: set[Value] = set()
    for step in range(count):
        part = step / (count - 1)
        value = dimension.tidy(low * (high / low) ** part if dimension.log else low + (high - low) * part)
        if value not in seen:
            seen.add(value)
            yield value


def _unclear(text: str) -> UsageError:
    return UsageError(
        f"`{text}` is not a parameter with values",
        fix="train.max_iter=50,100 or train.max_iter=50..200 or train.learning_rate=0.01..0.3:log or train.max_iter=50..200:4",
    )
