"""Where a run stands: which stages run for how long, how much memory they have, what they said last, and how much is left."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.inert import visible

# What programs send to a terminal to colour and to move; what an operating system command (links, titles) carries goes with it.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\|$)|\x1b[@-Z\\^_]")


@dataclass(frozen=True)
class RunningStage:
    """A stage that runs now."""

    stage: str
    """As DVC names it."""
    seconds: float
    """For how long."""
    left: float | None
    """Seconds that it probably still takes; None when it never ran here, or takes longer than it ever did."""
    memory: int
    """Bytes that it has resident; 0 when unknown."""
    line: str
    """What it printed last, inert and on one line."""


@dataclass(frozen=True)
class Standing:
    """Where a run stands at one moment."""

    running: tuple[RunningStage, ...]
    """What runs, the longest first."""
    waiting: tuple[str, ...]
    """What will probably run, in DVC's order."""
    counts: Mapping[StageState, int]
    """How many stages are done, by what became of them."""
    total: int
    """Stages that are looked at; 0 when that is not known."""
    seconds: float
    """For how long the run goes on."""
    left: float
    """Seconds that it probably still takes, as far as anything is known."""
    certain: bool
    """Whether that is known of every stage that is left; otherwise it takes longer."""
    begun: bool = True
    """Whether it is known what there is to do."""


@dataclass
class _Row:
    began: float
    memory: int = 0
    line: str = ""


@dataclass
class Board:
    """Collects what is heard of a run; a watcher. What it says may be read from another thread."""

    clock: Callable[[], float] = time.monotonic
    """Seconds that go on."""
    _start: RunStart = field(default_factory=lambda: RunStart(()))
    _began: float = 0.0
    _begun: bool = False
    _rows: dict[str, _Row] = field(default_factory=dict)
    _done: dict[str, StageState] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def begin(self, start: RunStart) -> None:
        """Take over what is about to run."""
        self._start, self._began, self._begun = start, self.clock(), True

    def knows(self, stage: str) -> bool:
        """Return whether the stage runs or is done."""
        return stage in self._rows or stage in self._done

    def change(self, news: StageNews) -> None:
        """Take over that a stage has begun or is done."""
        with self._lock:
            if news.state is StageState.RUNNING:
                self._rows[news.stage] = _Row(self.clock())
            else:
                self._rows.pop(news.stage, None)
                self._done[news.stage] = news.state

    def line(self, line: StageLine) -> None:
        """Take over what a stage printed last; of a line that overwrites itself the last state."""
        text = last_words(line.text)
        row = self._rows.get(line.stage)
        if text and row:
            row.line = text

    def memory(self, stage: str, size: int) -> None:
        """Take over how many bytes a stage has resident now."""
        row = self._rows.get(stage)
        if row:
            row.memory = size

    def finish(self) -> None:
        """Forget what still seemed to run."""
        with self._lock:
            self._rows.clear()

    def standing(self) -> Standing:
        """Return where the run stands now."""
        now = self.clock()
        with self._lock:
            rows, done = dict(self._rows), dict(self._done)
        waiting = tuple(
            stage
            for stage in self._start.stages
            if stage in self._start.waiting and stage not in done and stage not in rows
        )
        elapsed = {stage: now - row.began for stage, row in rows.items()}
        left, certain = time_left(self._start, elapsed, waiting)
        running = [
            RunningStage(stage, elapsed[stage], self._left(stage, elapsed[stage]), row.memory, row.line)
            for stage, row in rows.items()
        ]
        return Standing(
            tuple(sorted(running, key=lambda one: -one.seconds)),
            waiting,
            Counter(done.values()),
            len(self._start.stages),
            now - self._began,
            left,
            certain,
            self._begun,
        )

    def _left(self, stage: str, elapsed: float) -> float | None:
        expected = self._start.expected.get(stage)
        return None if expected is None or elapsed > expected else expected - elapsed


def time_left(start: RunStart, running: Mapping[str, float], waiting: Collection[str]) -> tuple[float, bool]:
    """Return the seconds that a run probably still takes, and whether every stage that is left has run here before.

    `running` is stage -> seconds so far. The longest chain of what is left, or the work of all of it shared by all jobs, whichever is
    more: no order of the stages is faster than these (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969).
    """
    known = start.expected
    own = {stage: max(known.get(stage, 0.0) - spent, 0.0) for stage, spent in running.items()}
    own |= {stage: known.get(stage, 0.0) for stage in waiting}
    chains: dict[str, float] = {}
    for stage in start.stages or tuple(own):  # those that others wait for come first
        ahead = max((chains.get(other, 0.0) for other in start.before.get(stage, ())), default=0.0)
        chains[stage] = ahead + own.get(stage, 0.0)
    longest = max(chains.values(), default=0.0)
    late = any(spent > known[stage] for stage, spent in running.items() if stage in known)
    return max(longest, sum(own.values()) / max(start.jobs, 1)), not late and own.keys() <= known.keys()


def last_words(text: str) -> str:
    """Return what a line of a program's output shows in the end: without colours, and of progress bars the last state."""
    plain = _CONTROL.sub("", text[-2000:])
    parts = [part.strip() for part in plain.split("\r")]
    return visible(next((part for part in reversed(parts) if part), ""))
