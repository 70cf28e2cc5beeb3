"""The queue of a task, and which answers were given for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.labels.queue.model import QueuedItem, queue_path, read_queue


@dataclass(frozen=True)
class QueueFile:
    """The queue of a task."""

    lines: tuple[QueuedItem, ...] = ()
    """In the order of work."""
    mark: str = ""
    """What names of batches carry that are answered by this queue: `q` and the start of the file's SHA-256; empty without a queue."""

    def made(self, batch: str | None) -> bool:
        """Return whether the answers of `batch` were given for this queue. Without a queue all of them count."""
        return not self.mark or (batch is not None and f"-{self.mark}_" in batch)


def open_queue(root: Path, task: str) -> QueueFile:
    """Return the queue of a task; empty without one. Raises BadDataError, naming the line, for what is no queue."""
    lines = read_queue(root, task)
    if not lines:
        return QueueFile()
    content = queue_path(root, task).read_bytes()
    return QueueFile(lines, f"q{hashlib.sha256(content).hexdigest()[:8]}")
