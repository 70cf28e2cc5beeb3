"""Rows into many partitions at once, each with canonical bytes, in memory that grows neither with rows nor with partitions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mlops_kit.artifacts.canonical.parquet import ROW_GROUP, open_parquet, plain_schema
from mlops_kit.data.formats.rows import Reject
from mlops_kit.data.formats.writing import REJECTS, HashedFile, RejectWriter, WrittenPartition

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HELD = 256 << 20  # bytes of rows that wait for their row group to be full, over all partitions


class PartitionWriters:
    """Partitions of one table that are written side by side, batch by batch, into the folder `folder`.

    A partition is written in whole row groups. Rows that wait for theirs are held in memory up to `held` bytes in all; beyond, those of the
    fullest partition wait on disk. Used in a `with` block; `close` tells what was written.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, held: int = HELD) -> None:
        self._folder = folder
        self._schema = plain_schema(schema)
        self._limit = held
        self._held = 0
        self._parts: dict[str, _Part] = {}
        self._scratch = Path(tempfile.mkdtemp(prefix="mlops-kit-parts-"))

    def write(self, name: str, batch: pa.RecordBatch) -> None:
        """Add rows to the partition `name`, behind those it has."""
        part = self._part(name)
        before = part.held
        part.add(batch)
        self._held += part.held - before
        while self._held > self._limit:
            fullest = max(self._parts.values(), key=lambda part: part.held)
            self._held -= fullest.held
            fullest.spill(self._scratch)

    def reject(self, name: str, reject: Reject) -> None:
        """Keep a line that is no row with the partition `name`."""
        self._part(name).keep(reject)

    def names(self) -> list[str]:
        """Return the names of the partitions so far, sorted."""
        return sorted(self._parts)

    def close(self) -> Mapping[str, WrittenPartition]:
        """Write what waits, and return what each partition has become, by name."""
        return {name: self._parts[name].close() for name in self.names()}

    def _part(self, name: str) -> _Part:
        if name not in self._parts:
            self._parts[name] = _Part(self._folder, name, self._schema)
        return self._parts[name]

    def __enter__(self) -> PartitionWriters:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        if error:
            for part in self._parts.values():
                part.remove()


@dataclass
class _Part:
    folder: Path
    name: str
    schema: pa.Schema
    table: HashedFile = field(init=False)
    rejects: RejectWriter = field(init=False)
    writer: pq.ParquetWriter = field(init=False)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    spilled: list[Path] = field(default_factory=list)
    waiting: int = 0
    held: int = 0
    rows: int = 0

    def __post_init__(self) -> None:
        self.table = HashedFile(self.folder / f"{self.name}.parquet")
        self.rejects = RejectWriter(HashedFile(self.folder / f"{self.name}{REJECTS}"))
        self.writer = open_parquet(self.table, self.schema)

    def add(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            part = batch.slice(0, ROW_GROUP - self.waiting)
            self.batches.append(part.replace_schema_metadata(self.schema.metadata))
            self.waiting += part.num_rows
            self.held += part.nbytes
            batch = batch.slice(part.num_rows)
            if self.waiting == ROW_GROUP:
                self._flush()

    def keep(self, reject: Reject) -> None:
        self.rejects(reject)

    def spill(self, scratch: Path) -> None:
        """Move the rows that wait in memory to disk."""
        import pyarrow as pa

        path = scratch / f"{self.name}-{self.rows}-{len(self.spilled)}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, self.schema) as writer:
            for batch in self.batches:
                writer.write_batch(batch)
        self.spilled.append(path)
        self.batches, self.held = [], 0

    def close(self) -> WrittenPartition:
        if self.waiting or not self.rows:
            self._flush()
        self.writer.close()
        file, kept = self.table, self.rejects
        md5 = kept.file.md5 if kept.count else ""
        return WrittenPartition(self.rows, file.tell(), file.sha256, file.md5, kept.count, md5)

    def remove(self) -> None:
        self.writer.close()
        self.table.remove()
        self.rejects.file.remove()

    def _flush(self) -> None:
        import pyarrow as pa

        tables = []
        for path in self.spilled:
            with pa.OSFile(str(path), "rb") as file:
                tables.append(pa.ipc.open_stream(file).read_all())
            path.unlink()
        tables.append(pa.Table.from_batches(self.batches, self.schema))
        self.writer.write_table(pa.concat_tables(tables).combine_chunks(), row_group_size=ROW_GROUP)
        self.rows += self.waiting
        self.batches, self.spilled, self.waiting, self.held = [], [], 0, 0
