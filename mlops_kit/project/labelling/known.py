"""What is known of the items of a task, for what goes out next and for judging what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_kit.labels.delivery.choosing import Known
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.places import EVENTS, QUEUE
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Labelling


def known_answers(root: Path, task: str, labelling: Labelling) -> Known:
    """Return how many annotators answered for each item of a task, and which items are decided."""
    del labelling
    answers: dict[str, set[str]] = {}
    gold, decided = set(), set()
    for event in raw_events(root, task):
        if event.get("role", "vote") == "vote" and event.get("value") is not None:
            answers.setdefault(event["item"], set()).add(event["annotator"])
        if event.get("role") == "gold":
            gold.add(event["item"])
        if event.get("role") in ("gold", "adjudication"):
            decided.add(event["item"])
    return Known({item: len(who) for item, who in answers.items()}, gold, decided)


def queued_items(root: Path, task: str) -> dict[str, tuple[JsonValue, float | None]]:
    """Return the queue of a task: item -> the model's answer and its probability, in the order of the queue; empty without one."""
    path = root / QUEUE / f"{task}.jsonl"
    if not path.exists():
        return {}
    made: dict[str, tuple[JsonValue, float | None]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        model = entry.get("prelabel") or {}
        made[entry["item"]] = (model.get("value"), model.get("probability"))
    return made


def raw_events(root: Path, task: str) -> Iterator[dict[str, Any]]:
    """Yield the accepted events of a task as JSON objects."""
    for path in sorted((root / EVENTS).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get("task") == task:
                yield event


def event_of(told: dict[str, Any]) -> LabelEvent:
    """Return a JSON object of an accepted event as a value."""
    return LabelEvent(**{key: value for key, value in told.items() if key != "id"})
