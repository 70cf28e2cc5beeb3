"""A watcher for callers that want to hear of two things alone: states of stages, and lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageEvent


@dataclass(frozen=True)
class Callbacks:
    """Calls two functions."""

    on_event: Callable[[StageEvent], None] = lambda event: None
    """Hears that a stage has begun or is done."""
    on_line: Callable[[str], None] = lambda line: None
    """Hears every line."""

    def begin(self, start: RunStart) -> None:
        """Ignore what is about to run."""

    def change(self, news: StageNews) -> None:
        """Pass on a state."""
        self.on_event(StageEvent(news.stage, news.state, news.usage.seconds))

    def line(self, line: StageLine) -> None:
        """Pass on a line."""
        self.on_line(line.text)

    def memory(self, stage: str, size: int) -> None:
        """Ignore what is resident."""

    def finish(self) -> None:
        """Ignore the end."""
