"""Acquire rows from a file, one partition for each month.

Reads the source (CSV, compressed CSV or Parquet; a path in the project or a file inside an installed package) and writes
`data/raw/`, each partition with a line in its manifest. Cells of CSV files stay texts; the clean step casts them. Bad input
(empty, not UTF-8, duplicate columns, no key column) ends with exit code 5 and leaves the last good partitions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from mlops_kit import (
    BadDataError,
    InputFile,
    Partitions,
    PartitionSet,
    Task,
    open_source,
    read_table,
    run,
    step,
)

if TYPE_CHECKING:
    import pyarrow as pa


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


class Acquired(NamedTuple):
    """What the step writes."""

    raw: Partitions


@step(contract=1)
def acquire(*, task: Task, params: AcquireParams) -> Acquired:
    """Take what has arrived at the source, parted by month."""
    table = read_table(open_source(params.source))
    if table.num_rows == 0:
        raise BadDataError(f"{params.source}: no rows, only a header")
    if params.by_month and task.time is None:
        raise BadDataError(
            "by_month needs a time column",
            fix="set task.time in mlops.yaml, or by_month: false in params.yaml",
        )
    wanted = [*(task.key if params.sample < 1 else ()), *([str(task.time)] if params.by_month else [])]
    _require(table, wanted, params.source)
    if params.sample < 1:
        table = table.filter(_chosen(table, task.key, params.sample))
    parts = _by_month(table, str(task.time), params) if params.by_month else {"all": table}
    lines = [_manifest_line(name, parts[name], params.source) for name in sorted(parts)]
    return Acquired(PartitionSet(parts, lines))


def _require(table: pa.Table, wanted: list[str], source: str) -> None:
    for name in wanted:
        if name not in table.column_names:
            close = get_close_matches(name, table.column_names, n=3)
            raise BadDataError(
                f"{source}: no column `{name}`",
                fix=f"did you mean {' or '.join(close)}?"
                if close
                else f"it has: {', '.join(table.column_names)}",
            )


def _chosen(table: pa.Table, key: tuple[str, ...], share: float) -> pa.Array:
    import pyarrow as pa

    limit = int(share * 2**64)
    rows = zip(*(table[name].cast(pa.string()).to_pylist() for name in key), strict=True)
    digests = (hashlib.blake2b("\x1f".join(map(str, row)).encode(), digest_size=8).digest() for row in rows)
    return pa.array([int.from_bytes(digest, "big") < limit for digest in digests])


def _by_month(table: pa.Table, time: str, params: AcquireParams) -> dict[str, pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[time]
    text = column if pa.types.is_string(column.type) else pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    month = pc.utf8_slice_codeunits(text, 0, 7)
    good = pc.fill_null(pc.match_substring_regex(month, r"^\d{4}-\d{2}$"), False)
    if not pc.all(good).as_py():
        example = table.filter(pc.invert(good))[time][0].as_py()
        raise BadDataError(
            f"{params.source}: column `{time}` holds {example!r}, which does not start with year and month",
            fix="write times as 2013-01-31T12:00:00Z",
        )
    names = sorted(
        name for name in pc.unique(month).to_pylist() if params.through is None or name <= params.through
    )
    if not names:
        raise BadDataError(
            f"{params.source}: no rows up to {params.through}", fix="raise acquire.through in params.yaml"
        )
    return {name: table.filter(pc.equal(month, name)) for name in names}


def _manifest_line(name: str, table: pa.Table, source: str) -> dict[str, str | int]:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    digest = hashlib.sha256(sink.getvalue()).hexdigest()
    return {
        "partition": name,
        "source": source,
        "rows": table.num_rows,
        "columns": table.num_columns,
        "content_sha256": digest,
    }


if __name__ == "__main__":
    run(acquire)
