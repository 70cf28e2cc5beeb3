"""What a column of schema.yaml may promise: bounds, values and patterns that fit its type."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

from mlops_kit.errors import SpecError
from mlops_kit.spec.model import Column
from mlops_kit.spec.yamlfile import YamlDocument

_WHOLE = re.compile(r"-?\d{1,18}")
_REFERENCE = re.compile(r"[^./\\]+\.[^.]+")
# Python's syntax has these, RE2's, in which patterns are matched, does not.
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|>|\(|P=|P>)|\\[1-9]|[*+?}]\+")


def check_that(document: YamlDocument, path: tuple[str | int, ...], fits: Any, wanted: str) -> None:
    """Raise SpecError, with the line of the value at `path` and in words what it must be, unless `fits`."""
    if not fits:
        raise SpecError(
            f"`{'.'.join(map(str, path))}` does not fit",
            where=document.place(path),
            fix=f"it must be {wanted}",
        )


def check_column(document: YamlDocument, name: str, column: Column) -> None:
    """Raise SpecError, with the line, for a promise about the column `name` that no value could keep, or that cannot be judged."""
    at = ("columns", name)
    _check_bounds(document, at, column)
    for index, value in enumerate(column.values):
        check_that(document, (*at, "values", index), _is_value(column, value), _VALUES[column.type])
    if column.pattern is not None:
        check_that(document, (*at, "pattern"), _compiles(column.pattern), "a regular expression")
        check_that(
            document,
            (*at, "pattern"),
            not _NOT_RE2.search(column.pattern.replace("\\\\", "")),
            "without look-around, back references and possessive repetition, which RE2 does not have",
        )
    if column.references is not None:
        check_that(
            document,
            (*at, "references"),
            _REFERENCE.fullmatch(column.references),
            "`table.column`, a table in data/ and a column of it",
        )


def _check_bounds(document: YamlDocument, at: tuple[str, str], column: Column) -> None:
    words = {
        "integer": "a number",
        "number": "a number",
        "timestamp": "a time such as 2013-01-31 or 2013-01-31T12:00:00Z",
    }.get(column.type, f"left out of a {column.type} column")
    made = {"min": _bound(column, column.min), "max": _bound(column, column.max)}
    for what, bound in made.items():
        check_that(document, (*at, what), bound is not False, words)
    low, high = made["min"], made["max"]
    if low is not None and high is not None:
        check_that(document, (*at, "min"), low <= high, "at most `max`")


def _bound(column: Column, bound: float | str | None) -> Any:
    """Return the bound as something that can be compared, None without one, False when it does not fit the type."""
    if bound is None:
        return None
    if column.type in ("integer", "number"):
        return bound if isinstance(bound, float) and math.isfinite(bound) else False
    if column.type != "timestamp" or not isinstance(bound, str):
        return False
    try:
        return datetime.fromisoformat(bound.removesuffix("Z")) if _TIME.fullmatch(bound) else False
    except ValueError:
        return False


_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?Z?")
_VALUES = {
    "string": "a text without white space at its ends",
    "integer": "a whole number, quoted",
    "boolean": "'true' or 'false', quoted",
    "number": "left out of a number column; give `min` and `max`",
    "timestamp": "left out of a timestamp column; give `min` and `max`",
}


def _is_value(column: Column, value: str) -> bool:
    if column.type == "string":
        return bool(value) and value == value.strip()
    if column.type == "integer":
        return bool(_WHOLE.fullmatch(value))
    return column.type == "boolean" and value in ("true", "false")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
