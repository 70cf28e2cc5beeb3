"""Files that somebody names, as Parquet that queries can read: Parquet where it lies, everything else streamed into a scratch folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.tables import TableFiles, read_partition_rows, read_rows
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.reading import read_rows as read_source
from mlops_kit.data.formats.writing import write_partition
from mlops_kit.data.rejects import find_rejects, read_rejects
from mlops_kit.spec.model import Schema


@dataclass(frozen=True)
class Loaded:
    """Rows that queries can read."""

    files: TableFiles
    """Parquet files, in the order of their rows."""
    rejected: int = 0
    """Lines that are no rows."""


@contextmanager
def loaded(path: Path, options: FormatOptions | None = None) -> Iterator[Loaded]:
    """Give the rows of `path` for the time of a `with` block: a data file in any format that `acquire` reads, or a folder of partitions.

    Raises BadDataError for what cannot be read.
    """
    if path.is_dir():
        files = read_partition_rows(path)
        for file in files.paths:
            read_rows(file)
        yield Loaded(files, sum(1 for _ in read_rejects(find_rejects(files))))
    elif path.suffix.lower() in (".parquet", ".pq") and path.is_file():
        yield Loaded(read_rows(path))
    else:
        source = read_source(path, options)
        with tempfile.TemporaryDirectory(prefix="mlops-kit-rows-") as scratch:
            written = write_partition(source, Path(scratch), "rows")
            yield Loaded(TableFiles((Path(scratch, "rows.parquet"),)), written.rejected)


@contextmanager
def loaded_together(paths: Sequence[Path]) -> Iterator[Loaded]:
    """Give the rows of several paths as one table, for the time of a `with` block. Raises BadDataError for what cannot be read."""
    with ExitStack() as stack:
        parts = [stack.enter_context(loaded(path)) for path in paths]
        files = TableFiles(tuple(file for part in parts for file in part.files.paths))
        yield Loaded(files, sum(part.rejected for part in parts))


def foreign_tables(schema: Schema, root: Path) -> dict[str, str]:
    """Return for each table that a column `references`, as far as it lies in data/ of the project at `root`, what stands after FROM."""
    found: dict[str, str] = {}
    for column in schema.columns.values():
        table = (column.references or "").rpartition(".")[0]
        folder = root / "data" / table
        file = folder.with_name(f"{table}.parquet")
        if table and file.is_file():
            found[table] = read_rows(file).sql()
        elif table and folder.is_dir():
            found[table] = read_partition_rows(folder).sql()
    return found
