"""The one way to read a data file of others, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.data.formats.columnar import read_columnar
from mlops_kit.data.formats.delimited import read_delimited
from mlops_kit.data.formats.jsonlines import read_json_lines
from mlops_kit.data.formats.options import FormatName, FormatOptions, format_of
from mlops_kit.data.formats.packed import Content, contents
from mlops_kit.data.formats.rows import OnReject, RowSource
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa


READERS: Mapping[FormatName, Callable[[Content, FormatOptions], RowSource]] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "jsonl": read_json_lines,
    "parquet": read_columnar,
}


def read_rows(path: Path, options: FormatOptions | None = None, *, name: str = "") -> RowSource:
    """Return the rows of a data file without reading them: CSV, TSV, JSON lines or Parquet, plain, compressed or in an archive.

    `name` is what messages and rejects call the file: what the user wrote, without secrets; its path when empty.
    Cells of CSV and JSON are texts. Several members of an archive that `options.member` chooses are read one after the other, by name;
    they need the same columns. Raises BadDataError for a file that is missing, empty, damaged, of an unknown format, or has a bad header.
    """
    options = options or FormatOptions()
    if not path.is_file():
        raise BadDataError(f"{path}: no such file")
    name = name or str(path)
    if path.stat().st_size == 0:
        raise BadDataError(f"{name}: the file is empty")
    parts = [_read(content, options) for content in contents(path, options, name)]
    return parts[0] if len(parts) == 1 else _joined(name, parts)


def read_table(path: Path, options: FormatOptions | None = None) -> pa.Table:
    """Return the rows of a data file as a table in memory, for files that are known to be small.

    Raises BadDataError as read_rows does, and for the first line that is no row.
    """
    return read_rows(path, options).table()


def _read(content: Content, options: FormatOptions) -> RowSource:
    return READERS[format_of(content.inner, options)](content, options)


def _joined(name: str, parts: Sequence[RowSource]) -> RowSource:
    schema = parts[0].schema
    for part in parts[1:]:
        if set(part.schema) != set(schema):
            raise BadDataError(
                f"{part.name}: other columns ({', '.join(part.schema.names)}) than {parts[0].name} ({', '.join(schema.names)})",
                fix="choose files of one table with format.member",
            )

    def start(on_reject: OnReject) -> Iterator[pa.RecordBatch]:
        for part in parts:
            for batch in part.batches(on_reject):
                yield batch.select(schema.names)

    return RowSource(name, schema, start)
