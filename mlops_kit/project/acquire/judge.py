"""What came, against the part of the data contract that is about the whole: how many rows, and how old the newest is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from mlops_kit.artifacts.places import read_places
from mlops_kit.data.contract.plausible import age_problems, row_problems
from mlops_kit.data.manifest import PartitionLine
from mlops_kit.errors import BadDataError
from mlops_kit.project.acquire.stages import AcquireStage, reads_by_schema
from mlops_kit.spec.load import SCHEMA, read_lifecycle, read_schema


@dataclass(frozen=True)
class Judgement:
    """What came, against the contract."""

    problems: tuple[str, ...] = ()
    """What does not fit, a sentence each."""
    notes: tuple[str, ...] = ()
    """What could not be judged, or is to be known."""


def judge_arrivals(
    root: Path, stage: AcquireStage, lines: Sequence[PartitionLine], added: Sequence[PartitionLine]
) -> Judgement:
    """Return what does not fit schema.yaml's `rows` and `freshness`; nothing when no step reads the folder by the contract.

    The newest value is looked for in `added`, else in the partition with the last name; where the manifest has the cursor of that very column, no
    data is read. What `clean` renames or parses first cannot be judged here, and is noted.
    """
    columns = describe_columns(root, stage.folder, lines, added)
    if not (root / SCHEMA).exists() or not reads_by_schema(root, stage.folder, read_lifecycle(root).steps):
        return Judgement((), columns)
    schema = read_schema(root)
    problems = row_problems(schema.rows, sum(line.rows for line in lines))
    notes = []
    if schema.freshness is not None:
        newest = _newest(root, stage.folder, lines, added, schema.freshness.column)
        if newest is None:
            notes.append(
                f"freshness is not judged: {stage.folder} as it came has no times in `{schema.freshness.column}`"
            )
        else:
            problems = (*problems, *age_problems(schema.freshness, newest, time.time()))
    return Judgement(problems, (*columns, *notes))


def describe_columns(
    root: Path, folder: str, lines: Sequence[PartitionLine], added: Sequence[PartitionLine]
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
        if line.partition not in new:
            continue
        paths = [path for one in (before, line) if (path := _content(root, folder, one)) is not None]
        if len(paths) < 2:
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


def _newest(
    root: Path, folder: str, lines: Sequence[PartitionLine], added: Sequence[PartitionLine], column: str
) -> float | None:
    """Return the largest time of a column, in seconds since 1970; None when there is none, or the partitions are not on this machine."""
    cursors = [line.cursor_to for line in lines if line.cursor_column == column]
    if cursors:
        return max((found for cursor in cursors if (found := _time(cursor)) is not None), default=None)
    from mlops_kit.artifacts.duck import open_duck, quoted
    from mlops_kit.artifacts.tables import TableFiles

    paths = (_content(root, folder, line) for line in added or lines[-1:])
    files = TableFiles(tuple(path for path in paths if path is not None))
    try:
        if not files.paths or column not in files.schema():
            return None
    except BadDataError:  # types that do not go together, which the columns of each partition tell
        return None
    with open_duck() as duck:
        newest = f"max(try_cast(CAST({quoted(column)} AS VARCHAR) AS TIMESTAMPTZ))"
        query = f"SELECT epoch({newest}) FROM {files.sql()}"  # noqa: S608 - both quoted
        row = duck.run(query).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _content(root: Path, folder: str, line: PartitionLine) -> Path | None:
    """Return a file with the rows of a partition: in the data folder, else in the cache."""
    here = root / folder / f"{line.partition}.parquet"
    return here if here.is_file() else read_places(root).cache.find(line.md5)


def _time(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
