"""Tables and folds of a comment: rows that break well, and what is left out counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
TOGETHER = 22  # letters of a cell that stay on one line, so that a phone scrolls a table sideways instead of making it tall


@dataclass(frozen=True)
class Columns:
    """The head of a table."""

    names: Sequence[str]
    alignment: str
    """`l` or `r` for each column."""


@dataclass(frozen=True)
class Size:
    """How much of the comment there is room for."""

    rows: int
    """Most rows of a folded table."""
    above: int
    """Most rows of a table above the folds."""


def together(words: str) -> str:
    """Return escaped text whose words break only where a line of some width is full."""
    lines: list[str] = []
    for word in words.split(" "):
        if lines and len(lines[-1]) < TOGETHER:
            lines[-1] += f"\u00a0{word}"
        else:
            lines.append(word)
    return " ".join(lines).replace("\u00a0", "&nbsp;")


def table(columns: Columns, rows: Sequence[str]) -> str:
    """Return a table whose `rows` are Markdown already; empty without rows."""
    if not rows:
        return ""
    rule = "|".join({"l": ":---", "r": "---:"}[letter] for letter in columns.alignment)
    return "\n".join([f"| {' | '.join(columns.names)} |", f"|{rule}|", *rows])


def split(
    columns: Columns, items: Sequence[T], row: Callable[[T], str], size: Size, title: str
) -> tuple[str, str]:
    """Return the table of the first rows and the fold with the others; where no fold has room, their number stands below the first."""
    if len(items) <= size.above or not size.rows:
        return table(columns, cut(items, size.above, row)), ""
    top = table(columns, [row(item) for item in items[: size.above]])
    return top, fold_table(title, columns, items[size.above :], row, size)


def fold_table(title: str, columns: Columns, items: Sequence[T], row: Callable[[T], str], size: Size) -> str:
    """Return a fold with a table of the first rows; empty without items."""
    return fold(title, table(columns, cut(items, size.rows, row))) if items else ""


def fold(title: str, body: str) -> str:
    """Return a folded section; `title` is our own text."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def cut(items: Sequence[T], most: int, row: Callable[[T], str], what: str = "") -> list[str]:
    """Return the rows of the first `most` items, and how many more there are."""
    rows = [row(item) for item in items[:most]]
    left = len(items) - most
    return [*rows, f"| … and {left:,} more {what}".rstrip() + " |"] if left > 0 else rows
