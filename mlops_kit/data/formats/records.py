"""Where the records of delimited text begin and end, and which of them are rows.

Text whose quotes all stand where a cell begins or ends, amid a cell, or on lines where none begins a cell, is cut with a few passes of NumPy over a
block (`cut_block`). From the first quote that stands elsewhere, text is read record by record (`read_record`), which knows what every
character means, for a while. Both give
the same rows: quotes inside of an unquoted cell are characters like others; text after a closing quote, and a quote that nothing closes,
make the line that the record begins with no row, and reading goes on with the next line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Positions = np.ndarray[Any, np.dtype[np.int64]]
    Signs = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Fault:
    """A record that is no row."""

    start: int
    """Where it begins in its block."""
    end: int
    """Where the next one begins."""
    line: int
    """Lines before it in the block."""
    rule: str
    """Why it is no row."""


@dataclass(frozen=True)
class Dialect:
    """The signs of a delimited text, one byte each, empty for none."""

    delimiter: bytes
    quote: bytes
    escape: bytes

    @cached_property
    def plain(self) -> re.Pattern[bytes]:
        """Matches an unquoted cell."""
        ends = re.escape(self.delimiter) + rb"\r\n"
        if not self.escape:
            return re.compile(b"[^" + ends + b"]*+")
        sign = re.escape(self.escape)
        return re.compile(b"(?:[^" + ends + sign + b"]|" + sign + b"[^\r\n])*+")

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """Matches a quoted cell, without quotes in group 1."""
        sign = re.escape(self.quote)
        if not self.escape:
            return re.compile(sign + b"((?:[^" + sign + b"]++|" + sign + sign + b")*+)" + sign)
        other = re.escape(self.escape)
        inner = b"[^" + sign + other + b"]++|" + sign + sign + b"|" + other + b"."
        return re.compile(sign + b"((?:" + inner + b")*+)" + sign, re.DOTALL)

    def cell(self, raw: bytes, *, quoted: bool) -> bytes:
        """Return what a matched cell means."""
        if quoted:
            raw = raw.replace(self.quote * 2, self.quote)
        if self.escape and self.escape in raw:
            raw = re.sub(re.escape(self.escape) + b"(.)", rb"\1", raw, flags=re.DOTALL)
        return raw


@dataclass(frozen=True)
class Cut:
    """A block of text, cut into records as far as its quotes stand where they should."""

    rows: int
    """Records with as many cells as the table has columns."""
    faults: tuple[Fault, ...]
    """Records that are no rows, in order."""
    consumed: int
    """Bytes of the records; what follows is not cut."""
    lines: int
    """Lines in them."""
    stray: bool
    """Whether a quote stands elsewhere behind the records, so that what follows must be read record by record."""

    def text(self, block: bytes) -> bytes:
        """Return the records of `block` that are rows."""
        if not self.faults:
            return block[: self.consumed]
        kept, at = [], 0
        for fault in self.faults:
            kept.append(block[at : fault.start])
            at = fault.end
        return b"".join([*kept, block[at : self.consumed]])


def cut_block(block: bytes, dialect: Dialect, width: int, *, final: bool, encoding_rule: str) -> Cut:
    """Cut `block`, which begins with a record, into records of `width` cells; the last one may lack its line end when `final`."""
    import numpy as np

    signs = np.frombuffer(block, np.uint8)
    lines = ends = line_ends(block, final=final)
    quotes, limit = _quotes(signs, lines, dialect)
    cells = np.flatnonzero(signs == dialect.delimiter[0])
    if len(quotes):
        marks = np.zeros(len(block), np.uint8)
        marks[quotes] = 1
        inside = np.cumsum(marks, dtype=np.uint8) & 1
        ends, cells = ends[inside[ends] == 0], cells[inside[cells] == 0]
    ends = ends[: np.searchsorted(ends, limit)]
    stray = limit < len(block)
    if final and not stray and len(block) and (not len(ends) or ends[-1] != len(block) - 1):
        if len(quotes) % 2:
            stray = True
        else:
            ends = np.append(ends, len(block))
    if not len(ends):
        return Cut(0, (), 0, 0, stray)
    starts = np.concatenate([[0], ends[:-1] + 1])
    consumed = min(int(ends[-1]) + 1, len(block))
    counts = np.diff(np.searchsorted(cells, ends), prepend=0)
    blank = (ends == starts) | (
        (ends == starts + 1) & (signs[np.minimum(starts, len(block) - 1)] == ord("\r"))
    )
    faults = {int(i): "ragged row" for i in np.flatnonzero((counts != width - 1) & ~blank)}
    if b"\0" in block:
        faults |= {
            int(i): "NUL byte" for i in np.unique(_record(starts, np.flatnonzero(signs[:consumed] == 0)))
        }
    faults |= dict.fromkeys(_not_text(block[:consumed], starts, ends), encoding_rule)
    listed = tuple(
        Fault(
            int(starts[i]),
            min(int(ends[i]) + 1, len(block)),
            int(np.searchsorted(lines, starts[i])),
            faults[i],
        )
        for i in sorted(faults)
    )
    rows = len(ends) - int(np.count_nonzero(blank)) - len(listed)
    return Cut(rows, listed, consumed, int(np.searchsorted(lines, consumed)), stray)


def line_ends(block: bytes, *, final: bool) -> Positions:
    """Return where lines end: at a line feed, or at a carriage return that no line feed follows (the last byte only when `final`)."""
    import numpy as np

    signs = np.frombuffer(block, np.uint8)
    feeds: Positions = np.flatnonzero(signs == ord("\n"))
    if b"\r" not in block:
        return feeds
    returns = np.flatnonzero(signs == ord("\r"))
    last = len(block) - 1
    alone = signs[np.minimum(returns + 1, last)] != ord("\n")
    alone[returns == last] = final
    return np.sort(np.concatenate([feeds, returns[alone]])) if alone.any() else feeds


def _quotes(signs: Signs, lines: Positions, dialect: Dialect) -> tuple[Positions, int]:
    """Return the quotes that begin or end cells, and up to where that is certain: the length of the block, or the place of a quote that
    neither does so nor is one of a pair."""
    import numpy as np

    if not dialect.quote:
        return np.zeros(0, np.int64), len(signs)
    every = np.flatnonzero(signs == dialect.quote[0])
    borders = np.zeros(256, bool)
    borders[[dialect.delimiter[0], ord("\r"), ord("\n")]] = True
    limit = _first_stray(signs, every, borders)
    if limit == len(signs):
        return every, limit
    # On a line where no cell begins with a quote, quotes are characters like others, and so is one amid other text; unless a cell is open.
    before, after = signs[np.maximum(every - 1, 0)], signs[np.minimum(every + 1, len(signs) - 1)]
    line = lines.searchsorted(every)
    begins = np.zeros(len(lines) + 1, bool)
    begins[line[borders[before] | (every == 0)]] = True
    borders[dialect.quote[0]] = True
    amid = ~(borders[before] | borders[after]) & (every > 0) & (every < len(signs) - 1)
    borders[dialect.quote[0]] = False
    meant, others = every[begins[line] & ~amid], every[~begins[line] | amid]
    further = _first_stray(signs, meant, borders)
    open_still = others[meant.searchsorted(others) % 2 == 1]
    if len(open_still):
        further = min(further, int(open_still[0]))
    return (meant, further) if further > limit else (every, limit)


def _first_stray(signs: Signs, quotes: Positions, borders: np.ndarray[Any, Any]) -> int:
    """Return the place of the first quote that neither begins nor ends a cell nor is one of a pair; the length when there is none."""
    import numpy as np

    if not len(quotes):
        return len(signs)
    opening, closing = quotes[0::2], quotes[1::2]
    good_open = borders[signs[np.maximum(opening - 1, 0)]] | (opening == 0)
    good_open[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
    good_close = borders[signs[np.minimum(closing + 1, len(signs) - 1)]] | (closing == len(signs) - 1)
    pairs = min(len(closing), len(opening) - 1)
    good_close[:pairs] |= closing[:pairs] + 1 == opening[1 : pairs + 1]
    bad = np.concatenate([opening[~good_open], closing[~good_close]])
    return int(bad.min()) if len(bad) else len(signs)


def _record(starts: Positions, at: Any) -> Any:
    """Return the number of the record that holds the place `at`, or of each of several."""
    return starts.searchsorted(at, side="right") - 1


def _not_text(block: bytes, starts: Positions, ends: Positions) -> Iterator[int]:
    """Yield the records that are not UTF-8."""
    if block.isascii():
        return
    view, at = memoryview(block), 0
    while at < len(block):
        try:
            codecs.utf_8_decode(view[at:], "strict", True)
        except UnicodeDecodeError as error:
            record = int(_record(starts, at + error.start))
            yield record
            at = int(ends[record]) + 1
        else:
            return


def read_record(block: bytes, at: int, dialect: Dialect, *, final: bool) -> tuple[list[bytes] | str, int]:
    """Return the cells of the record that begins at `at`, or the rule that makes its first line no row; and where the next one begins.

    The place is -1 when the block ends before the record does.
    """
    cells: list[bytes] = []
    place = at
    while True:
        quoted = bool(dialect.quote) and block.startswith(dialect.quote, place)
        found = (dialect.quoted if quoted else dialect.plain).match(block, place)
        if found is None:
            return ("open quote", next_line(block, at, final=True)) if final else ([], -1)
        cells.append(dialect.cell(found[1] if quoted else found[0], quoted=quoted))
        place = found.end()
        if place == len(block):
            return (cells, place) if final else ([], -1)
        if block.startswith(dialect.delimiter, place):
            place += 1
        elif block[place] in b"\r\n":
            after = next_line(block, place, final=final)
            return (cells, after) if after >= 0 else ([], -1)
        elif quoted:
            after = next_line(block, at, final=final)
            return ("stray quote", after) if after >= 0 else ([], -1)
        else:  # an escape before a line end, which takes nothing from it
            place += 1


_LINE = re.compile(rb"[^\r\n]*+(\r\n|\n|\r|\Z)")


def next_line(block: bytes, at: int, *, final: bool) -> int:
    """Return where the line after the one at `at` begins; -1 when the block may end inside of it and is not `final`."""
    found = _LINE.match(block, at)
    assert found
    if not final and found.end() == len(block) and found[1] != b"\n" and found[1] != b"\r\n":
        return -1
    return found.end()
