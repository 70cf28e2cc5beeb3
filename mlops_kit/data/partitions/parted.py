"""One source whose rows become several partitions: by the year, month or day of a time column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_kit.data.partitions.source import Fetched, Offer, Progress, Source, State
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

Period = Literal["year", "month", "day"]
LENGTHS: dict[str, int] = {"year": 4, "month": 7, "day": 10}
_SHAPES = {"year": r"^\d{4}$", "month": r"^\d{4}-\d{2}$", "day": r"^\d{4}-\d{2}-\d{2}$"}
_MOST_PERIODS = 4000  # each is a file; ten years of days


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


def part_rows(
    batches: Iterable[pa.RecordBatch],
    parted: Parted,
    scratch: Path,
    where: str,
    *,
    between: Callable[[str], None] = lambda period: None,
) -> Iterator[tuple[str, pa.RecordBatchReader]]:
    """Yield the periods of rows in order, each with its rows in their order; a batch at a time is in memory, the rest lies in `scratch`.

    After each batch and at the end `between` is called with the period of the last row before that batch (the first row, at the beginning): what
    was noticed meanwhile belongs there, and still does when more rows are added at the end. Raises BadDataError naming `where` when the column is missing, or a value does not start with a date.
    """
    import pyarrow as pa

    files: dict[str, Path] = {}
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        last = ""
        for batch in batches:
            if not batch.num_rows:
                continue
            dated = _periods(batch, parted, where)
            between(last or dated[0].as_py())
            last = dated[-1].as_py()
            for period, rows in _split(batch, dated):
                if not parted.takes(period):
                    continue
                if period not in writers:
                    if len(writers) == _MOST_PERIODS:
                        raise BadDataError(f"{where}: more than {_MOST_PERIODS} periods", fix="by: year")
                    files[period] = scratch / f"{period}.arrow"
                    sink = stack.enter_context(pa.OSFile(str(files[period]), "wb"))
                    writers[period] = stack.enter_context(pa.ipc.new_stream(sink, batch.schema))
                writers[period].write_batch(rows)
        if last:
            between(last)
    periods = sorted(files)
    if parted.closed and periods:
        files[periods.pop()].unlink()
    for period in periods:
        with pa.OSFile(str(files[period]), "rb") as source, pa.ipc.open_stream(source) as reader:
            yield period, reader
        files[period].unlink()


def _periods(batch: pa.RecordBatch, parted: Parted, where: str) -> pa.Array:
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
    if not pc.all(good).as_py():
        raise BadDataError(
            f"{where}: column `{parted.column}` has a value that does not start with a date, or none",
            fix="write times as 2013-01-31T12:00:00Z, or acquire by file",
        )
    return period


def _split(batch: pa.RecordBatch, periods: pa.Array) -> Iterator[tuple[str, pa.RecordBatch]]:
    import pyarrow.compute as pc

    names = sorted(pc.unique(periods).to_pylist())
    for name in names:
        yield name, batch if len(names) == 1 else batch.filter(pc.equal(periods, name))


def _as_text(column: pa.Array, where: str, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_temporal(column.type) or pa.types.is_time(column.type):
        raise BadDataError(f"{where}: column `{name}` holds {column.type}, which is no date")
    if pa.types.is_timestamp(column.type) and column.type.tz not in (None, "UTC"):
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    return pc.strftime(column, format="%Y-%m-%d")
