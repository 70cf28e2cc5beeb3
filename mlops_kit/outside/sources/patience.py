"""How long to go on with a source that does not answer: a few times in a row, with growing pauses, as long as nothing comes at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mlops_kit.errors import OutsideError

LONGEST_PAUSE = 30.0


@dataclass
class Patience:
    """Counts failures in a row. A source that drops every connection after some bytes is read to its end: each byte counts as progress."""

    attempts: int = 5
    """How many failures in a row, without anything new between them, are the end."""
    time_limit: float = 6 * 3600.0
    """Seconds after which it is the end in any case."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for so many seconds."""
    failures: int = 0
    """Failures since the last progress."""
    started: float = field(default_factory=time.monotonic)
    """When it began."""

    def check_time(self) -> None:
        """Raise OutsideError when the time is over."""
        if time.monotonic() - self.started > self.time_limit:
            raise OutsideError(
                f"not done after {self.time_limit:.0f} seconds",
                fix="run mlops-kit acquire again, which goes on, or raise time_limit in params.yaml",
            )

    def failed(self, message: str, *, after_progress: bool = False, wait: float | None = None) -> None:
        """Wait before the next attempt (not after progress); raise OutsideError with `message` when it was the last one.

        `wait` is what the source asked for, in seconds.
        """
        self.failures = 0 if after_progress else self.failures + 1
        if self.failures >= self.attempts:
            raise OutsideError(
                f"{message} ({self.attempts} times in a row)", fix="mlops-kit acquire, when it answers again"
            )
        self.check_time()
        if not after_progress:
            self.sleep(min(LONGEST_PAUSE, wait if wait is not None else 0.5 * 2.0**self.failures))
