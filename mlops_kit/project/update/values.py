"""Three versions of a value (a YAML or TOML file): what both changes together must mean. Pure.

A merge by lines can be clean and wrong: a key that you added below a section may end up below another one that the template added. So
the meaning of the merged text is compared with the merged meaning.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any


class ClashError(Exception):
    """Both sides changed one value; the text is its dotted name."""


@dataclass(frozen=True)
class Bag:
    """The items of a list that both sides changed, in any order."""

    items: Counter[str]
    """Item, as JSON -> how often."""


_ABSENT = object()


def merge_values(base: Any, yours: Any, theirs: Any, name: str = "") -> Any:
    """Return what both changes of `base` mean together; a list that both changed is a Bag.

    Raises ClashError, naming the value, when they contradict each other.
    """
    if _same(yours, theirs) or _same(base, theirs):
        return yours
    if _same(base, yours):
        return theirs
    if isinstance(yours, dict) and isinstance(theirs, dict):
        old = base if isinstance(base, dict) else {}
        merged = {key: _merge_key(old, yours, theirs, key, name) for key in {**old, **theirs, **yours}}
        return {key: value for key, value in merged.items() if value is not _ABSENT}
    if isinstance(base, list) and isinstance(yours, list) and isinstance(theirs, list):
        return _merge_lists(base, yours, theirs, name)
    raise ClashError(name or "the file")


def _merge_key(base: Any, yours: Any, theirs: Any, key: str, name: str) -> Any:
    old, mine, other = (side.get(key, _ABSENT) for side in (base, yours, theirs))
    return merge_values(old, mine, other, f"{name}.{key}" if name else str(key))


def _merge_lists(base: list[Any], yours: list[Any], theirs: list[Any], name: str) -> Any:
    if len(base) == len(yours) == len(theirs):
        sides = zip(base, yours, theirs, strict=True)
        try:
            return [merge_values(*items, f"{name}[{index}]") for index, items in enumerate(sides)]
        except ClashError:
            # Not the same items changed, but one exchanged for another here and there.
            if not any(isinstance(item, str) for item in base):
                raise
    old, mine, other = (Counter(map(_text, items)) for items in (base, yours, theirs))
    return Bag((old - (old - mine) - (old - other)) + (mine - old) + (other - old))


def means(value: Any, expected: Any) -> bool:
    """Return whether `value` is what `merge_values` says it must be."""
    if isinstance(expected, Bag):
        return isinstance(value, list) and Counter(map(_text, value)) == expected.items
    if isinstance(expected, dict) and isinstance(value, dict):
        return value.keys() == expected.keys() and all(means(value[key], expected[key]) for key in expected)
    if isinstance(expected, list) and isinstance(value, list):
        return len(value) == len(expected) and all(map(means, value, expected))
    return _same(value, expected)


def _same(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return _text(one) == _text(other)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
