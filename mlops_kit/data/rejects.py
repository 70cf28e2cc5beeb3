"""Lines of a source that are no rows, as they lie beside the partitions: `<partition>.rejects.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".rejects.jsonl"
BATCH = 10_000


@dataclass(frozen=True)
class Reject:
    """One line that is no row."""

    partition: str
    """The partition beside which it lies."""
    line: int
    """Its line in the source, from 1."""
    rule: str
    """Why it is no row."""
    text: str
    """The line; escaped with backslashes when it is not UTF-8."""


def find_rejects(raw: TableFiles) -> tuple[Path, ...]:
    """Return the files of rejects beside the partitions `raw`, in the order of the partitions."""
    beside = [path.with_name(f"{path.stem}{SUFFIX}") for path in raw.paths]
    return tuple(path for path in beside if path.is_file())


def read_rejects(paths: tuple[Path, ...]) -> Iterator[Reject]:
    """Yield the rejects of the files, line after line. Raises BadDataError, with the line, for one that cannot be read."""
    for path in paths:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                try:
                    item = json.loads(text)
                    yield Reject(
                        path.name.removesuffix(SUFFIX),
                        int(item["line"]),
                        str(item["rule"]),
                        str(item["text"]),
                    )
                except (ValueError, KeyError, TypeError) as error:
                    raise BadDataError(
                        f"{path}:{number}: not a line of rejects ({error})",
                        fix="mlops-kit run --force acquire",
                    ) from error


def write_rejects(paths: tuple[Path, ...], sink: Path) -> int:
    """Write the rejects of the files to the Parquet file `sink`, for queries; return how many there are."""
    import pyarrow.parquet as pq

    schema = _schema()
    count = 0
    with pq.ParquetWriter(sink, schema) as writer:
        held: list[Reject] = []
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


def _table(rejects: list[Reject], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = [
        [one.partition for one in rejects],
        [one.line for one in rejects],
        [one.rule for one in rejects],
        [one.text for one in rejects],
    ]
    return pa.table(
        [pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)], schema=schema
    )
