"""The comparison as JSON, and back: what CI hands from the job that ran foreign code to the job that may write."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin

from mlops_kit.compare.model import Comparison
from mlops_kit.errors import UnreadableSideError
from mlops_kit.spec.build import field_types

VERSION = 1
MAX_BYTES = 1_000_000
MAX_ROWS = 2_000
MAX_TEXT = 4_000
MAX_DEPTH = 8


def dumps(comparison: Comparison) -> str:
    """Return the comparison as canonical JSON."""
    return (
        json.dumps(
            {"version": VERSION, **asdict(comparison)},
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
            allow_nan=False,
        )
        + "\n"
    )


def loads(content: str | bytes) -> Comparison:
    """Return the comparison in `content`, trusting nothing in it.

    Raises UnreadableSideError naming the first thing that is too large, of the wrong type, not finite or unknown.
    """
    if len(content) > MAX_BYTES:
        raise _refuse("report", f"larger than {MAX_BYTES:,} bytes")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _refuse("report", f"not JSON ({type(error).__name__})") from None
    if not isinstance(value, dict) or value.pop("version", None) != VERSION:
        raise _refuse("report", f"not a report of version {VERSION}")
    result: Comparison = _read(Comparison, value, "report")
    return result


def _refuse(where: str, why: str) -> UnreadableSideError:
    return UnreadableSideError(
        f"{where}: {why}", fix="the report was not made by this version of mlops-kit; run CI again"
    )


def _read(wanted: Any, value: Any, where: str) -> Any:
    origin = get_origin(wanted)
    if isinstance(wanted, type) and is_dataclass(wanted):
        return _read_object(wanted, value, where)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(wanted) if option is not type(None)]
        if len(options) > 1:  # the one such union is JsonValue: anything that JSON can say
            return _json_value(value, where, 0)
        return None if value is None else _read(options[0], value, where)
    if origin is Literal:
        return _require(value in get_args(wanted) and isinstance(value, str), value, where)
    if origin is tuple:
        return _read_list(wanted, value, where)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        _require(isinstance(value, str) and value in {member.value for member in wanted}, value, where)
        return wanted(value)
    return _read_scalar(wanted, value, where)


def _read_object(cls: type, value: Any, where: str) -> Any:
    hints = field_types(cls)
    _require(isinstance(value, dict) and set(value) <= set(hints), value, where)
    required = {item.name for item in fields(cls)}
    _require(required <= set(value), value, where)
    return cls(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def _read_list(wanted: Any, value: Any, where: str) -> tuple[Any, ...]:
    _require(isinstance(value, list) and len(value) <= MAX_ROWS, value, where)
    inner = get_args(wanted)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_read(inner[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    _require(len(value) == len(inner), value, where)
    return tuple(
        _read(kind, item, f"{where}[{index}]")
        for index, (kind, item) in enumerate(zip(inner, value, strict=True))
    )


def _read_scalar(wanted: Any, value: Any, where: str) -> Any:
    if wanted is float:
        _require(
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
            value,
            where,
        )
        return float(value)
    if wanted is int:
        return _require(
            isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53, value, where
        )
    _require(wanted is str and isinstance(value, str) and len(value) <= MAX_TEXT, value, where)
    return value


def _json_value(value: Any, where: str, depth: int) -> Any:
    _require(depth <= MAX_DEPTH, "nested too deep", where)
    if isinstance(value, Mapping):
        _require(len(value) <= MAX_ROWS, value, where)
        return {str(key)[:MAX_TEXT]: _json_value(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        _require(len(value) <= MAX_ROWS, value, where)
        return [_json_value(item, where, depth + 1) for item in value]
    if isinstance(value, float):
        _require(math.isfinite(value), value, where)
    if isinstance(value, str):
        _require(len(value) <= MAX_TEXT, value, where)
    return value


def _require(fits: bool, value: Any, where: str) -> Any:
    if not fits:
        raise _refuse(where, f"unexpected {type(value).__name__}")
    return value
