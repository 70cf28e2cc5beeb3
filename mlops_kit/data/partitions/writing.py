"""From what was fetched to partitions: canonical Parquet files, and beside each the lines of the source that are no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.data.formats.rows import OnReject, Reject
from mlops_kit.data.formats.writing import REJECTS, HashedFile, RejectWriter
from mlops_kit.data.partitions.parted import Parted, part_rows
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
    before them. Raises BadDataError when it cannot be read as a table, and when a parted piece has no rows at all.
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
    writers: dict[str, RejectWriter] = {}

    def keep(period: str) -> None:
        """Keep the lines that were no rows since the last call beside the partition of `period`."""
        if pending and parted.takes(period):
            writer = writers.setdefault(period, _rejects(folder, parted.name(period, offer)))
            for reject in pending:
                writer(reject)
        pending.clear()

    found = []
    periods = part_rows(opened.batches(pending.append, on_rows), parted, folder, offer.source, between=keep)
    for period, rows in periods:
        name = parted.name(period, offer)
        writer = writers.pop(period, None) or _rejects(folder, name)
        found.append(_write(rows, rows.schema, folder, name, writer))
    for writer in writers.values():
        writer.file.remove()  # of a period that is not closed yet
    if not found:
        until = f" up to {parted.through}" if parted.through else ""
        raise BadDataError(f"{offer.source}: no rows{until}")
    return tuple(found)


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
