"""What differs between the profiles of two sides: missing values, distinct values, range and middle of each column."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_kit.compare.hiding import Hiding
from mlops_kit.compare.section import ProfileChange

MOST = 60
MISSING = 0.005
"""Smallest difference of shares that is told; a column that had no missing value at all, or has none any more, is told in any case."""
DISTINCT = 0.1
"""Smallest relative difference in the number of distinct values that is told."""
MEDIAN = 0.02
"""Smallest difference of medians that is told, as a share of the distance between the 5 % and the 95 % quantile."""
WORDS = {"min": "smallest", "max": "largest"}


def compare_profiles(old: bytes | None, new: bytes | None, hiding: Hiding) -> tuple[ProfileChange, ...]:
    """Return what differs in two profiles by more than comes with a few rows; nothing when one cannot be read.

    Of hidden columns no values are told, only counts.
    """
    if old is None or new is None or old == new:
        return ()
    (before, old_rows), (after, new_rows) = _columns(old), _columns(new)
    found: list[ProfileChange] = []
    for name in after:
        if name in before:
            found += _missing(name, before[name], after[name], (old_rows, new_rows))
            found += _values(name, before[name], after[name], hidden=hiding.hides(name))
    return tuple(found[:MOST])


def _columns(content: bytes) -> tuple[Mapping[str, Mapping[str, Any]], int]:
    try:
        value = json.loads(content)
        columns = {str(name): item for name, item in value["columns"].items() if isinstance(item, dict)}
        return columns, int(value["rows"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}, 0


def _missing(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], rows: tuple[int, int]
) -> Iterator[ProfileChange]:
    counts = (_number(old.get("missing")), _number(new.get("missing")))
    if counts[0] is None or counts[1] is None or not all(rows):
        return
    shares = (counts[0] / rows[0], counts[1] / rows[1])
    if abs(shares[1] - shares[0]) >= MISSING or (shares[0] == 0) != (shares[1] == 0):
        yield ProfileChange(name, "missing", share(shares[0]), share(shares[1]))


def _values(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], *, hidden: bool
) -> Iterator[ProfileChange]:
    distinct = (_number(old.get("distinct")), _number(new.get("distinct")))
    if None not in distinct and _moved(*distinct):
        yield ProfileChange(name, "distinct values", f"{distinct[0]:,.0f}", f"{distinct[1]:,.0f}")
    if hidden:
        return
    for key, word in WORDS.items():
        if old.get(key) is not None and new.get(key) is not None and old[key] != new[key]:
            yield ProfileChange(name, word, _shown(old[key]), _shown(new[key]))
    medians = (_number(old.get("median")), _number(new.get("median")))
    spread = [_number(old.get(key)) for key in ("q05", "q95")]
    if medians[0] is None or medians[1] is None or spread[0] is None or spread[1] is None:
        return
    if abs(medians[1] - medians[0]) > MEDIAN * (spread[1] - spread[0]):
        yield ProfileChange(name, "median", _shown(medians[0]), _shown(medians[1]))


def _moved(old: float | None, new: float | None) -> bool:
    return old is not None and new is not None and abs(new - old) > DISTINCT * max(old, 1)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _shown(value: Any) -> str:
    number = _number(value)
    if number is None:
        return str(value)[:120]
    return f"{number:,.0f}" if number == int(number) and abs(number) < 1e15 else f"{number:.5g}"


def share(value: float) -> str:
    """Return a share in per cent, such as `3.1 %`; a small one is never called none, and a large one never all."""
    if value in (0, 1):
        return f"{value:.0%}".replace("%", " %")
    if value < 0.001:
        return "below 0.1 %"
    return f"{min(value, 0.999):.1%}".replace("%", " %")
