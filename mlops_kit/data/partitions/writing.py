"""From what was fetched to partitions: canonical Parquet files, and beside each the lines of the source that are no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.data.formats.parting import PartitionWriters
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.data.formats.rows import OnReject, Reject
from mlops_kit.data.formats.writing import REJECTS, HashedFile, RejectWriter, WrittenPartition
from mlops_kit.data.partitions.parted import UNDATED, Parted, split_rows
from mlops_kit.data.partitions.source import Fetched, Offer
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class WrittenPart:
    """A partition that lies ready in a folder."""

    name: str
    """Its name."""
    rows: int
    """Rows in it."""
    bytes: int
    """Size of its file."""
    sha256: str
    """SHA-256 of its file."""
    md5: str
    """MD5 of its file."""
    rejected: int = 0
    """Lines that are no rows."""
    rejects_md5: str = ""
    """MD5 of the file with these; empty without one."""
    rejects_bytes: int = 0
    """Size of that file."""

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield (file name, MD5) of its files."""
        yield f"{self.name}.parquet", self.md5
        if self.rejects_md5:
            yield f"{self.name}{REJECTS}", self.rejects_md5


def write_parts(
    fetched: Fetched,
    offer: Offer,
    parted: Parted | None,
    folder: Path,
    *,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> tuple[WrittenPart, ...]:
    """Write what was fetched into the empty folder `folder` and return the partitions, by name.

    One partition called as the offer, or one for each period when it is parted. Lines that are no rows are kept beside the partition of the rows
    before them, and so are rows without a readable time. Raises BadDataError when it cannot be read as a table, and when a parted piece has no rows at all.
    """
    try:
        opened = _open(fetched, offer)
        if parted is None:
            keep = _rejects(folder, offer.name)
            return (_write(opened.batches(keep, on_rows), opened.schema, folder, offer.name, keep),)
        return _write_periods(opened, offer, parted, folder, on_rows)
    except BadDataError as error:
        raise _named(error, fetched.path, offer) from error


@dataclass(frozen=True)
class _Opened:
    """A table that is about to be read."""

    schema: pa.Schema
    start: Callable[[OnReject], Iterable[pa.RecordBatch]]
    source: str

    def batches(self, keep: OnReject, on_rows: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
        """Yield the rows; the lines that are none go to `keep`, with the source's name instead of that of a file on this machine."""

        def named(reject: Reject) -> None:
            _, mark, member = reject.source.partition("!")
            keep(replace(reject, source=f"{self.source}{mark}{member}"))

        rows = 0
        for batch in self.start(named):
            rows += batch.num_rows
            on_rows(rows)
            yield batch


def _open(fetched: Fetched, offer: Offer) -> _Opened:
    if fetched.rows is not None:
        reader = fetched.rows.open()
        return _Opened(reader.schema, lambda keep: reader, offer.source)
    if fetched.path is None:
        raise BadDataError(f"{offer.source}: the fetch brought nothing")
    rows = read_rows(fetched.path, fetched.options)
    return _Opened(rows.schema, rows.batches, offer.source)


def _write_periods(
    opened: _Opened, offer: Offer, parted: Parted, folder: Path, on_rows: Callable[[int], None]
) -> tuple[WrittenPart, ...]:
    pending: list[Reject] = []
    last, rows, undated = "", 0, 0
    with PartitionWriters(folder, opened.schema) as writers:

        def keep(period: str) -> None:
            """Keep the lines that were no rows beside the partition of the row before them: there they stay when the source grows."""
            for reject in pending if parted.takes(period) else ():
                writers.reject(period, reject)
            pending.clear()

        for batch in opened.batches(pending.append, on_rows):
            if not batch.num_rows:
                continue
            split, dated = split_rows(batch, parted, offer.source, last)
            keep(last or dated.first)
            last, rows, undated = dated.last, rows + batch.num_rows, undated + dated.undated
            for period, part in split:
                if parted.takes(period):
                    writers.write(period, part)
        keep(last or UNDATED)
        written = dict(writers.close())
    if undated * 2 > rows:
        raise BadDataError(
            f"{offer.source}: column `{parted.column}` does not start with a date in {undated} of {rows} rows",
            fix="write times as 2013-01-31T12:00:00Z, or acquire by file",
        )
    if parted.closed and written:
        newest = max(written)
        del written[newest]
        for ending in (".parquet", REJECTS):
            (folder / f"{newest}{ending}").unlink(missing_ok=True)
    until = f" up to {parted.through}" if parted.through else ""
    if not written and not (rows and parted.closed):
        raise BadDataError(f"{offer.source}: no rows{until}")
    return tuple(
        _renamed(folder, period, parted.name(period, offer), found) for period, found in written.items()
    )


def _renamed(folder: Path, period: str, name: str, found: WrittenPartition) -> WrittenPart:
    """Give the files of a period the name of its partition. The period is no such name yet: it may be the partition of another piece."""
    sizes = []
    for ending in (".parquet", REJECTS) if found.rejected else (".parquet",):
        target = (folder / f"{period}{ending}").rename(folder / f"{name}{ending}")
        sizes.append(target.stat().st_size)
    more = (found.rejected, found.rejects_md5, sizes[1]) if found.rejected else (0, "", 0)
    return WrittenPart(name, found.rows, found.bytes, found.sha256, found.md5, *more)


def _rejects(folder: Path, name: str) -> RejectWriter:
    return RejectWriter(HashedFile(folder / f"{name}{REJECTS}"))


def _write(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, folder: Path, name: str, keep: RejectWriter
) -> WrittenPart:
    table = HashedFile(folder / f"{name}.parquet")
    rows = stream_arrow(batches, schema, table)
    rejects = (keep.count, keep.file.md5, keep.file.tell()) if keep.count else (0, "", 0)
    return WrittenPart(name, rows, table.tell(), table.sha256, table.md5, *rejects)


def _named(error: BadDataError, path: Path | None, offer: Offer) -> BadDataError:
    """Return an error about a file with the source's name instead: the file may be one that nobody knows."""
    message = error.message.replace(str(path), offer.source) if path else error.message
    return BadDataError(message, fix=error.fix.replace(str(path), offer.source) if path else error.fix)
