"""CSV, TSV, Parquet and Feather as columns."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from mlops_kit.artifacts.predictions import METADATA
from mlops_kit.compare.deviation.content import Content
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.rows import Columns, compare_tables, unique_names

MOST_ROWS = 50_000_000
"""Rows of a Parquet file that are compared, a column at a time: a few KiB can promise any number."""


def explain_parquet(old: Content, new: Content, found: Findings) -> None:
    """Compare two Parquet files: columns, rows, cells; where these are the same, what else differs."""
    import pyarrow.parquet as pq

    with old.open() as one, new.open() as other:
        files = (pq.ParquetFile(one, pre_buffer=False), pq.ParquetFile(other, pre_buffer=False))
        compare_tables(_parquet(files[0]), _parquet(files[1]), found)
        if not found.count:
            for name, values in _parquet_facts(files):
                found.change(name, *values, note="same cells", level=found.level)
    _say_same(found)


def _parquet(file: Any) -> Columns:
    schema = file.schema_arrow
    names = tuple(schema.names)
    if file.metadata.num_rows > MOST_ROWS:
        raise TooMuchError(f"more than {MOST_ROWS:,} rows")
    if len(set(names)) != len(names):
        raise ValueError("a column name stands twice")
    return Columns(
        names,
        tuple(str(field.type) for field in schema),
        file.metadata.num_rows,
        lambda index: file.read(columns=[names[index]], use_threads=False).column(0),
        _key(schema.metadata),
    )


def _key(metadata: dict[bytes, bytes] | None) -> tuple[str, ...]:
    try:
        return tuple(json.loads((metadata or {})[METADATA])["key"])
    except (KeyError, ValueError, TypeError):
        return ()


def _parquet_facts(files: tuple[Any, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    def facts(file: Any) -> dict[str, Any]:
        meta = file.metadata
        group = meta.row_group(0) if meta.num_row_groups else None
        return {
            "written by": meta.created_by,
            "row groups": meta.num_row_groups,
            "compression": group.column(0).compression if group and group.num_columns else None,
            **{
                f"metadata {key.decode('utf-8', 'replace')}": value.decode("utf-8", "replace")
                for key, value in sorted((file.schema_arrow.metadata or {}).items())
            },
        }

    one, other = (facts(file) for file in files)
    return [
        (name, (one.get(name), other.get(name)))
        for name in dict.fromkeys((*sorted(one), *sorted(other)))
        if one.get(name) != other.get(name)
    ]


def explain_feather(old: Content, new: Content, found: Findings) -> None:
    """Compare two Feather (Arrow IPC) files by column, row and cell."""
    compare_tables(_feather(old), _feather(new), found)
    _say_same(found)


def _feather(content: Content) -> Columns:
    import pyarrow as pa

    table = pa.ipc.open_file(pa.py_buffer(content.read())).read_all()
    return Columns(
        unique_names(table.column_names),
        tuple(str(field.type) for field in table.schema),
        table.num_rows,
        table.column,
    )


def explain_csv(old: Content, new: Content, found: Findings) -> None:
    """Compare two CSV files by column, row and cell; numbers are compared as numbers."""
    _explain_delimited(old, new, found, ",")


def explain_tsv(old: Content, new: Content, found: Findings) -> None:
    """Compare two TSV files by column, row and cell."""
    _explain_delimited(old, new, found, "\t")


def _explain_delimited(old: Content, new: Content, found: Findings, delimiter: str) -> None:
    compare_tables(_delimited(old, delimiter), _delimited(new, delimiter), found)
    _say_same(found)


def _delimited(content: Content, delimiter: str) -> Columns:
    """Return the cells as texts. Raises ValueError when rows have different numbers of cells."""
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    data = content.read()
    first = data[: 2**20].decode("utf-8-sig", "strict" if len(data) <= 2**20 else "ignore")
    header = next(csv.reader(io.StringIO(first), delimiter=delimiter), [])
    if not header:
        raise ValueError("it has no header")
    names = unique_names(header)
    table = pa_csv.read_csv(
        pa.py_buffer(data),
        read_options=pa_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )
    return Columns(names, ("text",) * len(names), table.num_rows, table.column, texts=True)


def _say_same(found: Findings) -> None:
    if not found.count:
        found.say("the same cells, other encoding, quoting or metadata")
