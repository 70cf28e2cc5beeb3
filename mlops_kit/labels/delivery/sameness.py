"""Whether two answers say the same."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

_DIGITS = 1e-9
OVERLAP = 0.5
"""Share of overlap (intersection over union) from which two marked places count as the same: the usual bound of object detection (PASCAL VOC)."""


def said(value: JsonValue) -> str:
    """Return an answer as a text that is equal for equal answers: the order of classes, spans and keys does not count, 3 is 3.0."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(_ordered(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def agrees(task: LabelTask, answer: JsonValue, truth: JsonValue) -> bool:
    """Return whether `answer` is right by `truth`: equal classes, sets of classes, JSON; numbers within `acceptance.tolerance`; spans whose marked
    characters, and boxes that one by one, overlap by OVERLAP with the same label."""
    if answer is None or truth is None:
        return answer is truth
    if _is_number(answer) and _is_number(truth):
        return abs(answer - truth) <= task.acceptance.tolerance + _DIGITS * abs(truth)
    if task.type == "spans":
        return _spans_agree(answer, truth)
    if task.type == "boxes":
        return _boxes_agree(answer, truth)
    return said(answer) == said(truth)


def _ordered(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(map(_ordered, value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, dict):
        return {key: _ordered(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _spans_agree(answer: Any, truth: Any) -> bool:
    try:
        marked = [
            {(at, part["label"]) for part in parts for at in range(int(part["start"]), int(part["end"]))}
            for parts in (answer, truth)
        ]
    except (TypeError, KeyError, ValueError):
        return False
    union = marked[0] | marked[1]
    return not union or len(marked[0] & marked[1]) / len(union) >= OVERLAP


def _boxes_agree(answer: Any, truth: Any) -> bool:
    try:
        left = list(answer)
        for box in truth:
            fits = [each for each in left if each["label"] == box["label"]]
            best = max(fits, key=lambda each: _overlap(each, box), default=None)
            if best is None or _overlap(best, box) < OVERLAP:
                return False
            left.remove(best)
    except (TypeError, KeyError, ValueError):
        return False
    return not left


def _overlap(one: Any, other: Any) -> float:
    sides = []
    for at, size in (("x", "width"), ("y", "height")):
        end = min(one[at] + one[size], other[at] + other[size])
        sides.append(max(0.0, end - max(one[at], other[at])))
    shared = sides[0] * sides[1]
    whole = one["width"] * one["height"] + other["width"] * other["height"] - shared
    return float(shared / whole) if whole > 0 else 0.0


def _is_number(value: JsonValue) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
