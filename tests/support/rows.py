"""Small tables as the values that steps get for `Rows`, and what steps return for `Rows` as tables."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.artifacts.tables import RowStream, TableFiles, read_parquet

START = datetime(2025, 1, 1, tzinfo=UTC)


def rows(folder: Path, table: pa.Table) -> TableFiles:
    """Return `table` as a step gets it; its file lies in a new folder below `folder`."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
    save_artifact("Rows", table, path)
    found: TableFiles = load_artifact("Rows", path)
    return found


def written(stream: RowStream, path: Path) -> bytes:
    """Return the bytes of the file that `stream` is written as."""
    save_artifact("Rows", stream, path)
    return path.read_bytes()


def table_of(stream: RowStream) -> pa.Table:
    """Return what a step gave for `Rows` as a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        save_artifact("Rows", stream, path)
        return read_parquet(path)


def daily(count: int, **columns: list[Any]) -> pa.Table:
    """Return `count` rows with the key `id`, the time `when`, a day apart from 2025 on, and `columns`."""
    moments = pa.array([START + timedelta(days=day) for day in range(count)], pa.timestamp("us", tz="UTC"))
    return pa.table({"id": [f"r{number:04}" for number in range(count)], "when": moments, **columns})
