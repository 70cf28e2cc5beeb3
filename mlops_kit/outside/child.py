"""A started program as the engine sees it, whether it began as a fresh process or in a fork."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Ended:
    """How a program ended and what it used."""

    code: int
    """Its exit code; negative for the signal that ended it."""
    seconds: float = 0.0
    """Wall clock time from its start."""
    cpu_seconds: float = 0.0
    """Processor time of it and of all that it started and waited for."""
    peak_bytes: int = 0
    """Largest resident memory of one of these processes."""
    started: bool = True
    """Whether it ever began; where it did not, nothing of it has happened and it can be started in another way."""


class Child(Protocol):
    """A program that runs in a session of its own. Its output goes to the descriptor that it was started with."""

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's as well; 0 while it waits to begin."""
        ...

    @property
    def warm(self) -> bool:
        """Whether it runs in a fork of a process that had its libraries imported."""
        ...

    def fileno(self) -> int:
        """Return a descriptor that is readable when `poll` has something to look at."""
        ...

    def poll(self) -> Ended | None:
        """Return how it ended; None while it has not."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to it and to its process group; what has not begun never begins, and counts as ended by the signal."""
        ...

    def close(self) -> None:
        """Free what is held for it; does not end it."""
        ...


class WarmStarter(Protocol):
    """Something that starts Python programs faster than afresh, where nobody could tell the difference."""

    def start(
        self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdout: int
    ) -> Child | None:
        """Start the program `argv`; None, and nothing has happened, where it has to be started afresh."""
        ...

    def close(self) -> None:
        """End what is needed for it and every program that still runs."""
        ...
