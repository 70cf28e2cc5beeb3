"""Tables as Parquet whose bytes depend on schema and rows alone, for one version of pyarrow.

pandas' own metadata is left out: it repeats the schema and names the versions of pandas and Python. The size of row groups, the
compression and its level are fixed; how a table is cut into chunks in memory does not matter.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 65_536


def write_arrow(table: pa.Table, sink: Any) -> None:
    """Write a pyarrow Table to `sink`, a path or a binary file."""
    import pyarrow.parquet as pq

    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != b"pandas"}
    plain = table.replace_schema_metadata(metadata or None)
    pq.write_table(
        plain, sink, compression="zstd", compression_level=3, row_group_size=ROW_GROUP, version="2.6"
    )


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
