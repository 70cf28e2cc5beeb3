"""Acquire files from the web: each new file is a partition, or each new month of their rows.

`mlops-kit acquire` asks the servers for headers, downloads what is new or changed, going on where a connection broke, and adds a line for each
partition to `data/raw.manifest.jsonl`. The stage itself is frozen: it only puts the partitions of the manifest together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mlops_kit import FormatOptions, Manifest, PartitionRows, Source, Task, WebFiles, part_by, run, step


@dataclass(frozen=True)
class HttpParams:
    """Section of params.yaml."""

    urls: tuple[str, ...]
    """Addresses; `${NAME}` stands for an environment variable. One with `{year}`, `{month}` or `{day}` stands for a file of each of these."""
    first: str = ""
    """First year, month or day of such an address, such as `2013-01`."""
    last: str = ""
    """Last one; the present one when empty."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent along, such as `Authorization: Bearer ${TOKEN}`; to this host alone."""
    format: FormatOptions = field(default_factory=FormatOptions)
    """How to read the files, as far as their names do not tell."""
    by: Literal["file", "year", "month", "day"] = "file"
    """What becomes a partition: each file, or the rows of each year, month or day."""
    time: str = ""
    """Time column for `by`; the task's one when empty."""
    closed: bool = False
    """Whether the newest year, month or day of a file waits until a later one has begun: for files that grow."""
    size_limit: int = 1 << 40
    """Most bytes of one file."""
    time_limit: float = 21_600.0
    """Seconds for one file."""


class Acquired(NamedTuple):
    """What the step writes."""

    raw: PartitionRows


def source(params: HttpParams, task: Task) -> Source:
    """Return where `mlops-kit acquire` fetches from."""
    files = WebFiles(
        params.urls,
        params.headers,
        params.first,
        params.last,
        params.format,
        params.size_limit,
        params.time_limit,
    )
    return part_by(files, params.by, params.time or task.time, closed=params.closed)


@step(contract=1, frozen=True)
def acquire(*, manifest: Manifest, task: Task, params: HttpParams) -> Acquired:
    """Put the partitions that were acquired together."""
    return Acquired(manifest.gather(source(params, task)))


if __name__ == "__main__":
    run(acquire)
