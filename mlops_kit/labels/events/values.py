"""Which values a task takes as answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

Fault: TypeAlias = Literal["wrong_type", "outside_task"]


def value_fault(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    """Return what is wrong with `value` as an answer to `task`, and why in words; None for a good one and for None, which cannot tell.

    `wrong_type`: it could never be an answer. `outside_task`: it is of the right form, but names a class that the task does not have, or a
    number or place outside its bounds. An answer to a `json` task is held against its schema by `schemas.py`.
    """
    return None if value is None else _CHECKS[task.type](task, value)


def _class(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    if not isinstance(value, str):
        return "wrong_type", "a class is a text"
    return None if value in task.classes else _no_class(task, [value])


def _classes(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return "wrong_type", "classes are a list of texts"
    if len(set(map(str, value))) < len(value):
        return "wrong_type", "a class is named twice"
    return _no_class(task, [str(each) for each in value])


def _number(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    if not _is_number(value):
        return "wrong_type", "not a number"
    assert isinstance(value, int | float)
    low, high = task.min, task.max
    if (low is not None and value < low) or (high is not None and value > high):
        return "outside_task", f"not between {_bound(low)} and {_bound(high)}"
    return None


def _spans(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    for each in _parts(value):
        if each is None or set(each) != {"start", "end", "label"}:
            return "wrong_type", "spans are a list of {start, end, label}"
        start, end = each["start"], each["end"]
        if not _is_whole(start) or not _is_whole(end) or not 0 <= start < end:
            return "wrong_type", "a span starts at 0 or later and ends after its start"
    return _labels(task, value)


def _boxes(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    sides = ("x", "y", "width", "height")
    for each in _parts(value):
        if (
            each is None
            or set(each) != {*sides, "label"}
            or not all(_is_number(each[side]) for side in sides)
        ):
            return "wrong_type", "boxes are a list of {x, y, width, height, label}"
        if each["width"] <= 0 or each["height"] <= 0:
            return "wrong_type", "a box has a width and a height"
        ends = (each["x"] + each["width"], each["y"] + each["height"])
        if min(each["x"], each["y"]) < 0 or max(ends) > 1 + 1e-9:
            return "outside_task", "a box reaches out of the image"
    return _labels(task, value)


_CHECKS: dict[str, Callable[[LabelTask, JsonValue], tuple[Fault, str] | None]] = {
    "class": _class,
    "classes": _classes,
    "number": _number,
    "spans": _spans,
    "boxes": _boxes,
    "json": lambda _task, _value: None,
}


def _labels(task: LabelTask, value: JsonValue) -> tuple[Fault, str] | None:
    labels = [each["label"] for each in _parts(value) if each]
    if not all(isinstance(label, str) for label in labels):
        return "wrong_type", "a label is a text"
    return _no_class(task, labels)


def _no_class(task: LabelTask, names: list[Any]) -> tuple[Fault, str] | None:
    unknown = sorted({name for name in names if name not in task.classes})
    return ("outside_task", f"no class of the task: {', '.join(unknown)[:200]}") if unknown else None


def _parts(value: JsonValue) -> list[dict[str, Any] | None]:
    return [each if isinstance(each, dict) else None for each in value] if isinstance(value, list) else [None]


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bound(value: float | None) -> str:
    return "any number" if value is None else f"{value:g}"
