"""Lines of a source that are no rows, from beside the partitions into quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.formats.rows import Reject
from mlops_kit.data.formats.writing import REJECTS
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 10_000


def find_rejects(raw: TableFiles) -> tuple[Path, ...]:
    """Return the files of rejects in the folders of the partitions `raw`, by name."""
    folders = dict.fromkeys(path.parent for path in raw.paths)
    return tuple(path for folder in folders for path in sorted(folder.glob(f"*{REJECTS}")))


def read_rejects(paths: Sequence[Path]) -> Iterator[tuple[str, Reject]]:
    """Yield the rejects of the files with the name of their partition. Raises BadDataError, with the line, for one that cannot be read."""
    for path in paths:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                try:
                    yield path.name.removesuffix(REJECTS), Reject(**json.loads(text))
                except (ValueError, TypeError) as error:
                    raise BadDataError(
                        f"{path}:{number}: not a line of rejects", fix="mlops-kit run --force acquire"
                    ) from error


def write_rejects(paths: Sequence[Path], sink: Path) -> int:
    """Write the rejects of the files to the Parquet file `sink`, for queries; return how many there are."""
    import pyarrow.parquet as pq

    schema = _schema()
    count = 0
    with pq.ParquetWriter(sink, schema) as writer:
        held: list[tuple[str, Reject]] = []
        for reject in read_rejects(paths):
            held.append(reject)
            if len(held) == BATCH:
                count += len(held)
                writer.write_table(_table(held, schema))
                held = []
        writer.write_table(_table(held, schema))
    return count + len(held)


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [("partition", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("value", pa.string())]
    )


def _table(rejects: Sequence[tuple[str, Reject]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    rows = [
        {"partition": name, "row": one.line, "reason": one.rule, "value": one.text} for name, one in rejects
    ]
    return pa.Table.from_pylist(rows, schema)
