"""What is handed out, what comes back, and the record of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.spec.kinds import JsonValue

CANNOT_TELL = "?"
"""What an annotator writes into a cell when the item cannot be judged."""


@dataclass(frozen=True)
class OutItem:
    """One item as it goes out."""

    item: str
    """Its name."""
    content: str
    """Hash of what is shown."""
    data: Mapping[str, JsonValue]
    """Column -> what is shown, in order: numbers, booleans, texts, None."""
    suggestion: JsonValue = None
    """The model's own answer, if there is one."""
    probability: float | None = None
    """How sure the model is, 0 to 1."""


@dataclass(frozen=True)
class OutBatch:
    """What goes out under one name."""

    batch: str
    """Its name."""
    task: str
    """Task of labels/labels.yaml."""
    guideline: str | None
    """Version of the guidelines."""
    items: tuple[OutItem, ...]
    """In the order in which they are to be labelled."""


@dataclass(frozen=True)
class Answer:
    """One answer as it came back, before it is an event."""

    place: str
    """Where it stands: `line 7`, `task 12`."""
    item: str
    """Name of the item."""
    value: JsonValue
    """The answer, read by the type of the task where that is possible; else the text as it is, which the rules for events then judge."""
    annotator: str | None = None
    """Who, as the file says."""
    time: str | None = None
    """When, UTC."""
    seconds: float | None = None
    """How long it took."""
    confidence: float | None = None
    """How sure the annotator is, 0 to 1."""
    reason: str | None = None
    """Comment."""
    content: str | None = None
    """Hash of what was shown, if the file says."""
    guideline: str | None = None
    """Version of the guidelines, if the file says."""
    supersedes: str | None = None
    """Id of the event that it replaces, if the file says."""


@dataclass(frozen=True)
class BadRow:
    """A piece of a file that is no answer."""

    place: str
    """Where it stands."""
    reason: str
    """Why it is none."""
    text: str
    """The piece, at most 500 characters of it."""


@dataclass(frozen=True)
class Delivery:
    """What a file holds."""

    answers: tuple[Answer, ...]
    """In the order of the file."""
    empty: int = 0
    """Items that came back without an answer."""
    bad: tuple[BadRow, ...] = ()
    """What could not be read."""
    batch: str | None = None
    """The export that the file answers, if it says; None when it names several."""


@dataclass(frozen=True)
class Manifest:
    """labels/batches/<batch>.json: what went out, what came back, and what was decided. No data, no names."""

    batch: str
    """Name of the batch."""
    task: str
    """Task of labels/labels.yaml."""
    exported: Mapping[str, Any] | None = None
    """When (`time`), how (`format`), `guideline`, `columns`, and how many `gold` and `suggested`; None for what we did not hand out."""
    items: Mapping[str, str] = field(default_factory=dict)
    """Item -> content hash, of what went out, in its order."""
    answers: str | None = None
    """The export that this delivery answers, when it has another name."""
    deliveries: tuple[Mapping[str, Any], ...] = ()
    """One for each file that came back: SHA-256, counts, checks and the verdict."""
