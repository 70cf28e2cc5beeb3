"""Rows of databases: what is new above a cursor, streamed in an order that is the same every time.

A connection that breaks is opened again, and the query goes on at the cursor value it had come to: the last row that came before has to be
there again, and in the end there have to be as many rows as were counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_kit.errors import BadDataError, OutsideError
from mlops_kit.outside.sources import sql_types as kinds
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.sql_session import Database, Session, explain, session

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Database", "Extent", "count_ranges", "just_before", "measure", "open_rows"]
T = TypeVar("T")
_RANGES_AT_ONCE = 200


@dataclass(frozen=True)
class Extent:
    """What is there above a cursor value."""

    rows: int
    largest: str = ""
    """Largest cursor value; empty when there are no rows, or no cursor."""


def measure(
    database: Database,
    *,
    after: str = "",
    upto: str = "",
    hold_back: float = 0,
    patience: Patience | None = None,
) -> Extent:
    """Return how many rows have a cursor value above `after` and not above `upto`, and the largest of these values.

    With `hold_back` what is newer than the largest minus so many units (seconds, for times) is left out. Raises BadDataError for rows
    without a cursor value, which would never be fetched, OutsideError when the database does not answer.
    """
    return _persist(database, lambda opened: _measure(opened, after, upto, hold_back), patience or Patience())


def _measure(opened: Session, after: str, upto: str, hold_back: float) -> Extent:
    if opened.cursor is None:
        return Extent(int(opened.scalars(["count(*)"], "", {})[0]))
    name, column = opened.cursor.name, opened.cursor.order
    asked = [f"max({column})", f"count({column})", "count(*)"]
    where, values = opened.above(after, upto)
    largest, rows, all_rows = opened.scalars(asked, f"{where} OR {column} IS NULL" if where else "", values)
    if lost := int(all_rows) - int(rows):
        raise BadDataError(
            f"{opened.database}: {lost:,} rows have no value in the cursor column `{name}`",
            fix="leave them out in `query`, or take another column as cursor",
        )
    if largest is not None and hold_back:
        limit = kinds.cursor_text(kinds.earlier(largest, hold_back), name)
        largest, rows, _ = opened.scalars(asked, *opened.above(after, limit))
    return Extent(0) if largest is None else Extent(int(rows), kinds.cursor_text(largest, name))


def count_ranges(
    database: Database, ranges: Sequence[tuple[str, str]], patience: Patience | None = None
) -> list[int]:
    """Return how many rows each range of cursor values (above, up to) has now; the table is gone through once."""

    def count(opened: Session) -> list[int]:
        found: list[int] = []
        for start in range(0, len(ranges), _RANGES_AT_ONCE):
            selects: list[str] = []
            values: dict[str, Any] = {}
            for number, (after, upto) in enumerate(ranges[start : start + _RANGES_AT_ONCE]):
                where, own = opened.above(after, upto, tag=str(number))
                selects.append(f"sum(CASE WHEN {where or '1 = 1'} THEN 1 ELSE 0 END)")
                values |= own
            found += [int(value or 0) for value in opened.scalars(selects, "", values)]
        return found

    return _persist(database, count, patience or Patience()) if ranges else []


def just_before(database: Database, text: str, patience: Patience | None = None) -> str:
    """Return a cursor value that is smaller than `text` and not smaller than anything below it, so that "above" is "from `text` on".

    Raises UsageError when `text` does not fit the cursor column.
    """

    def find(opened: Session) -> str:
        if opened.cursor is None:
            return ""
        value = kinds.cursor_value(text, opened.cursor)
        if isinstance(value, str):
            return f"{text[:-1]}{chr(ord(text[-1]) - 1)}~"
        return kinds.cursor_text(kinds.least_before(value), opened.cursor.name)

    return _persist(database, find, patience or Patience())


def open_rows(
    database: Database,
    *,
    after: str = "",
    upto: str = "",
    rows: int,
    patience: Patience | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> pa.RecordBatchReader:
    """Return the rows above `after` up to `upto`, of which `measure` has counted `rows`; one batch of them is in memory.

    Rows come by cursor value, then by `order`. Reading raises OutsideError when the database is gone for good or its rows have changed
    meanwhile, BadDataError for values that their column's type cannot hold.
    """
    import pyarrow as pa

    waits = patience or Patience()
    columns = _persist(database, lambda opened: opened.columns, waits)
    reading = _Reading(database, columns, after, upto, rows)

    def batches() -> Iterator[pa.RecordBatch]:
        while not reading.done:
            before = reading.emitted
            try:
                with session(database) as opened:
                    for batch in reading.go_on(opened):
                        yield batch
                        progress(reading.emitted, rows)
                        waits.check_time()
            except Exception as error:  # noqa: BLE001 - drivers raise what they like; `explain` raises what is not passing
                explain(database, error, waits, after_progress=reading.emitted > before)

    return pa.RecordBatchReader.from_batches(kinds.arrow_schema(columns), batches())


class _Reading:
    """How far a stream of rows has come."""

    def __init__(
        self, database: Database, columns: tuple[kinds.SqlColumn, ...], after: str, upto: str, rows: int
    ) -> None:
        self._database, self._columns = database, columns
        self._after, self._upto, self._rows = after, upto, rows
        names = [column.name for column in columns]
        self._position = names.index(database.cursor) if database.cursor else None
        self._last: tuple[Any, ...] | None = None
        self._ties = 0
        self.emitted = 0
        self.done = False

    def go_on(self, opened: Session) -> Iterator[pa.RecordBatch]:
        """Yield what has not come yet. Raises OutsideError when it does not fit what has."""
        if opened.columns != self._columns:
            raise self._changed("its columns are others")
        skip = self._ties
        for found in opened.parts(*self._rest(opened)):
            part = found
            if skip:
                if skip <= len(part) and part[skip - 1] != self._last:
                    raise self._changed("a row is another one")
                part, skip = part[skip:], max(0, skip - len(part))
            if part:
                batch = kinds.arrow_batch(part, self._columns, str(self._database))
                self._remember(part)
                yield batch
        if skip or self.emitted != self._rows:
            raise self._changed(f"{self._rows:,} rows were counted, {self.emitted:,} have come")
        self.done = True

    def _rest(self, opened: Session) -> tuple[str, dict[str, Any]]:
        if self._last is None or self._position is None:
            return opened.above(self._after, self._upto)
        reached = kinds.cursor_text(self._last[self._position], self._database.cursor)
        return opened.above(reached, self._upto, inclusive=True)

    def _remember(self, part: Sequence[tuple[Any, ...]]) -> None:
        """Note the last row, and how many rows with its cursor value (rows at all, without a cursor) have come."""
        self.emitted += len(part)
        before, self._last = self._last, part[-1]
        at = self._position
        if at is None:
            self._ties = self.emitted
            return
        value = self._last[at]
        same = next((n for n, row in enumerate(reversed(part)) if row[at] != value), len(part))
        goes_on = same == len(part) and before is not None and before[at] == value
        self._ties = same + (self._ties if goes_on else 0)

    def _changed(self, how: str) -> OutsideError:
        return OutsideError(
            f"{self._database}: it changed while it was read: {how}",
            fix="mlops-kit acquire again; with hold_back in params.yaml, rows that still arrive are left for the next time",
        )


def _persist(database: Database, act: Callable[[Session], T], patience: Patience) -> T:
    """Return what `act` returns of a session, trying again as long as that makes sense."""
    while True:
        try:
            with session(database) as opened:
                return act(opened)
        except Exception as error:  # noqa: BLE001 - as above
            explain(database, error, patience)
