"""Three versions of a text, line by line: which changes stand apart, and both of them together. Pure.

git takes two changes with no unchanged line between them for a conflict. In a file of records, one to a line (dependencies, ignored
names, keys of YAML), they are none: the order is known, and what comes out is checked by its meaning (`values.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Hunk:
    """One change: lines `start` to `end` of the base become `new`."""

    start: int
    """First line of the base, from 0."""
    end: int
    """Line of the base behind the last one; equal to `start` for lines that are only added."""
    new: tuple[str, ...]
    """What stands there instead."""
    at: int
    """Line of the changed text, from 0, on which `new` starts."""


def find_hunks(base: Sequence[str], other: Sequence[str]) -> tuple[Hunk, ...]:
    """Return the changes that make `other` from `base`, in their order."""
    codes = SequenceMatcher(None, base, other, autojunk=False).get_opcodes()
    return tuple(Hunk(i1, i2, tuple(other[j1:j2]), j1) for tag, i1, i2, j1, j2 in codes if tag != "equal")


def merge_lines(
    base: Sequence[str], yours: Sequence[str], theirs: Sequence[str], *, yours_first: bool = False
) -> list[str] | None:
    """Return the base with the changes of both, None when two of them change the same line.

    Lines that both add at one place follow one another, the template's first unless `yours_first`.
    """
    mine, other = find_hunks(base, yours), find_hunks(base, theirs)
    same = {(hunk.start, hunk.end, hunk.new) for hunk in mine}
    other = tuple(hunk for hunk in other if (hunk.start, hunk.end, hunk.new) not in same)
    if any(_clash(one, two) for one in mine for two in other):
        return None
    ranked = [(h.start, h.end, 0 if yours_first else 1, h) for h in mine]
    ranked += [(h.start, h.end, 1 if yours_first else 0, h) for h in other]
    merged: list[str] = []
    done = 0
    for start, end, _, hunk in sorted(ranked, key=lambda item: item[:3]):
        merged += [*base[done:start], *hunk.new]
        done = end
    return [*merged, *base[done:]]


def clashing_lines(
    base: Sequence[str], yours: Sequence[str], theirs: Sequence[str]
) -> tuple[tuple[int, int], ...]:
    """Return the ranges (first and last line, from 1) of `yours` that git would call a conflict with `theirs`.

    A range whose last line is the one before its first marks a place where lines of yours were removed.
    """
    other = find_hunks(base, theirs)
    return tuple(
        (hunk.at + 1, hunk.at + len(hunk.new))
        for hunk in find_hunks(base, yours)
        if any(_touch(hunk, two) and hunk.new != two.new for two in other)
    )


def _clash(one: Hunk, two: Hunk) -> bool:
    return one.start < two.end and two.start < one.end


def _touch(one: Hunk, two: Hunk) -> bool:
    return one.start <= two.end and two.start <= one.end


def split_lines(text: str) -> list[str]:
    """Return the lines of `text` with their ends; only a line feed ends a line, as in git."""
    return list(_split(text))


def _split(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start : end + 1]
        start = end + 1
    if start < len(text):
        yield text[start:]
