"""Text, JSON, YAML and CSV whose bytes depend on the value alone.

`json.dump` keeps the order of a dict, which a set or a folder listing may have given it, and writes NaN, which no other reader takes; YAML
writes `&id001` where one list occurs twice, which is an accident of the process; text files take line ends and encoding from the system.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
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


def json_lines(rows: Iterable[Any]) -> str:
    """Return one line of JSON with sorted keys for each of `rows`, in their order. Raises BadDataError as canonical_json does."""
    return "".join(canonical_json_line(row) for row in rows)


def yaml_text(value: Any) -> str:
    """Return `value` as YAML with sorted keys and without anchors. Raises BadDataError as canonical_json does."""
    import yaml

    text: str = yaml.safe_dump(
        _plain(value, "value"), sort_keys=True, allow_unicode=True, default_flow_style=False, width=100
    )
    return text


def plain_text(value: str) -> str:
    """Return a text with `\\n` line ends and one at its end. Raises BadDataError for anything but a text."""
    if not isinstance(value, str):
        raise BadDataError(
            f"a {type(value).__name__} is no text", fix="write str(value), or another kind of file"
        )
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


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
        made = {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
        if len(made) != len(value):
            raise BadDataError(f"{where}: two keys have the same text, so one would be lost")
        return made
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return _plain(value.tolist(), where)
    hint = "sorted(...) gives it an order" if isinstance(value, set | frozenset) else ""
    raise BadDataError(f"{where}: a {type(value).__name__} cannot be written as JSON, YAML or CSV", fix=hint)


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise BadDataError(f"{where} is {value}; a metric or report value must be a finite number")
    return value
