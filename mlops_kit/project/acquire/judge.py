"""What came, against the part of the data contract that is about the whole: how many rows, and how old the newest is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.errors import MlopsKitError
from mlops_kit.project.acquire.stages import AcquireStage, reads_by_schema
from mlops_kit.spec.load import SCHEMA, read_lifecycle, read_schema
from mlops_kit.spec.model import Freshness, RowBounds

_DAY = 86_400.0


def judge_arrivals(
    root: Path, stage: AcquireStage, lines: Sequence[PartitionLine], added: Sequence[PartitionLine]
) -> tuple[str, ...]:
    """Return what does not fit schema.yaml's `rows` and `freshness`, a sentence each; none when no step reads the folder by the contract.

    The newest value is looked for in `added`, else in the partition with the last name; where the manifest has the cursor of that very column, no
    data is read.
    """
    if not (root / SCHEMA).exists() or not reads_by_schema(root, stage.folder, read_lifecycle(root).steps):
        return ()
    schema = read_schema(root)
    found = _rows(schema.rows, sum(line.rows for line in lines))
    stale = _age(schema.freshness, root / stage.folder, lines, added) if schema.freshness else ""
    return tuple(problem for problem in (found, stale) if problem)


def describe_columns(
    folder: Path, lines: Sequence[PartitionLine], added: Sequence[PartitionLine]
) -> tuple[str, ...]:
    """Return how the columns of each partition in `added` differ from those of the partition before it in `lines`, a sentence each.

    Only the ends of files are read. Nothing is said where one of them is not here.
    """
    if not added:
        return ()
    import pyarrow.parquet as pq

    new = {line.partition for line in added}
    notes = []
    for before, line in pairwise(lines):
        paths = [folder / f"{one.partition}.parquet" for one in (before, line)]
        if line.partition not in new or not all(path.is_file() for path in paths):
            continue
        old, now = ({field.name: str(field.type) for field in pq.read_schema(path)} for path in paths)
        found = [f"`{name}` is new" for name in now if name not in old]
        found += [f"`{name}` is missing" for name in old if name not in now]
        found += [
            f"`{name}` is {now[name]} instead of {old[name]}"
            for name in now
            if old.get(name, now[name]) != now[name]
        ]
        if found:
            notes.append(f"{line.partition}: {', '.join(found)} (compared with {before.partition})")
    return tuple(notes)


def _rows(bounds: RowBounds, rows: int) -> str:
    if rows < bounds.min:
        return f"{rows} rows in all, schema.yaml expects {bounds.min} or more"
    if bounds.max is not None and rows > bounds.max:
        return f"{rows} rows in all, schema.yaml expects at most {bounds.max}"
    return ""


def _age(
    freshness: Freshness, folder: Path, lines: Sequence[PartitionLine], added: Sequence[PartitionLine]
) -> str:
    cursors = [line.cursor_to for line in lines if line.cursor_column == freshness.column]
    try:
        newest = _time(max(cursors)) if cursors else _newest(folder, added or lines[-1:], freshness.column)
    except MlopsKitError as error:
        return error.message
    if newest is None:
        return f"no value of `{freshness.column}` tells how old the newest row is, which schema.yaml asks for"
    days = (time.time() - newest) / _DAY
    if days <= freshness.max_age_days:
        return ""
    return f"the newest row is {days:.1f} days old by `{freshness.column}`, schema.yaml allows {freshness.max_age_days:g}"


def _newest(folder: Path, lines: Sequence[PartitionLine], column: str) -> float | None:
    """Return the largest time of a column in partitions, in seconds since 1970; None when they have none or are not here."""
    from mlops_kit.artifacts.duck import open_duck, quoted
    from mlops_kit.artifacts.tables import TableFiles

    files = TableFiles(
        tuple(path for line in lines if (path := folder / f"{line.partition}.parquet").is_file())
    )
    if not files.paths or column not in files.schema():
        return None
    with open_duck() as duck:
        newest = f"max(try_cast(CAST({quoted(column)} AS VARCHAR) AS TIMESTAMPTZ))"
        query = f"SELECT epoch({newest}) FROM {files.sql()}"  # noqa: S608 - both quoted
        row = duck.run(query).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _time(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
