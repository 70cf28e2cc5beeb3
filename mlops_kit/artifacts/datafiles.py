"""Data that a side records: its size, and for tables the rows and columns, from the file's footer alone."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.dvcfiles import DeclaredOutput, LockedStage
from mlops_kit.artifacts.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = (".parquet", ".csv", ".tsv", ".jsonl", ".arrow", ".feather")
LABELS = "labels"
CONSENSUS = "consensus.parquet"


@dataclass(frozen=True)
class TableShape:
    """Rows and columns of a table."""

    rows: int
    """Number of rows."""
    columns: Mapping[str, str]
    """Column name -> type, in the table's order."""


@dataclass(frozen=True)
class DataFile:
    """One version of a file or folder of data."""

    path: str
    """Path relative to the DVC root."""
    digest: str
    """Content hash."""
    size: int | None = None
    """Bytes, where they are recorded."""
    files: int | None = None
    """Number of files of a folder."""
    place: Path | None = None
    """Where the content lies; None when it is not here."""

    @property
    def is_labels(self) -> bool:
        """Return whether these are the labels: a file or folder of that name."""
        return posixpath.splitext(posixpath.basename(self.path))[0] == LABELS

    @property
    def is_consensus(self) -> bool:
        """Return whether this is the table of what was decided of each labelled item."""
        return posixpath.basename(self.path) == CONSENSUS

    def shape(self) -> TableShape | None:
        """Return rows and columns of a Parquet file that is here, without reading its rows; None for others and for damaged ones."""
        if self.place is None or not self.path.endswith(".parquet"):
            return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            footer = pq.read_metadata(self.place)
            schema = footer.schema.to_arrow_schema()
        except (OSError, pa.ArrowException):
            return None
        return TableShape(footer.num_rows, {field.name: str(field.type) for field in schema})

    def table(self) -> pa.Table | None:
        """Return the rows of a Parquet file that is here, None otherwise."""
        if self.shape() is None:
            return None
        import pyarrow.parquet as pq

        found: Any = pq.read_table(self.place)
        return found


def collect_data(
    outputs: Iterable[DeclaredOutput],
    stages: Mapping[str, LockedStage],
    tracked: LockedStage,
    store: Callable[[], Store],
) -> dict[str, DataFile]:
    """Return path -> data of one side: what .dvc files track, and the tables that stages write (not predictions).

    Only what a lock or .dvc file records counts; nothing is read here, and the `store` is opened only when there is any.
    """
    recorded = [tracked, *stages.values()]
    tables = {
        output.path
        for output in outputs
        if output.section == "outs" and output.type != "predictions" and output.path.lower().endswith(TABLES)
    }
    found: dict[str, DataFile] = {}
    for stage in recorded:
        for path, digest in stage.outs.items():
            if path not in found and (stage is tracked or path in tables):
                size, files = stage.sizes.get(path, (None, None))
                found[path] = DataFile(path, digest, size, files, store().find(digest))
    return found
