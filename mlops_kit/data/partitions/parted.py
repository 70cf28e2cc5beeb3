"""One source whose rows become several partitions: by the year, month or day of a time column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlops_kit.data.partitions.source import Fetched, Offer, Progress, Source, State
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

Period = Literal["year", "month", "day"]
LENGTHS: dict[str, int] = {"year": 4, "month": 7, "day": 10}
UNDATED = "unknown"
_MONTH = r"^\d{4}-(0[1-9]|1[0-2])"
_SHAPES = {"year": r"^\d{4}$", "month": f"{_MONTH}$", "day": f"{_MONTH}-(0[1-9]|[12]\\d|3[01])$"}


@dataclass(frozen=True)
class Parted:
    """A source whose pieces are parted into periods. It is a source itself; what it offers says into what it is parted."""

    source: Source
    """Where the rows come from."""
    by: Period
    """Length of the periods."""
    column: str
    """Time column: a text that starts with the date (2013-01-31T12:00:00Z), a date, or a timestamp."""
    through: str = ""
    """Last period to take, such as `2013-09`; all when empty."""
    closed: bool = False
    """Whether a piece's newest period waits until rows of a later one are there, for sources that add to their newest period."""

    @property
    def complete(self) -> bool:
        """Return what the source says."""
        return self.source.complete

    @property
    def single(self) -> bool:
        """Return what the source says."""
        return self.source.single

    @property
    def local(self) -> bool:
        """Return what the source says."""
        return self.source.local

    def describe(self) -> str:
        """Return what the source says."""
        return self.source.describe()

    def look(self, state: State) -> Sequence[Offer]:
        """Return what the source offers, with the parting as a part of each query: another parting is another fetch."""
        from dataclasses import replace

        return [replace(offer, query=self._query(offer)) for offer in self.source.look(state)]

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:
        """Fetch a piece as the source does."""
        return self.source.fetch(offer, into, progress)

    def unit(self, partition: str) -> str:
        """Return the name of the offer that a partition came of, as `partition` spells it."""
        return partition.partition(".")[2]

    def name(self, period: str, offer: Offer) -> str:
        """Return the name of the partition of a period: the period alone where there is only one piece, else with the piece's name."""
        return period if self.source.single else f"{period}.{offer.name}"

    def takes(self, period: str) -> bool:
        """Return whether a period is taken."""
        return not self.through or period <= self.through

    def _query(self, offer: Offer) -> str:
        parting = f"{self.by} of {self.column}"
        parting += f", through {self.through}" if self.through else ""
        parting += ", closed ones" if self.closed else ""
        return f"{offer.query}; {parting}" if offer.query else parting


def part_by(
    source: Source, by: str, column: str | None, *, through: str = "", closed: bool = False
) -> Source:
    """Return `source` itself for `by: file`, else parted by year, month or day. Raises BadDataError without a time column for that."""
    if by == "file":
        return source
    if not column:
        raise BadDataError(
            f"by: {by} needs a time column", fix="set task.time in mlops.yaml, or `time` in params.yaml"
        )
    periods: dict[str, Period] = {"year": "year", "month": "month", "day": "day"}
    return Parted(source, periods[by], column, through, closed)


def split_rows(
    batch: pa.RecordBatch, parted: Parted, where: str, last: str = ""
) -> tuple[list[tuple[str, pa.RecordBatch]], Dated]:
    """Return the rows of a batch by period, periods and rows in their order, and how they are dated.

    A row whose time cannot be read goes with the row before it (`last` is the period of the row before the batch), at the beginning with the first
    that can: so it stays where it is when rows are added at the end. Its time is for the data contract to judge. Raises BadDataError when the
    column is missing or holds no times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    period = _periods(batch, parted, where)
    undated = period.null_count
    if undated:
        known = pa.array([last or None, *pc.drop_null(period).slice(0, 1).to_pylist()][:2], pa.string())
        first = next((value for value in known.to_pylist() if value), None)
        filled = pc.fill_null_forward(pa.concat_arrays([pa.array([first], pa.string()), period]))
        period = pc.fill_null(filled.slice(1), UNDATED)
    names = sorted(pc.unique(period).to_pylist())
    rows = [(name, batch if len(names) == 1 else batch.filter(pc.equal(period, name))) for name in names]
    return rows, Dated(period[0].as_py(), period[-1].as_py(), undated)


@dataclass(frozen=True)
class Dated:
    """How the rows of a batch are dated."""

    first: str
    """Period of the first row."""
    last: str
    """Period of the last row."""
    undated: int
    """Rows whose time cannot be read."""


def _periods(batch: pa.RecordBatch, parted: Parted, where: str) -> pa.Array:
    """Return the period of each row, null where its time cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if parted.column not in batch.schema.names:
        close = get_close_matches(parted.column, batch.schema.names, n=3)
        raise BadDataError(
            f"{where}: no column `{parted.column}`",
            fix=f"did you mean {' or '.join(close)}?"
            if close
            else f"it has: {', '.join(batch.schema.names)}",
        )
    column = batch.column(batch.schema.names.index(parted.column))
    textual = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    text = column.cast(pa.string()) if textual else _as_text(column, where, parted.column)
    period = pc.utf8_slice_codeunits(text, 0, LENGTHS[parted.by])
    good = pc.fill_null(pc.match_substring_regex(period, _SHAPES[parted.by]), False)
    return pc.if_else(good, period, pa.scalar(None, pa.string()))


def _as_text(column: pa.Array, where: str, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_temporal(column.type) or pa.types.is_time(column.type):
        raise BadDataError(f"{where}: column `{name}` holds {column.type}, which is no date")
    if pa.types.is_timestamp(column.type) and column.type.tz not in (None, "UTC"):
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    return pc.strftime(column, format="%Y-%m-%d")
