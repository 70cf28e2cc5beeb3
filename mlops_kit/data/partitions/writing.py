"""From what was fetched to partitions: canonical Parquet files, and beside each the lines of the source that are no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.artifacts.hashing import hash_file
from mlops_kit.data.partitions.parted import Parted, part_rows
from mlops_kit.data.partitions.source import Fetched, Offer
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

REJECTS = ".rejects.jsonl"


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

    One partition called as the offer, or one for each period when it is parted. Raises BadDataError when it cannot be read as a table, and
    when a parted piece has no rows at all.
    """
    schema, batches = _open(fetched, offer)
    counted = _counted(batches, on_rows)
    if parted is None:
        return (_write(counted, schema, folder, offer.name),)
    parts = tuple(
        _write(rows, rows.schema, folder, parted.name(period, offer))
        for period, rows in part_rows(counted, parted, folder, offer.source)
    )
    if not parts:
        until = f" up to {parted.through}" if parted.through else ""
        raise BadDataError(f"{offer.source}: no rows{until}")
    return parts


def _write(
    batches: Iterator[pa.RecordBatch] | pa.RecordBatchReader, schema: pa.Schema, folder: Path, name: str
) -> WrittenPart:
    path = folder / f"{name}.parquet"
    rows = stream_arrow(batches, schema, path)
    found = hash_file(path)
    return WrittenPart(name, rows, found.size, found.sha256, found.md5)


def _counted(batches: Iterator[pa.RecordBatch], on_rows: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        on_rows(rows)
        yield batch


def _open(fetched: Fetched, offer: Offer) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if fetched.rows is not None:
        reader = fetched.rows.open()
        return reader.schema, iter(reader)
    if fetched.path is None:
        raise BadDataError(f"{offer.source}: the fetch brought nothing")
    if fetched.path.name.lower().endswith((".parquet", ".pq")):
        import pyarrow.parquet as pq

        from mlops_kit.artifacts.tables import read_rows

        files = read_rows(fetched.path)
        return pq.read_schema(fetched.path), files.batches()
    from mlops_kit.data.formats.reading import read_table

    table = read_table(fetched.path)
    return table.schema, iter(table.to_batches())


def total_rows(parts: Sequence[WrittenPart]) -> int:
    """Return the rows of all partitions."""
    return sum(part.rows for part in parts)
