"""Acquire files that arrive: each new file is a partition, or each new month of their rows.

`mlops-kit acquire` looks at the paths, takes what is new into `data/raw/`, and adds a line for each partition to `data/raw.manifest.jsonl`,
which git keeps. The stage itself is frozen: it only puts the partitions of the manifest together again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mlops_kit import (
    BadDataError,
    FormatOptions,
    LocalFiles,
    Manifest,
    Parted,
    PartitionRows,
    Source,
    Task,
    run,
    step,
)


@dataclass(frozen=True)
class FilesParams:
    """Section of params.yaml."""

    paths: tuple[str, ...]
    """Files, folders, globs (`inbox/*.csv`), `package:NAME/path/in/package`."""
    format: FormatOptions = field(default_factory=FormatOptions)
    """How the files are written, where their names and first bytes do not say it."""
    by: Literal["file", "year", "month", "day"] = "file"
    """What becomes a partition: each file, or the rows of each year, month or day."""
    time: str = ""
    """Time column for `by`; the task's one when empty."""
    through: str = ""
    """Last year, month or day to take, such as `2013-09`; all when empty. Only together with `by`."""
    closed: bool = False
    """Whether the newest year, month or day of a file waits until a later one has begun: for files that grow."""


class Acquired(NamedTuple):
    """What the step writes."""

    raw: PartitionRows


def source(params: FilesParams, task: Task) -> Source:
    """Return where `mlops-kit acquire` fetches from."""
    files = LocalFiles(params.paths, params.format)
    if params.by == "file":
        return files
    column = params.time or task.time
    if not column:
        raise BadDataError(
            f"by: {params.by} needs a time column",
            fix="set task.time in mlops.yaml, or `time` in params.yaml",
        )
    return Parted(files, params.by, column, params.through, params.closed)


@step(contract=1, frozen=True)
def acquire(*, manifest: Manifest, task: Task, params: FilesParams) -> Acquired:
    """Take files as they arrive: each a partition, or parted by year, month or day."""
    return Acquired(manifest.gather(source(params, task)))


if __name__ == "__main__":
    run(acquire)
