"""JSON and CSV whose bytes depend on the value alone."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_kit.errors import BadDataError


def canonical_json(value: Any) -> str:
    """Return `value` as indented JSON with sorted keys, UTF-8 text and a newline at the end.

    Numbers of NumPy are written as plain numbers, floats with their shortest exact digits.
    Raises BadDataError on NaN, infinity and values that JSON cannot hold.
    """
    return (
        json.dumps(_plain(value, "value"), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        + "\n"
    )


def canonical_json_line(value: Any) -> str:
    """Return `value` as one line of JSON with sorted keys and a newline."""
    plain = _plain(value, "value")
    return (
        json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    )


def canonical_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return `rows` as CSV with a header, in the column order of the first row and with `\\n` line ends.

    Raises BadDataError when a row has other columns than the first.
    """
    buffer = io.StringIO()
    columns = list(rows[0]) if rows else []
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows):
        if set(row) != set(columns):
            raise BadDataError(
                f"row {number} has the columns {sorted(row)}, the first row has {sorted(columns)}"
            )
        writer.writerow([_plain(row[column], column) for column in columns])
    return buffer.getvalue()


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(float(value), where)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return _plain(value.tolist(), where)
    raise BadDataError(f"{where}: a {type(value).__name__} cannot be written as JSON or CSV")


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise BadDataError(f"{where} is {value}; a metric or report value must be a finite number")
    return value
