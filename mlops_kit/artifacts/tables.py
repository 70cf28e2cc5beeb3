"""Reading and writing tables: Parquet files, partitioned folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.canonical.parquet import arrow_table, write_arrow
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
