"""Values that are known without running a script: constants, and what can be made of them."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# A path that starts with this is relative to the DVC root, whatever the working directory (made from `__file__`).
ROOT = "\0"
MAX_ALTERNATIVES = 48


@dataclass(frozen=True)
class Unknown:
    """A value that is not known."""


@dataclass(frozen=True)
class Partial:
    """A text whose beginning is known."""

    head: str


@dataclass(frozen=True)
class Handle:
    """An open file, or the text read from it."""

    path: str


@dataclass(frozen=True)
class External:
    """Something of a library or of the language, by its dotted name."""

    name: str


@dataclass(frozen=True)
class Items:
    """A list or a tuple: the alternatives of each item."""

    items: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Table:
    """A mapping: the alternatives of each value. Also what a parser of arguments returns."""

    entries: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


Values = tuple[Any, ...]
"""The alternatives that an expression can have; empty when nothing is known."""
UNKNOWN = Unknown()


def merge(groups: Iterable[Values]) -> Values:
    """Return the distinct values of all groups, at most MAX_ALTERNATIVES."""
    found: list[Any] = []
    for value in itertools.chain.from_iterable(groups):
        if not any(type(value) is type(one) and value == one for one in found):  # True == 1
            found.append(value)
        if len(found) >= MAX_ALTERNATIVES:
            break
    return tuple(found)


def wrap(value: Any) -> Any:
    """Return a plain value, such as a loaded configuration, as known values."""
    if isinstance(value, dict):
        return Table({str(key): (wrap(item),) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Items(tuple((wrap(item),) for item in value))
    return value


def combine(function: Callable[..., Any], groups: Sequence[Values]) -> Values:
    """Return what `function` makes of each combination of alternatives; an unknown argument is passed as UNKNOWN."""
    choices = [group or (UNKNOWN,) for group in groups]
    made = (function(*chosen) for chosen in itertools.islice(itertools.product(*choices), MAX_ALTERNATIVES))
    return merge((value,) for value in made if not isinstance(value, Unknown))


def elements(values: Values) -> Values:
    """Return what iterating over `values` gives."""
    return merge(
        item
        for value in values
        for item in (
            value.items
            if isinstance(value, Items)
            else [(key,) for key in value.entries]
            if isinstance(value, Table)
            else []
        )
    )


def add(left: Any, right: Any) -> Any:
    """Return `left + right` of texts or numbers."""
    if isinstance(left, Partial):
        return left
    if isinstance(left, str):
        if isinstance(right, str):
            return left + right
        return Partial(left + (right.head if isinstance(right, Partial) else ""))
    if isinstance(left, Items) and isinstance(right, Items):
        return Items(left.items + right.items)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left + right
    return UNKNOWN


def join(*parts: Any) -> Any:
    """Return path parts joined, as os.path.join and pathlib do."""
    path = ""
    for part in parts:
        if isinstance(part, Partial):
            return Partial(posixpath.join(path, slashed(part.head)))
        if not isinstance(part, str):
            return Partial(posixpath.join(path, "")) if path else UNKNOWN
        path = posixpath.join(path, slashed(part))
    return path


def slashed(text: str) -> str:
    """Return a path with forward slashes; a text with escapes that are no path is left as it is."""
    return text.replace("\\", "/") if "\\" in text and "\n" not in text else text


def interpolate(parts: Iterable[Any]) -> Any:
    """Return the text of an f-string from its parts."""
    text = ""
    for part in parts:
        if isinstance(part, Partial):
            return Partial(text + part.head)
        if isinstance(part, bool) or not isinstance(part, str | int | float):
            return Partial(text)
        text += str(part)
    return text


def parent(path: str) -> str:
    """Return the folder of a path, as pathlib says it."""
    return posixpath.dirname(path.rstrip("/")) or "."


def truth(values: Values) -> bool | None:
    """Return whether `values` is true, None when that is not known."""
    if len(values) != 1 or isinstance(values[0], Unknown | Partial | Handle | External):
        return None
    value = values[0]
    if isinstance(value, Items):
        return bool(value.items)
    if isinstance(value, Table):
        return bool(value.entries) or None
    return bool(value) if isinstance(value, str | int | float | bool) or value is None else None
