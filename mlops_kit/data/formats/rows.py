"""Rows of a file on their way, and the lines of it that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Reject:
    """A line of a source that is no row."""

    source: str
    """The file, and its member inside an archive after a `!`."""
    line: int
    """Where it begins, from 1, in lines of the file."""
    rule: str
    """Why: one of RULES."""
    text: str
    """The text, several lines when a quoted cell has line ends; bytes that are none are written `\\xNN`."""


RULES = (
    "ragged row", "not UTF-8", "not its encoding", "NUL byte", "stray quote", "open quote", "not JSON", "no object", "double key",
)  # fmt: skip
"""Why a line is no row: more or fewer cells than the header; bytes that UTF-8, or the declared encoding, does not have; a NUL byte, which no
text holds; text after a closing quote; a quote that nothing closes; for JSON lines what is no JSON, no object, or names a key twice."""

MENDING = {
    "ragged row": "every row needs as many cells as the header; is format.delimiter right?",
    "not UTF-8": "set format.encoding in params.yaml, such as latin-1, or convert it: iconv -f LATIN1 -t UTF-8",
    "not its encoding": "set another format.encoding in params.yaml",
    "stray quote": "double the quotes inside of quoted cells, or set format.quote in params.yaml",
    "open quote": "close the quote, or set `format: {quote: ''}` in params.yaml",
}
"""What mends a file for some of the rules."""

OnReject = Callable[[Reject], None]


@dataclass(frozen=True)
class RowSource:
    """A table that can be read once or more, in batches; memory does not grow with its length."""

    name: str
    """What to call it in messages."""
    schema: pa.Schema
    """Columns; all are texts for CSV and JSON lines."""
    open: Callable[[OnReject], Iterator[pa.RecordBatch]]
    """Starts reading from the beginning: yields batches of the schema and calls back for each line that is no row, in order.

    Raises BadDataError at the place where the file turns out to be damaged, and at the end when too many lines are no rows."""

    def batches(self, on_reject: OnReject | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows. Without `on_reject` a line that is no row raises BadDataError."""
        return self.open(on_reject or _refuse)

    def table(self) -> pa.Table:
        """Return all rows as one table in memory, for files that are known to be small. Raises BadDataError for a line that is no row."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self.batches()), self.schema)


def _refuse(reject: Reject) -> None:
    raise BadDataError(
        f"{reject.source}:{reject.line}: {reject.rule}",
        fix=MENDING.get(reject.rule, "mend that line of the file"),
    )


@dataclass
class Tally:
    """Counts what a reader does with lines, and says at the end whether the file makes sense as a whole."""

    name: str
    limit: float
    on_reject: OnReject
    rows: int = 0
    rejected: int = 0
    first: Reject | None = None

    def reject(self, line: int, rule: str, text: str) -> None:
        """Hand on a line that is no row."""
        found = Reject(self.name, line, rule, text)
        self.first = self.first or found
        self.rejected += 1
        self.on_reject(found)

    def judge(self) -> None:
        """Raise BadDataError when more lines than allowed were no rows."""
        total = self.rows + self.rejected
        if self.first and self.rejected > self.limit * total:
            raise BadDataError(
                f"{self.name}:{self.first.line}: {self.first.rule}; {self.rejected} of {total} lines are no rows",
                fix=MENDING.get(
                    self.first.rule, "mend the file, or raise format.max_rejected in params.yaml"
                ),
            )


def check_same(name: str, before: Sequence[str], now: Sequence[str]) -> None:
    """Raise BadDataError when a file that is read a second time has other columns than `before`."""
    if list(before) != list(now):
        raise BadDataError(
            f"{name}: the file changed while it was read", fix="run it again when nobody writes to the file"
        )
