"""Acquire objects of a store (S3 and what speaks like it, Google Cloud Storage, Azure): each new object is a partition.

`mlops-kit acquire` lists the objects, fetches what is new or changed by ETag, and adds a line for each partition to `data/raw.manifest.jsonl`. The
stage itself is frozen: it only puts the partitions of the manifest together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mlops_kit import FormatOptions, Manifest, PartitionRows, Source, StoredFiles, Task, part_by, run, step


@dataclass(frozen=True)
class ObjectsParams:
    """Section of params.yaml."""

    url: str
    """`s3://bucket/folder/*.parquet`, `gs://...`, `az://...`, `file:///...`: a pattern (`**` for folders below), a folder, or an object."""
    endpoint: str = ""
    """Address of a store of one's own that speaks as S3 does; credentials are looked for where its tools do (AWS_ACCESS_KEY_ID, ...)."""
    anonymous: bool = False
    """Whether to ask without credentials, for public buckets."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """Further options of the file system, as fsspec names them; `${NAME}` stands for an environment variable."""
    format: FormatOptions = field(default_factory=FormatOptions)
    """How to read the objects, as far as their names do not tell."""
    by: Literal["file", "year", "month", "day"] = "file"
    """What becomes a partition: each object, or the rows of each year, month or day."""
    time: str = ""
    """Time column for `by`; the task's one when empty."""
    closed: bool = False
    """Whether the newest year, month or day of an object waits until a later one has begun."""
    size_limit: int = 1 << 40
    """Most bytes of one object."""
    time_limit: float = 21_600.0
    """Seconds for one object."""


class Acquired(NamedTuple):
    """What the step writes."""

    raw: PartitionRows


def source(params: ObjectsParams, task: Task) -> Source:
    """Return where `mlops-kit acquire` fetches from."""
    files = StoredFiles(
        params.url,
        params.endpoint,
        params.anonymous,
        params.storage,
        params.format,
        params.size_limit,
        params.time_limit,
    )
    return part_by(files, params.by, params.time or task.time, closed=params.closed)


@step(contract=1, frozen=True)
def acquire(*, manifest: Manifest, task: Task, params: ObjectsParams) -> Acquired:
    """Put the partitions that were acquired together."""
    return Acquired(manifest.gather(source(params, task)))


if __name__ == "__main__":
    run(acquire)
