"""Reading and writing tables: Parquet files, partitioned folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.canonical.parquet import arrow_table, stream_arrow, write_arrow
from mlops_kit.artifacts.canonical.text import canonical_json_line
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class PartitionSet:
    """A table that arrives in parts: partition name -> rows, and one manifest line (a flat JSON object) for each."""

    tables: Mapping[str, pa.Table]
    manifest: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def combine(self) -> pa.Table:
        """Return the rows of all partitions as one table, partitions in the order of their names."""
        import pyarrow as pa

        parts = [self.tables[name] for name in sorted(self.tables)]
        return pa.concat_tables(parts, promote_options="permissive").combine_chunks()


@dataclass(frozen=True)
class TableFiles:
    """A table of any size that lies in Parquet files and is never loaded whole: what a step gets for `Rows` and `PartitionRows`."""

    paths: tuple[Path, ...]
    """The files, in the order of their rows."""

    def schema(self) -> dict[str, pa.DataType]:
        """Return column name -> type, in the order of their first appearance; read from footers. A column that two files hold in types
        that Arrow can promote has the wider one. Raises BadDataError when it cannot."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            found = pa.unify_schemas(
                [pq.read_schema(path) for path in self.paths], promote_options="permissive"
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
            raise BadDataError(
                f"{self.paths[0].parent}: the files do not make one table ({error})"
            ) from error
        return {field.name: field.type for field in found}

    def count(self) -> int:
        """Return the number of rows, from the footers."""
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    def sql(self) -> str:
        """Return the DuckDB table function that reads the rows, to stand after FROM; columns are matched by name."""
        # Parquet's smallest and largest values leave NaN out; unless told, DuckDB 2.0 then takes `isnan(x)` and `x > 5` for false unread.
        names = ", ".join("'" + path.as_posix().replace("'", "''") + "'" for path in self.paths)
        return f"read_parquet([{names}], union_by_name = true, can_have_nan = true)"

    def batches(
        self, columns: Sequence[str] | None = None, *, rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of at most `rows`, file after file, only the given `columns` if any."""
        import pyarrow.parquet as pq

        for path in self.paths:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(rows, columns=list(columns) if columns else None)


@dataclass(frozen=True)
class EventFiles:
    """Label events of any number: what a step gets for `LabelEvents`. `labels/events/` reads them."""

    paths: tuple[Path, ...]
    """JSON lines and Parquet files, one for each batch, by name; none when nothing is labelled yet."""


@dataclass(frozen=True)
class RowStream:
    """Rows that are made when they are written: what a step returns for `Rows`. `open` is called once; it gives a pyarrow RecordBatchReader.

    `outside/duck.py: Duck.stream` makes one of a query. The order of rows must not depend on threads: order by a unique key.
    """

    open: Callable[[], pa.RecordBatchReader]
    """Starts reading."""


@dataclass(frozen=True)
class PartitionStream:
    """Partitions that are made when they are written: what a step returns for `PartitionRows` when they are many or large."""

    write: Callable[[Path], Any]
    """Writes the files into the empty folder that it is given, on the file system where they will stay."""


def write_rows(value: Any, path: Path) -> None:
    """Write a RowStream, or anything that `Arrow` and `Table` take, as the Parquet file `path`; the bytes are those of write_parquet."""
    if not isinstance(value, RowStream):
        return write_arrow(arrow_table(value), path)
    reader = value.open()
    stream_arrow(reader, reader.schema, path)
    return None


def read_rows(path: Path) -> TableFiles:
    """Return the Parquet file at `path` without reading its rows. Raises BadDataError when it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except FileNotFoundError:
        raise BadDataError(f"{path}: no such file", fix="mlops-kit run") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise BadDataError(
            f"{path}: not a readable Parquet file ({error})", fix=f"dvc checkout --force {path}"
        ) from error
    return TableFiles((path,))


def write_partition_rows(value: Any, path: Path) -> None:
    """Write a PartitionStream into the new folder `path`; or move the finished folder `value`, a Path, there; a PartitionSet is written as
    write_partitions does."""
    if isinstance(value, PartitionStream):
        path.mkdir(parents=True)
        value.write(path)
        return None
    if isinstance(value, PartitionSet):
        return write_partitions(value, path)
    if not isinstance(value, Path):
        raise BadDataError(
            f"{path.name}: the step returned a {type(value).__name__} where PartitionRows takes a folder"
        )
    try:
        os.replace(value, path)  # noqa: PTH105 - the one call that also replaces on Windows
    except OSError:  # another file system
        shutil.copytree(value, path)
        shutil.rmtree(value, ignore_errors=True)
    return None


def read_partition_rows(path: Path) -> TableFiles:
    """Return the Parquet files of the folder `path`, by name, without reading rows. Raises BadDataError when there are none."""
    files = tuple(sorted(path.glob("*.parquet")))
    if not files:
        raise BadDataError(f"{path}: no partitions (*.parquet) in this folder", fix="mlops-kit run")
    return TableFiles(files)


def read_event_files(path: Path) -> EventFiles:
    """Return the files of label events in the folder `path`, by name, without reading them. Raises BadDataError without the
    folder, and when DVC tracks a file that is not here: its events would be missed without a word."""
    if not path.is_dir():
        raise BadDataError(f"{path}: no such folder", fix=f"mkdir {path}, and commit a file in it")
    files = sorted(path.iterdir(), key=lambda file: file.name)
    names = {file.name for file in files}
    for file in files:
        if file.suffix == ".dvc" and file.stem.endswith(".parquet") and file.stem not in names:
            raise BadDataError(f"{path / file.stem}: tracked by DVC, and not here", fix=f"dvc pull {file}")
    return EventFiles(tuple(file for file in files if file.suffix in (".jsonl", ".parquet")))


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write `table` to `path` as Parquet; equal tables give equal bytes for one version of pyarrow.

    pandas' own metadata is dropped: it repeats the schema and carries the pandas version.
    """
    write_arrow(table, path)


def read_parquet(path: Path) -> pa.Table:
    """Read the Parquet file at `path`. Raises BadDataError when it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            return pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
    except FileNotFoundError:
        raise BadDataError(f"{path}: no such file", fix="mlops-kit run") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise BadDataError(
            f"{path}: not a readable Parquet file ({error})", fix=f"dvc checkout --force {path}"
        ) from error


def read_frame(path: Path) -> pd.DataFrame:
    """Read the Parquet file at `path` as a pandas DataFrame."""
    frame: pd.DataFrame = read_parquet(path).to_pandas()
    return frame


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a pandas DataFrame to `path`; a default index is dropped, any other index is kept as columns."""
    write_arrow(arrow_table(frame), path)


def write_partitions(value: PartitionSet, path: Path) -> None:
    """Write a PartitionSet into the new folder `path`: `<partition>.parquet` files and `manifest.jsonl`."""
    path.mkdir(parents=True)
    for name in sorted(value.tables):
        write_parquet(value.tables[name], path / f"{name}.parquet")
    lines = "".join(canonical_json_line(line) for line in value.manifest)
    (path / MANIFEST).write_text(lines, encoding="utf-8", newline="\n")


def read_partitions(path: Path) -> PartitionSet:
    """Read the folder `path` as a PartitionSet. Raises BadDataError when it is missing or empty."""
    import json

    files = sorted(path.glob("*.parquet"))
    if not files:
        raise BadDataError(f"{path}: no partitions (*.parquet) in this folder", fix="mlops-kit run acquire")
    manifest = path / MANIFEST
    lines = manifest.read_text(encoding="utf-8").splitlines() if manifest.exists() else []
    return PartitionSet(
        {file.stem: read_parquet(file) for file in files}, [json.loads(line) for line in lines]
    )
