"""The comparison as JSON, and back: what CI hands from the job that ran foreign code to the job that may write."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin

from mlops_kit.compare.model import Comparison, DataChange, PicturePair, StageChange, Unreadable, ValueChange
from mlops_kit.errors import UnreadableSideError
from mlops_kit.report.limits import MAX_BYTES, MAX_DEPTH, MAX_ROWS, MAX_TEXT, shorten

VERSION = 1
# Fields that are text for the type checker and one of a few words by their docstrings.
WORDS: dict[tuple[type, str], tuple[str, ...]] = {
    (DataChange, "kind"): ("added", "removed", "changed"),
    (StageChange, "kind"): ("added", "removed", "rerun", "output"),
    (ValueChange, "kind"): ("added", "removed", "changed"),
    (Unreadable, "side"): ("base", "head", "production"),
    (PicturePair, "old"): ("",),
    (PicturePair, "new"): ("",),
}


def dumps(comparison: Comparison) -> str:
    """Return the comparison as canonical JSON that `loads` takes; what is beyond its limits is cut, and a note says so.

    The bytes of pictures are left out, which only HTML shows.

    Raises ValueError for a number that is not finite.
    """
    return shorten({"version": VERSION, **asdict(comparison)}, _encode)


def _encode(tree: Mapping[str, Any]) -> str:
    text = json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    # File names that are not UTF-8 come with lone surrogates, which only an escape can write.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def loads(content: str | bytes) -> Comparison:
    """Return the comparison in `content`, trusting nothing in it.

    Raises UnreadableSideError naming the first thing that is too large, of the wrong type, not finite or unknown.
    """
    size = len(content) if isinstance(content, bytes) else len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise _refuse("report", f"larger than {MAX_BYTES:,} bytes")
    try:
        value = json.loads(content, object_pairs_hook=_object_of)
    except (ValueError, RecursionError) as error:
        raise _refuse("report", f"not JSON ({type(error).__name__})") from None
    version = value.pop("version", None) if isinstance(value, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise _refuse("report", f"not a report of version {VERSION}")
    result: Comparison = _read(Comparison, value, "report")
    _require(0 < result.confidence < 1, result.confidence, "report.confidence")
    return result


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


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
    from mlops_kit.spec.build import field_types

    hints = field_types(cls)
    _require(isinstance(value, dict) and set(value) <= set(hints), value, where)
    # A report of an older version lacks the fields that came later; those have defaults.
    required = {item.name for item in fields(cls) if item.default is MISSING}
    _require(required <= set(value), value, where)
    for name, item in value.items():
        words = WORDS.get((cls, name))
        _require(words is None or item in words, item, f"{where}.{name}")
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
        _require(_is_number(value), value, where)
        return float(value)
    if wanted is bool:
        return _require(isinstance(value, bool), value, where)
    if wanted is int:
        return _require(isinstance(value, int) and _is_number(value) and abs(value) < 2**53, value, where)
    _require(wanted is str and isinstance(value, str) and len(value) <= MAX_TEXT, value, where)
    return value


def _is_number(value: Any) -> bool:
    """Return whether `value` is a number that a float can hold; a whole number of 400 digits is none."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _json_value(value: Any, where: str, depth: int) -> Any:
    _require(depth <= MAX_DEPTH, value, where)
    if isinstance(value, Mapping):
        _require(len(value) <= MAX_ROWS and all(len(key) <= MAX_TEXT for key in value), value, where)
        return {key: _json_value(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        _require(len(value) <= MAX_ROWS, value, where)
        return [_json_value(item, where, depth + 1) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        _require(_is_number(value), value, where)
    if isinstance(value, str):
        _require(len(value) <= MAX_TEXT, value, where)
    return value


def _require(fits: bool, value: Any, where: str) -> Any:
    if not fits:
        raise _refuse(where, f"unexpected {type(value).__name__}")
    return value
