"""Parquet files of others, with the types they have."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.packed import Content
from mlops_kit.data.formats.rows import OnReject, RowSource, check_same
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 65_536


def read_columnar(content: Content, options: FormatOptions) -> RowSource:  # noqa: ARG001 - all readers take them
    """Return the rows of a Parquet file; one that is packed is unpacked into a temporary file each time it is read.

    Raises BadDataError for a file that is empty, damaged, encrypted, or has two columns of one name.
    """
    with _opened(content) as file:
        schema: pa.Schema = file.schema_arrow
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise BadDataError(
            f"{content.name}: duplicate columns: {', '.join(twice)}", fix="rename or remove one of each"
        )

    def start(on_reject: OnReject) -> Iterator[pa.RecordBatch]:  # noqa: ARG001 - every row of Parquet is one
        with _opened(content) as file, _readable(content.name):
            check_same(content.name, schema.names, file.schema_arrow.names)
            for batch in file.iter_batches(BATCH_ROWS):
                batch.validate(full=True)  # texts that are no UTF-8 would end in DuckDB, far from here
                yield batch

    return RowSource(content.name, schema, start)


@contextmanager
def _opened(content: Content) -> Iterator[pq.ParquetFile]:
    import pyarrow.parquet as pq

    with _on_disk(content) as plain:
        if plain.stat().st_size == 0:
            raise BadDataError(f"{content.name}: the file is empty")
        with _readable(content.name):
            file = pq.ParquetFile(plain, pre_buffer=False, buffer_size=1 << 20)
            _ = file.schema_arrow
        with file:
            yield file


@contextmanager
def _on_disk(content: Content) -> Iterator[Path]:
    if content.plain is not None:
        yield content.plain
        return
    with tempfile.TemporaryDirectory(prefix="mlops-kit-") as scratch:
        plain = Path(scratch, "unpacked.parquet")
        with content.open() as stream, plain.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 22)
        yield plain


@contextmanager
def _readable(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a name that is not UTF-8
        raise BadDataError(
            f"{name}: not a readable Parquet file ({str(error).splitlines()[0]})",
            fix="fetch the file again; it is damaged or not whole",
        ) from error
