"""Tables as Parquet whose bytes depend on schema and rows alone, for one version of pyarrow.

pandas' own metadata is left out: it repeats the schema and names the versions of pandas and Python. The size of row groups, the
compression and its level are fixed; how a table is cut into chunks in memory does not matter.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROW_GROUP = 65_536
_OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "version": "2.6"}


def write_arrow(table: pa.Table, sink: Any) -> None:
    """Write a pyarrow Table to `sink`, a path or a binary file."""
    import pyarrow.parquet as pq

    plain = table.replace_schema_metadata(_plain_metadata(table.schema))
    pq.write_table(plain, sink, row_group_size=ROW_GROUP, **_OPTIONS)


def stream_arrow(batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: Any) -> int:
    """Write rows that arrive in batches to `sink`: the bytes that write_arrow gives for all of them as one table.

    However the rows are cut into batches, one row group at a time is in memory. Returns the number of rows.
    """
    plain = plain_schema(schema)
    rows = 0
    with open_parquet(sink, plain) as writer:
        for group in _row_groups(batches, plain):
            writer.write_table(group, row_group_size=ROW_GROUP)
            rows += group.num_rows
        if not rows:
            writer.write_table(plain.empty_table())
    return rows


def open_parquet(sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer to `sink` that gives the bytes of write_arrow when each table but the last has ROW_GROUP rows, and no row at all is
    written as an empty table. `schema` comes from plain_schema."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(sink, schema, **_OPTIONS)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return `schema` without the metadata of pandas."""
    metadata = _plain_metadata(schema)  # an empty mapping would be written, None is not
    return schema.with_metadata(metadata) if metadata else schema.remove_metadata()


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    for arrived in batches:
        batch = arrived
        while batch.num_rows:
            part = batch.slice(0, ROW_GROUP - rows)
            held.append(part.replace_schema_metadata(schema.metadata))
            rows += part.num_rows
            batch = batch.slice(part.num_rows)
            if rows == ROW_GROUP:
                yield pa.Table.from_batches(held, schema).combine_chunks()
                held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held, schema).combine_chunks()


def _plain_metadata(schema: pa.Schema) -> dict[bytes, bytes] | None:
    return {k: v for k, v in (schema.metadata or {}).items() if k != b"pandas"} or None


def arrow_table(value: Any) -> pa.Table:
    """Return a pandas DataFrame or a pyarrow Table as a pyarrow Table.

    A default index is dropped, any other index becomes columns. Raises BadDataError for anything else, and for a frame that Arrow
    cannot hold, such as a column of mixed types or two columns of one name.
    """
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    frame = plain_frame(value)
    try:
        return pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadDataError(
            f"the table cannot be written: {error}", fix="give each column one type and a name of its own"
        ) from error


def plain_frame(value: Any) -> Any:
    """Return a pandas DataFrame with a plain index of positions; any other index has become columns.

    Raises BadDataError for anything that is no DataFrame, and when a column of the index's name is there already.
    """
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        raise BadDataError(
            f"a {type(value).__name__} is no table", fix="give a pandas DataFrame or a pyarrow Table"
        )
    # pandas 3 makes a range of any index of successive numbers; one with a name was set on purpose.
    if isinstance(value.index, pd.RangeIndex) and value.index.name is None:
        return value
    try:
        return value.reset_index()
    except ValueError as error:
        raise BadDataError(
            f"the index cannot become columns: {error}", fix="frame.reset_index(names=...)"
        ) from error


def parquet_bytes(table: Any) -> bytes:
    """Return a pandas DataFrame or a pyarrow Table as a Parquet file; see arrow_table for the index and what is refused."""
    buffer = io.BytesIO()
    write_arrow(arrow_table(table), buffer)
    return buffer.getvalue()
