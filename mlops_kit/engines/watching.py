"""Who watches a run hears the same things in the same order, whichever engine it is: a table, lines, events, the accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlops_kit.engines._base import StageExit, StageLine, StageUsage
from mlops_kit.outside.dvc import StageEvent, StageState


@dataclass(frozen=True)
class RunStart:
    """A run is about to begin."""

    stages: tuple[str, ...]
    """All stages that it looks at, in DVC's order; empty when that is not known before."""
    waiting: frozenset[str] = frozenset()
    """Those that will run as far as can be said before; a stage whose inputs come out as they were is skipped after all."""
    expected: Mapping[str, float] = field(default_factory=dict)
    """Stage -> seconds that it takes when it runs, where that is known."""
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Stage -> stages that it directly waits for."""
    jobs: int = 1
    """How many may run side by side."""


@dataclass(frozen=True)
class StageNews:
    """A stage has begun or is done."""

    stage: str
    """As DVC names it."""
    state: StageState
    """What it does now, or what became of it."""
    usage: StageUsage = field(default_factory=StageUsage)
    """What it used, once it is done; of a stage from the cache, `seconds` is what fetching took."""
    key: str = ""
    """Key of the run cache; empty where there is none."""
    reason: str = ""
    """Why it runs, or what went wrong, in words."""


class Watcher(Protocol):
    """Hears of a run; all calls come from one thread."""

    def begin(self, start: RunStart) -> None:
        """Hear what is about to run; called once, and first."""
        ...

    def change(self, news: StageNews) -> None:
        """Hear that a stage has begun or is done."""
        ...

    def line(self, line: StageLine) -> None:
        """Hear what a stage printed; its `stage` is empty for what nobody knows the origin of."""
        ...

    def memory(self, stage: str, size: int) -> None:
        """Hear how many bytes a running stage has resident now."""
        ...

    def finish(self) -> None:
        """Hear that the run is over, also when it failed or was interrupted; called once, and last."""
        ...


@dataclass(frozen=True)
class Watchers:
    """Several watchers as one."""

    watchers: Sequence[Watcher]
    """Who hears, in this order."""

    def begin(self, start: RunStart) -> None:
        """Tell all."""
        for watcher in self.watchers:
            watcher.begin(start)

    def change(self, news: StageNews) -> None:
        """Tell all."""
        for watcher in self.watchers:
            watcher.change(news)

    def line(self, line: StageLine) -> None:
        """Tell all."""
        for watcher in self.watchers:
            watcher.line(line)

    def memory(self, stage: str, size: int) -> None:
        """Tell all."""
        for watcher in self.watchers:
            watcher.memory(stage, size)

    def finish(self) -> None:
        """Tell all."""
        for watcher in self.watchers:
            watcher.finish()


class Overheard:
    """Tells a watcher what an engine says in single calls: states, lines, ends of commands, memory."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._current = ""
        self._begun = False
        self._said = ""
        self._usage: dict[str, StageUsage] = {}

    def start(self, start: RunStart) -> None:
        """Pass on what is about to run; without it the first other call says that nothing is known of it."""
        self._begun = True
        self._watcher.begin(start)

    def event(self, event: StageEvent) -> None:
        """Pass on that a stage has begun or is done, with what it used where `output` was told."""
        self._begin()
        self._current = event.stage if event.state is StageState.RUNNING else ""
        usage = self._usage.pop(event.stage, None) or StageUsage(event.seconds)
        self._watcher.change(StageNews(event.stage, event.state, usage))

    def line(self, text: str) -> None:
        """Pass on a line of output, unless `output` was just told the same."""
        self._begin()
        said, self._said = self._said, ""
        if text != said:
            self._watcher.line(StageLine(self._current, text))

    def output(self, output: StageLine | StageExit) -> None:
        """Pass on a line of a stage; keep what its commands used until it is done."""
        self._begin()
        if isinstance(output, StageExit):
            self._usage[output.stage] = output.usage
        else:
            self._said = output.text
            self._watcher.line(output)

    def tick(self, memory: Mapping[str, int]) -> None:
        """Pass on how many bytes each running stage has resident."""
        for stage, size in memory.items():
            self._watcher.memory(stage, size)

    def finish(self) -> None:
        """Pass on that the run is over."""
        self._begin()
        self._watcher.finish()

    def _begin(self) -> None:
        if not self._begun:
            self.start(RunStart(()))
