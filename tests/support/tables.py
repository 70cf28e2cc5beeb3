"""Small tables of all kinds of values, as files, and what a diff of them does to one."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_kit.data.diff.keys import KeyWish
from mlops_kit.data.diff.model import TableDiff
from mlops_kit.data.diff.reading import FileVersion
from mlops_kit.data.diff.table import DiffOptions, diff_table

SCHEMA = pa.schema([("id", pa.int64()), ("x", pa.float64()), ("name", pa.string()), ("flag", pa.bool_())])
BY_ID = DiffOptions(wishes=(KeyWish(("id",), "--key"),), memory=256 << 20, threads=2)
Row = Mapping[str, Any]


def parquet(path: Path, rows: Sequence[Row], schema: pa.Schema = SCHEMA) -> Path:
    """Write rows as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema), path)
    return path


def comma(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    """Write rows, the header first, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path


def files(*paths: Path) -> list[FileVersion]:
    """Return files as one side of a table, with hashes that are their content."""
    import hashlib

    return [
        FileVersion(path.name, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path)
        for path in paths
    ]


def diff(old: Path, new: Path, options: DiffOptions = BY_ID) -> TableDiff:
    """Compare two files of one table."""
    return diff_table("table", files(old), files(new), options)


def bag(rows: Sequence[Row]) -> Counter[str]:
    """Return rows as a set with copies; every NaN is the same, and so are both zeros."""
    return Counter(repr(sorted((key, plain(value)) for key, value in row.items())) for row in rows)


def plain(value: Any) -> Any:
    """Return a value as it counts in a diff."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    return value


def applied(rows: Sequence[Row], patch: Path, columns: Sequence[str]) -> Counter[str]:
    """Return what the rows are after the changes of a file that `--rows` wrote, in `columns`."""
    made = bag([{name: row.get(name) for name in columns} for row in rows])
    for change in pq.read_table(patch).to_pylist():
        row = bag([{name: change[name] for name in columns}])
        if change["change"] in ("removed", "before"):
            assert not row - made, "the patch takes away a row that is not there"
            made -= row
        else:
            made += row
    return made
