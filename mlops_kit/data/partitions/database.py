"""Rows of a database as a source: a piece is what has arrived above the largest cursor value of the last time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_kit.artifacts.tables import RowStream
from mlops_kit.data.manifest import PartitionLine
from mlops_kit.data.partitions.source import Fetched, Offer, Progress, State, cursor_name, partition_name
from mlops_kit.errors import UsageError
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.secrets import masked
from mlops_kit.outside.sources.sql import Database, count_ranges, just_before, measure, open_rows
from mlops_kit.outside.sources.sql_session import BATCH_ROWS

Recheck = Literal["all", "last", "none"]


@dataclass(frozen=True)
class DatabaseRows:
    """Rows of a table or query; without a cursor all of them are one piece."""

    url: str
    """An address of SQLAlchemy; secrets as `${NAME}`."""
    table: str = ""
    """A table or view."""
    query: str = ""
    """A SELECT instead."""
    cursor: str = ""
    """Column that grows with time: whole numbers, dates or times."""
    order: tuple[str, ...] = ()
    """Columns that order rows of one cursor value; all columns when empty."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of columns where the database's own do not fit."""
    hold_back: float = 0.0
    """How far to stay behind the newest cursor value, in its units (seconds, for times)."""
    recheck: Recheck = "all"
    """Which recorded partitions are counted again in the database, to notice rows that came late or are gone."""
    batch_rows: int = BATCH_ROWS
    """Rows in memory at once."""
    time_limit: float = 6 * 3600.0
    """Seconds for one piece."""

    @property
    def complete(self) -> bool:
        """Return whether there is no cursor."""
        return not self.cursor

    @property
    def single(self) -> bool:
        """Return whether there is no cursor."""
        return not self.cursor

    @property
    def local(self) -> bool:
        """Return whether it is a file of this machine."""
        return self.url.startswith("sqlite:")

    def describe(self) -> str:
        """Return address and table, without secrets."""
        return f"{masked(self.url)} {self.table or 'query'}"

    def look(self, state: State) -> Sequence[Offer]:
        """Return the recorded ranges, with the number of rows that they have now, and what has arrived above them.

        Raises OutsideError when the database does not answer, BadDataError when the cursor column is missing or has gaps.
        """
        database = self._database(state.root)
        if not self.cursor:
            extent = measure(database, patience=self._patience())
            name = partition_name(self.table or "rows")
            return (
                [self._offer(name, ("", ""), extent.rows, f"rows:{extent.rows}", database)]
                if extent.rows
                else []
            )
        offers = list(self._recorded(state.lines, database))
        after = max((line.cursor_to for line in state.lines if line.cursor_to), key=cursor_name, default="")
        if state.since and (not after or cursor_name(state.since) > cursor_name(after)):
            after = just_before(database, state.since, self._patience())
        new = measure(database, after=after, hold_back=self.hold_back, patience=self._patience())
        if new.rows:
            name = cursor_name(new.largest)
            offers.append(self._offer(name, (after, new.largest), new.rows, f"rows:{new.rows}", database))
        return offers

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:  # noqa: ARG002 - a Source
        """Return the rows of a range; they are read while they are written. Reading raises OutsideError when they are others by now."""
        rows, database = offer.handle
        waits = self._patience()
        bounds = (offer.cursor_from, offer.cursor_to)
        return Fetched(
            rows=RowStream(
                lambda: open_rows(
                    database, after=bounds[0], upto=bounds[1], rows=rows, patience=waits, progress=progress
                )
            )
        )

    def _recorded(self, lines: Sequence[PartitionLine], database: Database) -> Iterator[Offer]:
        """Yield an offer for each range of the manifest; those that are not counted again are what they were."""
        ranges = {cursor_name(line.cursor_to): line for line in lines if line.cursor_to}
        known = [ranges[name] for name in sorted(ranges)]
        for line in known:
            if line.cursor_column != self.cursor:
                raise UsageError(
                    f"partition `{line.partition}` was acquired by the cursor `{line.cursor_column}`, not `{self.cursor}`",
                    fix=f"cursor: {line.cursor_column} in params.yaml, or acquire by the other one in a stage of its own",
                )
        counted = {"all": known, "last": known[-1:], "none": []}[self.recheck]
        found = count_ranges(
            database, [(line.cursor_from, line.cursor_to) for line in counted], self._patience()
        )
        now = {line.cursor_to: f"rows:{rows}" for line, rows in zip(counted, found, strict=True)}
        for line in known:
            origin = now.get(line.cursor_to, line.origin)
            rows = int(origin.removeprefix("rows:") or 0) if origin.startswith("rows:") else line.rows
            name = cursor_name(line.cursor_to)
            yield self._offer(name, (line.cursor_from, line.cursor_to), rows, origin, database)

    def _offer(self, name: str, bounds: tuple[str, str], rows: int, origin: str, database: Database) -> Offer:
        return Offer(
            name,
            self.describe(),
            origin,
            query=" ".join(self.query.split()),
            cursor_column=self.cursor,
            cursor_from=bounds[0],
            cursor_to=bounds[1],
            handle=(rows, database),
        )

    def _database(self, root: Path) -> Database:
        return Database(
            self.url, self.table, self.query, self.cursor, self.order, self.types, root, self.batch_rows
        )

    def _patience(self) -> Patience:
        return Patience(time_limit=self.time_limit)
