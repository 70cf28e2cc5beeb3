"""The history of metrics as lines of text with styles: a table, or a sparkline for each metric. Fits a given width."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Literal

from mlops_kit.compare.history import Cell, History, HistoryRow, LostMetrics, Series
from mlops_kit.report.inert import number, signed, visible

Style = Literal["", "dim", "bold", "good", "bad", "warn"]
Line = tuple[tuple[str, Style], ...]
"""Pieces of one line, each with its style."""

ARROWS = {"higher": "↑", "lower": "↓", None: ""}
BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "12345678"
UNREADABLE, ABSENT, BEST = "?", "–", "*"
LONGEST_NAME = 28
# What is left for branch names and the subject, however many metrics there are.
LEAST_WORDS = 20
MOST_LOST = 5


def table(history: History, width: int, *, every: bool = False) -> list[Line]:
    """Return the table in lines of at most `width` characters.

    Metrics that do not fit are counted below it, or with `every` shown in further tables.
    """
    blocks = [*islice(_blocks(history, width), None if every else 1)]
    lines: list[Line] = [((_headline(history), "dim"),)]
    for block in blocks:
        lines += [(), *_block_lines(history, block, width)]
    left = history.series[sum(map(len, blocks)) :]
    best = any(cell.best for row in history.rows for cell in row.cells)
    legend: list[Line] = [((f"{BEST} best of these", "dim"),)] if best else []
    return [*lines, *legend, *_foot(history, left)]


def sparklines(history: History, width: int, *, plain: bool = False) -> list[Line]:
    """Return a line for each metric, oldest commit first, in lines of at most `width` characters.

    `plain` draws with the digits 1 to 8 for terminals without block characters. A mark stands for several commits (by their mean)
    where there are more commits than room.
    """
    rows = list(reversed(range(len(history.rows))))
    names = [_name(line) for line in history.series]
    longest = max(map(len, names), default=0)
    said = [
        _spark_words([history.rows[index].cells[column] for index in rows]) for column in range(len(names))
    ]
    room = max(8, width - longest - max(map(len, said), default=0) - 4)
    share = -(-len(rows) // room) if rows else 1
    per_mark = f"; a mark is the mean of {share} commits" if share > 1 else ""
    lines: list[Line] = [((f"{_headline(history)}, oldest first{per_mark}", "dim"),), ()]
    for column, name in enumerate(names):
        drawn = _spark([history.rows[index].cells[column] for index in rows], share, plain=plain)
        blank = " " * (-(-len(rows) // share) - len(drawn))
        lines.append(((f"{name:<{longest}}  ", ""), (drawn + blank, "bold"), (f"  {said[column]}", "dim")))
    return [*lines, *_foot(history, [])]


def join(lines: Sequence[Line]) -> str:
    """Return the lines as plain text."""
    return "".join("".join(piece for piece, _ in line).rstrip() + "\n" for line in lines)


def short_refs(refs: Sequence[str]) -> str:
    """Return full names of refs as people know them, separated by commas."""
    parts = ("refs/heads/", "refs/tags/", "refs/remotes/")
    names = [next((ref[len(part) :] for part in parts if ref.startswith(part)), ref) for ref in refs]
    return ", ".join(visible(name, longest=60) for name in names)


def lost_words(lost: LostMetrics) -> str:
    """Return what could not be read, at how many commits, and the command that mends it."""
    commits = "1 commit" if lost.commits == 1 else f"{lost.commits:,} commits"
    return f"{UNREADABLE} {visible(lost.what)} at {commits} {visible(lost.reason)}; fix: {visible(lost.fix)}"


def _headline(history: History) -> str:
    shown, read = len(history.rows), history.scanned
    of = f" of {read:,} read" if history.rows and read > shown else ""
    if not history.rows:
        return (
            f"{visible(history.span)}: no metric changed in {read:,} commits"
            if read
            else f"{visible(history.span)}: no commit"
        )
    return f"{visible(history.span)}: {shown:,} {'commit' if shown == 1 else 'commits'}{of}"


def _blocks(history: History, width: int) -> Iterator[list[int]]:
    """Yield the metrics (by index) of each table that fits, in their order."""
    left, block = 0, list[int]()
    for column in range(len(history.series)):
        need = sum(_widths(history, column)) + 3
        if block and need > left:
            yield block
            block = []
        if not block:
            left = width - 9 - 2 - 10 - LEAST_WORDS
        block.append(column)
        left -= need
    if block:
        yield block


def _name(series: Series) -> str:
    name = visible(series.name)
    cut = name if len(name) <= LONGEST_NAME else "…" + name[-LONGEST_NAME + 1 :]
    return f"{cut} {ARROWS[series.direction]}".rstrip()


def _value(cell: Cell) -> str:
    if cell.value is None:
        return UNREADABLE if cell.unreadable else ""
    return number(cell.value) + (BEST if cell.best else " ")


def _change(cell: Cell) -> str:
    return "" if cell.change is None else "=" if cell.change == 0 else signed(cell.change)


def _widths(history: History, column: int) -> tuple[int, int]:
    """Return the widths of value and change of a metric; together at least that of its name."""
    cells = [row.cells[column] for row in history.rows]
    value = max((len(_value(cell)) for cell in cells), default=0)
    change = max((len(_change(cell)) for cell in cells), default=0)
    return max(value, len(_name(history.series[column])) - change - 1), change


def _block_lines(history: History, block: Sequence[int], width: int) -> Iterator[Line]:
    widths = [_widths(history, column) for column in block]
    head = "".join(
        f"  {_name(history.series[column]):>{sum(pair) + 1}}"
        for column, pair in zip(block, widths, strict=True)
    )
    yield ((f"{'commit':<9}  {'date':<10}{head}", "dim"),)
    left = width - 9 - 2 - 10 - sum(sum(pair) + 3 for pair in widths) - 2
    for row in history.rows:
        pieces: list[tuple[str, Style]] = [
            (f"{row.sha[:9] or 'work tree'}  ", ""),
            (f"{row.date[:10]:<10}", "dim"),
        ]
        for column, pair in zip(block, widths, strict=True):
            pieces += _cell_pieces(row.cells[column], history.series[column], pair)
        yield (*pieces, ("  ", ""), *_words(row, left))


def _cell_pieces(cell: Cell, series: Series, widths: tuple[int, int]) -> list[tuple[str, Style]]:
    style: Style = "warn" if cell.unreadable else "bold" if cell.best else ""
    value = (f"  {_value(cell):>{widths[0]}}", style)
    return [value, (f" {_change(cell):>{widths[1]}}", _tone(cell.change, series))]


def _tone(change: float | None, series: Series) -> Style:
    if not change or series.direction is None:
        return "dim"
    return "good" if (change > 0) == (series.direction == "higher") else "bad"


def _words(row: HistoryRow, width: int) -> Iterator[tuple[str, Style]]:
    refs = f"({short_refs(row.refs)}) " if row.refs else ""
    shown = fit(refs, width)
    yield shown, "bold"
    words = visible(row.subject) if row.sha else "not committed"
    yield fit(words, width - cells_of(shown)), ""


def cells_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Return `text` cut to `width` columns of a terminal."""
    if cells_of(text) <= width:
        return text
    used, end = 1, 0
    for end, character in enumerate(text):  # noqa: B007 - the place is what counts
        used += _cells(character)
        if used > width:
            break
    return text[:end] + "…" if width > 0 else ""


