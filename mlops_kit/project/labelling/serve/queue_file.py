"""Reading the queue of a task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_kit.errors import BadDataError
from mlops_kit.labels.asking.board import Prelabel
from mlops_kit.labels.asking.queue import QueueFile, QueueLine
from mlops_kit.labels.places import QUEUE


def read_queue(root: Path, task: str) -> QueueFile:
    """Return the queue of a task; empty without one. Raises BadDataError, naming the line, for what is no queue."""
    path = root / QUEUE / f"{task}.jsonl"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return QueueFile()
    lines = tuple(_lines(content.decode("utf-8", "replace"), f"{QUEUE}/{path.name}", task))
    mark = f"q{hashlib.sha256(content).hexdigest()[:8]}" if lines else ""
    return QueueFile(lines, mark)


def _lines(text: str, where: str, task: str) -> Iterator[QueueLine]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            made: dict[str, Any] = json.loads(line)
            given = made.get("prelabel")
            prelabel = None if given is None else Prelabel(given["value"], given.get("probability"))
            yield QueueLine(str(made["item"]), str(made.get("strategy", "")), prelabel)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadDataError(
                f"{where}:{number}: no item of a queue", fix=f"make it again: mlops-kit label queue {task}"
            ) from None
