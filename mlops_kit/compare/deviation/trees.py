"""Comparing nested values: documents, and what models are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.compare.deviation.arrays import Tensor, compare_tensors
from mlops_kit.compare.deviation.findings import Findings, is_nan, show
from mlops_kit.compare.deviation.model import Level

# Attributes that describe the fitting run and not the model: (type's last name, attribute) -> what they are.
RUN_ATTRIBUTES = {
    ("_BinMapper", "n_threads"): "threads of the fitting run, no part of the model",
    ("TfidfVectorizer", "_stop_words_id"): "a memory address, known noise",
    ("CountVectorizer", "_stop_words_id"): "a memory address, known noise",
    ("HashingVectorizer", "_stop_words_id"): "a memory address, known noise",
}
_MOST_ITEMS_FOR_ORDER = 200_000
_MOST_PARTS = 10_000


@dataclass
class Typed:
    """A value of a named type; its parts by name."""

    type: str
    """Module and name."""
    parts: dict[str, Any] = field(default_factory=dict)
    """Attributes and arguments."""


@dataclass
class Bag:
    """A set: its items in the order in which they were written."""

    items: list[Any] = field(default_factory=list)
    """The items."""


class TreeComparison:
    """Compares two trees and adds to the findings where they differ; shared and cyclic parts are compared once."""

    def __init__(self, found: Findings, *, root: str = "", metrics: bool = False) -> None:
        self._found = found
        self._root = root
        self._metrics = metrics
        self._seen: set[tuple[int, int]] = set()

    def compare(self, old: Any, new: Any, place: str = "", owner: str = "") -> None:
        """Compare the values at `place`; `owner` is the type that has them as attributes."""
        self._found.spend()
        if old is new:
            return
        if isinstance(old, dict | list | tuple | Typed | Bag):
            if (id(old), id(new)) in self._seen:
                return
            self._seen.add((id(old), id(new)))
        match old, new:
            case Typed(), Typed():
                self._typed(old, new, place)
            case Bag(), Bag():
                self._bag(old, new, place)
            case Tensor(), Tensor():
                compare_tensors(old, new, self._name(place), self._found)
            case dict(), dict():
                self._mapping(old, new, place, owner)
            case (list(), list()) | (tuple(), tuple()):
                self._sequence(old, new, place)
            case _:
                self._leaf(old, new, place)

    def _name(self, place: str) -> str:
        return f"{self._root}{place}" if self._root else place or "value"

    def _owner(self, place: str) -> str:
        return f"{self._name(place)}: " if place or self._root else ""

    def _typed(self, old: Typed, new: Typed, place: str) -> None:
        if old.type != new.type:
            self._found.change(f"{self._name(place)}, type", old.type, new.type)
            return
        self._mapping(old.parts, new.parts, place, old.type)

    def _mapping(self, old: Mapping[Any, Any], new: Mapping[Any, Any], place: str, owner: str) -> None:
        for fresh, (one, other) in enumerate(((old, new), (new, old))):
            lost = [key for key in one if key not in other]
            if lost:
                names = ", ".join(show(key) for key in sorted(lost, key=show)[:5])
                more = f" and {len(lost) - 5:,} more" if len(lost) > 5 else ""
                self._found.only(bool(fresh), f"{self._owner(place)}keys {names}{more}")
        shared = [key for key in old if key in new]
        if not place.endswith(".state") and [key for key in new if key in old] != shared:
            self._found.say(f"{self._owner(place)}the same keys in another order")
        for key in sorted(shared, key=show):
            known = RUN_ATTRIBUTES.get((owner.rpartition(".")[2], str(key)))
            inner = f"{place}.{key}" if place or self._root else str(key)
            if known and old[key] != new[key]:
                self._found.change(self._name(inner), old[key], new[key], note=known, level=Level.EQUAL)
            elif not known:
                self.compare(old[key], new[key], inner)

    def _sequence(self, old: Sequence[Any], new: Sequence[Any], place: str) -> None:
        counts = self._counts(old, new)
        if counts is not None and counts[0] == counts[1]:
            if [fingerprint(item) for item in old] != [fingerprint(item) for item in new]:
                self._found.say(
                    f"{self._name(place)}: the same {len(old):,} items in another order, "
                    "as from a set, a listing or parallel work",
                    Level.DIFFERENT,
                )
                return
        elif len(old) != len(new):
            self._found.change(f"{self._name(place)}, number of items", len(old), len(new))
            if counts is not None:
                self._only_items(counts, place)
            return
        for index, (one, other) in enumerate(zip(old, new, strict=False)):
            self.compare(one, other, f"{place}[{index}]")

    def _bag(self, old: Bag, new: Bag, place: str) -> None:
        counts = self._counts(old.items, new.items)
        if counts is None or counts[0] != counts[1]:
            if counts is not None:
                self._only_items(counts, place)
            else:
                self._found.say(f"{self._name(place)}: sets that differ", Level.DIFFERENT)
        elif [fingerprint(item) for item in old.items] != [fingerprint(item) for item in new.items]:
            self._found.say(f"{self._name(place)}: the same set, written in another order (hash seed)")

    def _counts(self, old: Sequence[Any], new: Sequence[Any]) -> tuple[Counter[str], Counter[str]] | None:
        if max(len(old), len(new)) > _MOST_ITEMS_FOR_ORDER:
            return None
        self._found.spend(len(old) + len(new))
        prints = ([fingerprint(item) for item in old], [fingerprint(item) for item in new])
        if any(one is None for side in prints for one in side):
            return None
        return Counter(str(one) for one in prints[0]), Counter(str(one) for one in prints[1])

    def _only_items(self, counts: tuple[Counter[str], Counter[str]], place: str) -> None:
        for fresh, rest in enumerate((counts[0] - counts[1], counts[1] - counts[0])):
            if rest:
                items = ", ".join(show(_plain(item)) for item in sorted(rest)[:3])
                self._found.only(bool(fresh), f"{self._name(place)}: {rest.total():,} items such as {items}")

    def _leaf(self, old: Any, new: Any, place: str) -> None:
        name = self._name(place)
        if _is_number(old) and _is_number(new):
            if type(old) is not type(new) and old == new:
                self._found.change(
                    name, old, new, note="the same number, written otherwise", level=Level.EQUAL
                )
            self._found.number(name, old, new, metric=place if self._metrics else "")
        elif isinstance(old, str) and isinstance(new, str):
            if old != new:
                self._found.text(name, old, new)
        elif type(old) is not type(new):
            self._found.change(name, old, new, note="another type")
        elif old != new and not (is_nan(old) and is_nan(new)):
            self._found.change(name, old, new)


def fingerprint(value: Any) -> str | None:
    """Return a text that is the same for equal plain values; None for values that hold arrays, or are too large or deep to tell."""
    try:
        return _print(value, 0, [_MOST_PARTS])
    except _NoPrintError:
        return None


class _NoPrintError(Exception):
    """The value has no fingerprint."""


def _print(value: Any, depth: int, left: list[int]) -> str:
    left[0] -= 1
    if depth > 20 or left[0] < 0 or isinstance(value, Typed | Bag | Tensor):
        raise _NoPrintError
    if isinstance(value, dict):
        parts = sorted(
            f"{_print(key, depth + 1, left)}: {_print(one, depth + 1, left)}" for key, one in value.items()
        )
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_print(item, depth + 1, left) for item in value) + "]"
    return repr(value)


def _plain(item: str) -> Any:
    return item[1:-1] if item[:1] in "'\"" else _Verbatim(item)


class _Verbatim(str):
    """A text that is shown as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
