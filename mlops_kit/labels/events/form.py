"""The form of an event that came from outside: every field there, of its type, in its bounds, and the id that of what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any, get_args

from mlops_kit.labels.events.model import COLUMNS, LabelEvent
from mlops_kit.spec.labels import EventRole, EventSource

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_FIELDS = {field.name: field for field in fields(LabelEvent)}
_REQUIRED = tuple(name for name, field in _FIELDS.items() if field.default is MISSING and name != "value")
_NUMBERS = ("confidence", "seconds")
_ONE_OF: dict[str, tuple[str, ...]] = {"source": get_args(EventSource), "role": get_args(EventRole)}
_LONGEST = 4096


class NotEventError(Exception):
    """What came is no event; `rule` of `rules.py`, and why in words."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(why)
        self.rule = rule
        self.why = why


def parse_line(line: str | bytes) -> dict[str, Any]:
    """Return the object that a line of JSON holds. Raises NotEventError when it holds none, or names a key twice."""
    try:
        text = line if isinstance(line, str) else line.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotEventError("not_json", f"no JSON: {error}"[:300]) from None
    if not isinstance(found, dict):
        raise NotEventError("not_json", "a JSON object is needed")
    return found


def event_of(said: Mapping[str, Any], *, need_id: bool = False) -> LabelEvent:
    """Return the event that `said` is, by the names of its fields. An `id` must be that of what the event says; without `need_id` it may be
    missing. Raises NotEventError."""
    unknown = sorted(str(name) for name in said if name not in COLUMNS)
    if unknown:
        raise NotEventError("bad_field", f"unknown field {', '.join(unknown)}"[:300])
    for name in (*_REQUIRED, *(["id"] if need_id else [])):
        if said.get(name) in (None, ""):
            raise NotEventError("bad_field", f"`{name}` is missing")
    given = {name: _field(name, value) for name, value in said.items() if name != "id" and value is not None}
    event = LabelEvent(**{"value": None, **given})
    try:
        known = event.id
    except (ValueError, RecursionError) as error:  # lone surrogates, numbers that are none
        raise NotEventError("bad_field", f"a field cannot be written as UTF-8 JSON: {error}"[:300]) from None
    if said.get("id") is not None and said["id"] != known:
        raise NotEventError(
            "bad_id", f"the id is {str(said['id'])[:40]}, of what the event says it is {known}"
        )
    return event


def moment_of(time: str) -> datetime:
    """Return an event's time. Raises NotEventError when it is not UTC in the form of events."""
    try:
        if _TIME.fullmatch(time):
            return datetime.fromisoformat(time).astimezone(UTC)
    except ValueError:
        pass
    raise NotEventError("bad_time", f"`{time[:40]}` is no UTC time such as 2026-11-21T09:30:00.000Z")


def _field(name: str, value: Any) -> Any:
    if name == "value":
        return value
    if name in _NUMBERS:
        return _number(name, value)
    if not isinstance(value, str):
        raise NotEventError("bad_field", f"`{name}` is a {type(value).__name__}, not a text")
    if len(value) > _LONGEST:
        raise NotEventError("bad_field", f"`{name}` has more than {_LONGEST:,} characters")
    if name in _ONE_OF and value not in _ONE_OF[name]:
        raise NotEventError("bad_field", f"`{name}` is one of {', '.join(_ONE_OF[name])}, not `{value[:40]}`")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotEventError("bad_field", f"`{name}` is a {type(value).__name__}, not a number")
    top = 1.0 if name == "confidence" else 1e9
    if not 0 <= value <= top:
        raise NotEventError("bad_field", f"`{name}` is {value}, not between 0 and {top:g}")
    return float(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")