def _foot(history: History, left: Sequence[Series]) -> Iterator[Line]:
    if history.rows and not history.complete:
        yield ((f"older ones: mlops-kit log -n {2 * max(len(history.rows), 10)}", "dim"),)
    if left:
        names = ", ".join(visible(line.name) for line in left[:4]) + (", …" if len(left) > 4 else "")
        yield ((f"{len(left)} more: {names}; all of them: mlops-kit log --all", "dim"),)
    for lost in history.unreadable[:MOST_LOST]:
        yield ((lost_words(lost), "warn"),)
    if len(history.unreadable) > MOST_LOST:
        yield ((f"? and {len(history.unreadable) - MOST_LOST:,} more: mlops-kit log --json", "warn"),)
    for note in history.notes:
        yield ((f"note: {visible(note, longest=300)}", "dim"),)


def _spark(cells: Sequence[Cell], share: int, *, plain: bool) -> str:
    there = [cell.value for cell in cells if cell.value is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    return "".join(
        _mark([cells[index] for _, index in group], low, high, PLAIN_BARS if plain else BARS)
        for _, group in groupby(((index // share, index) for index in range(len(cells))), key=lambda p: p[0])
    )


def _mark(cells: Sequence[Cell], low: float, high: float, bars: str) -> str:
    there = [cell.value for cell in cells if cell.value is not None]
    if not there:
        return UNREADABLE if any(cell.unreadable for cell in cells) else " "
    mean = sum(there) / len(there)
    return bars[min(7, int(8 * (mean - low) / (high - low)))] if high > low else bars[3]


def _spark_words(cells: Sequence[Cell]) -> str:
    there = [cell.value for cell in cells if cell.value is not None]
    if not there:
        return "no value"
    best = next((f", best {number(cell.value)}" for cell in cells if cell.best), "")
    return f"{number(there[0])} → {number(there[-1])}{best}"
