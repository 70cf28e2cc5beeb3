"""Events of labelling written as files, from short lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.kinds import load_artifact
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.events.model import LabelEvent, event_line

Vote = tuple[str, str, Any] | tuple[str, str, Any, Mapping[str, Any]]
"""Item, annotator, value, and further fields of the event."""


def event_of(vote: Vote, number: int, task: str = "late") -> LabelEvent:
    """Return the event; each is a second later than the one before."""
    item, annotator, value, *more = vote
    time = f"2026-11-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
    said = {"task": task, "time": time, **(more[0] if more else {})}
    return LabelEvent(item=item, value=value, annotator=annotator, **said)


def event_files(folder: Path, votes: Iterable[Vote], *, task: str = "late", batches: int = 1) -> EventFiles:
    """Write the votes as `batches` files below `folder`, in turn, and return them as a step gets them."""
    place = folder / "labels" / "events"
    place.mkdir(parents=True, exist_ok=True)
    lines: list[list[str]] = [[] for _ in range(batches)]
    for number, vote in enumerate(votes):
        lines[number % batches].append(event_line(event_of(vote, number, task)))
    for number, part in enumerate(lines):
        (place / f"b{number}.jsonl").write_text("".join(part), encoding="utf-8", newline="\n")
    found: EventFiles = load_artifact("LabelEvents", place)
    return found
