"""The queue of a task, as far as the page needs it."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_kit.labels.asking.board import Prelabel


@dataclass(frozen=True)
class QueueLine:
    """One line of the queue, as far as the page needs it."""

    item: str
    strategy: str
    prelabel: Prelabel | None = None


@dataclass(frozen=True)
class QueueFile:
    """The queue of a task."""

    lines: tuple[QueueLine, ...] = ()
    """In the order of work."""
    mark: str = ""
    """What names of batches carry that are answered by this queue; empty without one."""

    def made(self, batch: str | None) -> bool:
        """Return whether the answers of `batch` were given for this queue. Without a queue all of them count."""
        return not self.mark or (batch is not None and f"-{self.mark}_" in batch)
