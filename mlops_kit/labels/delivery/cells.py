"""Values as cells of a spreadsheet and back. What a cell says can never become a formula."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from mlops_kit.labels.delivery.model import CANNOT_TELL
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

# What spreadsheets take for a formula, by the OWASP page on CSV injection; the apostrophe stands for itself, so that it can be taken away.
_ACTIVE = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
BETWEEN = ";"


def guard(text: str) -> str:
    """Return `text` such that a spreadsheet shows it and runs nothing: an apostrophe before what starts like a formula; numbers stay."""
    return f"'{text}" if text[:1] in _ACTIVE and text and not _NUMBER.fullmatch(text) else text


def unguard(cell: str) -> str:
    """Return what was given to `guard`; other texts stay as they are."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _ACTIVE and len(cell) > 1 else cell


def cell_of(value: JsonValue) -> str:
    """Return a shown value or an answer as a guarded cell: None is empty, lists and objects are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return guard(value)
    return guard(_compact(value))


def answer_cell(value: JsonValue, task: LabelTask) -> str:
    """Return an answer as read_answer takes it: several classes with `;` between them."""
    if task.type == "classes" and isinstance(value, list):
        texts = [str(each) for each in value]
        return guard(
            _compact(value) if any(BETWEEN in text for text in texts) or not texts else BETWEEN.join(texts)
        )
    return CANNOT_TELL if value is None else cell_of(value)


def read_answer(cell: str, task: LabelTask) -> JsonValue:
    """Return the answer that a cell with a text gives, by the type of the task.

    `?` is None, cannot tell, unless the task has such a class. A class may be written in other case or with spaces round it when only one class
    can be meant. What cannot be read comes back as the text itself: the rules for events refuse it and say why.
    """
    text = unguard(cell.strip()).strip()
    if text == CANNOT_TELL and text not in task.classes:
        return None
    if task.type == "class":
        return as_class(text, task)
    if task.type == "classes":
        return _several(text, task)
    return _number(text) if task.type == "number" else _json(text)


def as_class(text: str, task: LabelTask) -> str:
    """Return the class that `text` names, else `text`."""
    if text in task.classes:
        return text
    alike = [name for name in task.classes if name.casefold() == text.strip().casefold()]
    return alike[0] if len(alike) == 1 else text


def utc_time(text: str) -> str | None:
    """Return a time as events have it, `2026-11-21T09:30:00.000Z`; one without a zone is UTC. None when it is no time."""
    try:
        when = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        when = when.replace(tzinfo=dt.UTC) if when.tzinfo is None else when.astimezone(dt.UTC)
    except OverflowError:
        return None
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _several(text: str, task: LabelTask) -> JsonValue:
    if text.startswith("["):
        return _json(text)
    if text in task.classes:
        return [text]
    return [as_class(part.strip(), task) for part in text.split(BETWEEN) if part.strip()]


def _number(text: str) -> JsonValue:
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    if abs(number) == float("inf"):
        return text
    return (
        int(number) if number.is_integer() and abs(number) < 1e15 else number
    )  # 10, 10.0 and 1e1 are one answer


def _json(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _compact(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
