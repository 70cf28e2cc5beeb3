"""The queue: its lines, its file, and what was found while it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.errors import BadDataError
from mlops_kit.labels.places import QUEUE
from mlops_kit.spec.kinds import JsonValue

AGAIN = ("disagreeing", "mislabelled", "review")
"""Strategies that ask about items that have their answers already: one more person is to look at each."""


@dataclass(frozen=True)
class Prelabel:
    """What the model would answer."""

    value: JsonValue
    """A class, a list of classes or a number, as an event has it."""
    probability: float | None = None
    """How sure the model is, 0 to 1; None for numbers."""


@dataclass(frozen=True)
class QueuedItem:
    """One line of `labels/queue/<task>.jsonl`; the order of lines is the order of work. A gold question looks like every other line."""

    item: str
    """Name of the item (`labels/items.py`)."""
    content: str
    """Hash of what is shown, as it was when the item was queued."""
    strategy: str
    """Why it is here; a gold question stands under the strategy of the place that it takes."""
    prelabel: Prelabel | None = None
    """What the model would answer; None without a model that answers this task."""

    @property
    def again(self) -> bool:
        """Return whether the item is to be answered once more, although it may have as many answers as the task asks for."""
        return self.strategy in AGAIN


@dataclass(frozen=True)
class Pick:
    """An item of the queue with what its line keeps to itself."""

    item: QueuedItem
    score: float | None = None
    """How much the strategy wants it; None for gold questions and where a strategy does not rank."""
    gold: bool = False
    """Whether the answer is known, so that it tests annotators."""


@dataclass(frozen=True)
class Queued:
    """What `label queue` made."""

    task: str
    """Task of labels/labels.yaml."""
    picks: tuple[Pick, ...]
    """In the order of the file."""
    pool: Mapping[str, int]
    """How many items there are: `items`, `open` (fewer answers than `votes`, not decided), `answered`, `decided`, `gold`, `waiting` (in an
    export that has not come back)."""
    found: Mapping[str, int]
    """Strategy -> how many items it could have taken."""
    taken: Mapping[str, int]
    """Strategy -> how many places it has in the queue, gold questions among them."""
    notes: tuple[str, ...] = ()
    """What was not possible, and why."""
    path: str = ""
    """Where the queue lies, relative to the project."""
    written: bool = False
    """Whether the file changed."""
    seed: int = 0
    """Seed of what was drawn at random."""
    budget: int = 0
    """How many items were asked for."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """File -> SHA-256 of what the queue was made from."""


def queue_line(queued: QueuedItem) -> str:
    """Return the item as one line of JSON, with its newline; equal items give equal lines."""
    made: dict[str, Any] = {"item": queued.item, "content": queued.content, "strategy": queued.strategy}
    if queued.prelabel is not None:
        made["prelabel"] = {"value": queued.prelabel.value, "probability": queued.prelabel.probability}
    return json.dumps(made, ensure_ascii=False, allow_nan=False) + "\n"


def queue_text(items: Iterable[QueuedItem]) -> str:
    """Return the text of a queue file."""
    return "".join(map(queue_line, items))


def queue_path(root: Path, task: str) -> Path:
    """Return where the queue of a task lies, whether it is there or not."""
    return root / QUEUE / f"{task}.jsonl"


def read_queue(root: Path, task: str) -> tuple[QueuedItem, ...]:
    """Return the queue of a task in its order; empty when there is none. Raises BadDataError, naming the line, for what is no queue."""
    path = queue_path(root, task)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    return tuple(
        _parsed(line, f"{QUEUE}/{path.name}:{number}", task)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    )


def _parsed(line: str, where: str, task: str) -> QueuedItem:
    try:
        made = json.loads(line)
        given = made.get("prelabel")
        prelabel = None if given is None else Prelabel(given["value"], given.get("probability"))
        return QueuedItem(str(made["item"]), str(made["content"]), str(made["strategy"]), prelabel)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadDataError(
            f"{where}: no item of a queue (`item`, `content` and `strategy` as JSON)",
            fix=f"make it again: mlops-kit label queue {task}",
        ) from None
