"""A file into partitions: the work of the step `acquire.file`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.tables import MANIFEST, PartitionStream
from mlops_kit.data.formats.parting import PartitionWriters
from mlops_kit.data.formats.rows import OnReject, Reject, RowSource
from mlops_kit.data.manifest import PartitionLine, manifest_text
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = "all"
UNKNOWN = "unknown"


def part_rows(
    source: RowSource, *, month_of: str | None = None, through: str | None = None
) -> PartitionStream:
    """Return the rows of `source` as partitions: one for each month of the column `month_of`, or one named `all` without it.

    Rows whose month cannot be read, and lines that are no rows, go to a partition `unknown`, whose rows the clean step judges. Months after
    `through` (such as `2013-09`) are left out. A `manifest.jsonl` says what each partition is. Raises BadDataError at once for a column that
    is not there or holds no times; when written, for a source without rows, or in which more than half have no month.
    """
    if month_of is not None:
        require_columns(source, [month_of])
        _check_times(source, month_of)
    return PartitionStream(lambda folder: _write(folder, source, month_of, through))


def sample_rows(source: RowSource, key: Sequence[str], share: float) -> RowSource:
    """Return the `share` (0 to 1) of the rows of `source` that a hash of their key chooses: new rows never move old ones.

    Raises BadDataError when a column of the key is not there.
    """
    require_columns(source, key)

    def start(on_reject: OnReject) -> Iterator[pa.RecordBatch]:
        for batch in source.batches(on_reject):
            yield batch.filter(_chosen(batch, key, share))

    return RowSource(source.name, source.schema, start)


def require_columns(source: RowSource, wanted: Sequence[str]) -> None:
    """Raise BadDataError, with the names that come close, when `source` lacks one of the `wanted` columns."""
    names = source.schema.names
    for name in wanted:
        if name not in names:
            close = get_close_matches(name, names, n=3)
            raise BadDataError(
                f"{source.name}: no column `{name}`",
                fix=f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(names)}",
            )


def _check_times(source: RowSource, column: str) -> None:
    import pyarrow as pa

    found = source.schema.field(column).type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date)
    if not any(fits(found) for fits in kinds):
        raise BadDataError(
            f"{source.name}: column `{column}` is of type {found}, which has no month",
            fix="name a column of times in task.time, or set by_month: false in params.yaml",
        )


def _write(folder: Path, source: RowSource, month_of: str | None, through: str | None) -> None:
    late = 0
    with PartitionWriters(folder, source.schema) as writers:

        def keep(reject: Reject) -> None:
            writers.reject(UNKNOWN if month_of else WHOLE, reject)

        for batch in source.batches(keep):
            if month_of is None:
                writers.write(WHOLE, batch)
                continue
            for month, rows in _by_month(batch, month_of):
                if through is None or month == UNKNOWN or month <= through:
                    writers.write(month, rows)
                else:
                    late += rows.num_rows
        written = writers.close()
        _judge(source, {name: part.rows for name, part in written.items()}, late, month_of, through)
    lines = [
        PartitionLine(
            name, source.name, part.rows, part.bytes, part.sha256, part.md5, fetched_at="", version="",
            rejected=part.rejected, rejects_md5=part.rejects_md5,
        )
        for name, part in written.items()
    ]  # fmt: skip
    (folder / MANIFEST).write_text(manifest_text(lines), encoding="utf-8", newline="\n")


def _judge(
    source: RowSource, rows: dict[str, int], late: int, month_of: str | None, through: str | None
) -> None:
    total = sum(rows.values())
    if not total + late:
        raise BadDataError(f"{source.name}: no rows, only a header")
    unknown = rows.get(UNKNOWN, 0) if month_of else 0
    if unknown * 2 > total + late:
        raise BadDataError(
            f"{source.name}: column `{month_of}` does not start with year and month in {unknown} of {total + late} rows",
            fix="write times as 2013-01-31T12:00:00Z, or set by_month: false in params.yaml",
        )
    if total == unknown and late:
        raise BadDataError(
            f"{source.name}: no rows up to {through}", fix="raise acquire.through in params.yaml"
        )


def _by_month(batch: pa.RecordBatch, column: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each month, months in their order, rows in theirs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = batch.column(column)
    plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    text = values if plain else pc.strftime(values, format="%Y-%m-%dT%H:%M:%SZ")
    month = pc.utf8_slice_codeunits(text, 0, 7)
    good = pc.fill_null(pc.match_substring_regex(month, r"^\d{4}-(0[1-9]|1[0-2])$"), False)
    month = pc.if_else(good, month, UNKNOWN)
    counts = {item["values"]: item["counts"] for item in pc.value_counts(month).to_pylist()}
    if len(counts) == 1:
        yield next(iter(counts)), batch
        return
    order, at = pc.array_sort_indices(month), 0  # stable: rows of a month keep their order
    for name in sorted(counts):
        # A copy for each: a slice would keep the whole batch for as long as the rarest month waits.
        yield name, batch.take(order.slice(at, counts[name]))
        at += counts[name]


def _chosen(batch: pa.RecordBatch, key: Sequence[str], share: float) -> pa.Array:
    import pyarrow as pa

    limit = int(share * 2**64)
    columns: list[list[Any]] = [batch.column(name).cast(pa.string()).to_pylist() for name in key]
    digests = (
        hashlib.blake2b("\x1f".join(map(str, row)).encode(), digest_size=8).digest()
        for row in zip(*columns, strict=True)
    )
    return pa.array([int.from_bytes(digest, "big") < limit for digest in digests], pa.bool_())
