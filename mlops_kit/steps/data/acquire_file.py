"""Acquire rows from a file, one partition for each month.

Reads the source (CSV, TSV, JSON lines or Parquet, also compressed or in an archive; a path in the project or a file inside an
installed package) and writes `data/raw/`, each partition with a line in its manifest. Cells of text files stay texts; the clean step casts
them. A line that is no row is kept beside the partitions with the reason. A file that makes no sense as a whole (empty, another kind of
file, duplicate columns, mostly no rows) ends with exit code 5 and leaves the last good partitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mlops_kit import (
    BadDataError,
    FormatOptions,
    InputFile,
    PartitionRows,
    Task,
    open_source,
    part_rows,
    read_rows,
    run,
    sample_rows,
    step,
)


@dataclass(frozen=True)
class AcquireParams:
    """Section of params.yaml."""

    source: InputFile
    """A path in the project, or `package:NAME/path/in/package`."""
    by_month: bool = True
    """Whether rows are parted by the month of the task's time column."""
    through: str | None = None
    """Last month to take, such as `2013-09`; all months when empty."""
    sample: float = 1.0
    """Share of rows to take (0 to 1), chosen by a hash of the key: new rows never move old ones."""
    format: FormatOptions = field(default_factory=FormatOptions)
    """How to read the file, where its name does not tell: delimiter, encoding, which file of an archive."""


class Acquired(NamedTuple):
    """What the step writes."""

    raw: PartitionRows


@step(contract=2)
def acquire(*, task: Task, params: AcquireParams) -> Acquired:
    """Take what has arrived at the source, parted by month."""
    if params.by_month and task.time is None:
        raise BadDataError(
            "by_month needs a time column",
            fix="set task.time in mlops.yaml, or by_month: false in params.yaml",
        )
    rows = read_rows(open_source(params.source), params.format, name=params.source)
    if params.sample < 1:
        rows = sample_rows(rows, task.key, params.sample)
    month_of = task.time if params.by_month else None
    return Acquired(part_rows(rows, month_of=month_of, through=params.through))


if __name__ == "__main__":
    run(acquire)
