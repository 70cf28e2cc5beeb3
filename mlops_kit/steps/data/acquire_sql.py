"""Acquire rows from a database: what has arrived above the largest cursor value of the last time is a partition.

`mlops-kit acquire` counts and reads new rows in the order of the cursor column, and adds a line to `data/raw.manifest.jsonl`; it counts the rows
of recorded partitions again, so that rows that come late are noticed. The stage itself is frozen: it only puts the partitions of the manifest
together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mlops_kit import DatabaseRows, Manifest, PartitionRows, Source, Task, run, step


@dataclass(frozen=True)
class SqlParams:
    """Section of params.yaml."""

    url: str
    """An address of SQLAlchemy: `postgresql://me:${PASSWORD}@host/db`, `sqlite:///data/flights.db`; `${NAME}` stands for an environment variable."""
    table: str = ""
    """A table or view, such as `public.flights`."""
    query: str = ""
    """A SELECT instead of a table."""
    cursor: str = ""
    """Column that grows with time (whole numbers, dates, times); without it the rows are fetched whole."""
    order: tuple[str, ...] = ()
    """Columns that order rows of one cursor value, such as a key; all columns when empty."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Column -> integer, number, decimal(P,S), boolean, text, bytes, date, timestamp, timestamptz, where the database's own does not fit."""
    hold_back: float = 0.0
    """How far to stay behind the newest cursor value, for rows that still arrive: seconds for times, units for numbers."""
    recheck: Literal["all", "last", "none"] = "all"
    """Which recorded partitions are counted again in the database, to notice rows that came late or are gone."""
    batch_rows: int = 10_000
    """Rows in memory at once."""
    time_limit: float = 21_600.0
    """Seconds for one partition."""


class Acquired(NamedTuple):
    """What the step writes."""

    raw: PartitionRows


def source(params: SqlParams, task: Task) -> Source:  # noqa: ARG001 - as every source is made
    """Return where `mlops-kit acquire` fetches from."""
    return DatabaseRows(
        params.url,
        params.table,
        params.query,
        params.cursor,
        params.order,
        params.types,
        params.hold_back,
        params.recheck,
        params.batch_rows,
        params.time_limit,
    )


@step(contract=1, frozen=True)
def acquire(*, manifest: Manifest, task: Task, params: SqlParams) -> Acquired:
    """Put the partitions that were acquired together."""
    return Acquired(manifest.gather(source(params, task)))


if __name__ == "__main__":
    run(acquire)
