"""Merging two changes of one mapping, entry by entry: what both changed differently is in neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Merged:
    """A merged file."""

    content: bytes
    """All of it."""
    dropped: tuple[str, ...] = ()
    """What both sides had changed differently and is left out, or is that of our side where leaving out is impossible; a run brings it back."""


def merge_mappings(
    base: Mapping[Key, Value], ours: Mapping[Key, Value], theirs: Mapping[Key, Value]
) -> tuple[dict[Key, Value], tuple[Key, ...]]:
    """Return the entries of the merge, those of our side first, and the keys that both sides changed (or one removed) differently."""
    merged: dict[Key, Value] = {}
    dropped: list[Key] = []
    for key in dict.fromkeys([*ours, *theirs, *base]):
        was, mine, other = base.get(key), ours.get(key), theirs.get(key)
        if mine not in (other, was) and other != was:
            dropped.append(key)
            continue
        chosen = other if mine == was else mine
        if chosen is not None:
            merged[key] = mine if mine == chosen and mine is not None else chosen
    return merged, tuple(dropped)
