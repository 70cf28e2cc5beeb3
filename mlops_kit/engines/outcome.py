"""What became of the stages of one run, told to whoever watches and folded into one result."""

from __future__ import annotations

from mlops_kit.engines._base import StageExit, StageLine, StageUsage
from mlops_kit.engines.watching import Overheard, RunStart, StageNews, Watcher
from mlops_kit.errors import MlopsKitError
from mlops_kit.outside.dvc import TAIL_LINES, ReproResult, StageState

FAILED = 255
"""The exit code of `dvc repro` when a stage fails."""


class Outcome:
    """Collects; the first failure in DVC's order is the one that is told."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.dvc = Overheard(watcher)
        """Passes on what DVC says while it reproduces a stage itself."""
        self._ran: list[tuple[str, float]] = []
        self._cached: list[str] = []
        self._skipped: list[str] = []
        self._codes: list[int] = []
        self._failures: list[tuple[int, str, tuple[str, ...]]] = []

    def begin(self, start: RunStart) -> None:
        """The run begins."""
        self.dvc.start(start)

    def started(self, name: str, reason: str) -> None:
        """The commands of a stage begin, for a reason in words."""
        self._watcher.change(StageNews(name, StageState.RUNNING, reason=reason))

    def say(self, name: str, *lines: str) -> None:
        """Lines about a stage that are not its own."""
        for line in lines:
            self._watcher.line(StageLine(name, line))

    def ran(self, name: str, usage: StageUsage, key: str) -> None:
        """The commands of a stage have run, and what they made is recorded under `key` of the run cache."""
        self._ran.append((name, usage.seconds))
        self._watcher.change(StageNews(name, StageState.RAN, usage, key))

    def restored(self, name: str, seconds: float) -> None:
        """The outputs of a stage came from an earlier run."""
        self._cached.append(name)
        self._watcher.change(StageNews(name, StageState.CACHED, StageUsage(seconds)))

    def skipped(self, name: str) -> None:
        """A stage has not changed."""
        self._skipped.append(name)
        self._watcher.change(StageNews(name, StageState.SKIPPED))

    def failed(self, name: str, place: int, lines: tuple[str, ...], ended: StageExit | None) -> None:
        """A stage has failed; `place` is its place in DVC's order, `lines` what it said, the last of them why."""
        self._failures.append((place, name, lines))
        if ended is not None and ended.code:
            self._codes.append(ended.code)
        usage = ended.usage if ended is not None else StageUsage()
        self._watcher.change(StageNews(name, StageState.FAILED, usage, reason=lines[-1]))

    def handed(self, name: str, place: int, result: ReproResult) -> None:
        """DVC has reproduced a stage, and has told whoever watches itself."""
        self._ran += result.ran
        self._cached += result.cached
        self._skipped += result.skipped
        self._codes += result.stage_codes
        if result.code:
            self._failures.append((place, result.failed or name, result.tail))

    def result(self) -> ReproResult:
        """Return all of it."""
        code, failed = 0, None
        tail: tuple[str, ...] = ()
        if self._failures:
            _, failed, lines = min(self._failures)
            code, tail = FAILED, lines[-TAIL_LINES:]
        return ReproResult(
            code,
            tuple(self._ran),
            tuple(self._cached),
            tuple(self._skipped),
            failed,
            tuple(self._codes),
            tail,
        )


def said(error: MlopsKitError | OSError) -> str:
    """Return what an error says, for people."""
    return error.message if isinstance(error, MlopsKitError) else str(error)


def complaint(ended: StageExit) -> tuple[str, ...]:
    """Return the last words of a stage whose command failed, as DVC has them."""
    return (
        f"ERROR: failed to reproduce '{ended.stage}': failed to run: {ended.command}, exited with {ended.code}",
    )
