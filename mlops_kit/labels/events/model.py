"""One label event: who gave which value to which item, when, under which guideline."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import EventRole, EventSource

if TYPE_CHECKING:
    import pyarrow as pa

ID_LENGTH = 20
NUMBERS = ("confidence", "seconds")


@dataclass(frozen=True)
class LabelEvent:
    """One answer. In JSON the fields stand in this order, and what is None or a default is left out."""

    item: str
    """Name of the item: its key as text (`labels/items.py`)."""
    task: str
    """Task of labels/labels.yaml."""
    value: JsonValue
    """The answer: a class, a list of classes, a number, a list of spans (`{"start", "end", "label"}`, characters from 0, end exclusive), a list of boxes
    (`{"x", "y", "width", "height", "label"}`, shares of the image from its upper left corner), or JSON by the task's schema; None when the
    annotator cannot tell, or takes back what `supersedes` names."""
    annotator: str
    """Pseudonym."""
    time: str
    """When, UTC: `2026-11-21T09:30:00.000Z`."""
    source: EventSource = "person"
    """What kind of annotator."""
    role: EventRole = "vote"
    """`vote`; `adjudication`, which decides an item; `gold`, whose answer is known to be right and tests annotators."""
    content: str | None = None
    """Hash of what was shown (`labels/items.py`)."""
    confidence: float | None = None
    """How sure the annotator is, 0 to 1."""
    seconds: float | None = None
    """How long the answer took."""
    guideline: str | None = None
    """Version of the guidelines."""
    batch: str | None = None
    """Batch, which is the name of the file too."""
    tool: str | None = None
    """Program that took the answer."""
    supersedes: str | None = None
    """Id of the event that this one replaces."""
    reason: str | None = None
    """Why, in the annotator's words."""

    @cached_property
    def id(self) -> str:
        """The event's id: 20 hexadecimal digits (80 bits) of the SHA-256 of what the event says; the file that it is in does not count."""
        said = {**_said(self), "batch": None}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


COLUMNS: tuple[str, ...] = ("id", *(field.name for field in fields(LabelEvent)))
"""Columns of events in Parquet, and keys in JSON lines, in this order; `value` is JSON text in Parquet."""


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(LabelEvent)}


def _said(event: LabelEvent) -> dict[str, Any]:
    said = {name: getattr(event, name) for name in _DEFAULTS}
    for name in NUMBERS:
        said[name] = _real(said[name])
    return said


def _real(value: float | None) -> float | None:
    """3 and 3.0 are one number, which Parquet cannot tell apart."""
    return None if value is None else float(value)


def event_line(event: LabelEvent) -> str:
    """Return the event as one line of JSON, with its newline; equal events give equal lines. Keys inside of a value are in order."""
    said = _said(event)
    if isinstance(event.value, list | dict):
        said["value"] = json.loads(json.dumps(event.value, sort_keys=True))
    kept = {name: value for name, value in said.items() if name == "value" or value != _DEFAULTS[name]}
    return json.dumps({"id": event.id, **kept}, ensure_ascii=False, allow_nan=False) + "\n"


def event_schema() -> pa.Schema:
    """Return the columns of events in Parquet."""
    import pyarrow as pa

    return pa.schema([pa.field(name, pa.float64() if name in NUMBERS else pa.string()) for name in COLUMNS])
