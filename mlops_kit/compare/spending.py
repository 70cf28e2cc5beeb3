"""What running the stages was expected to take, and what it cost, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PlanState = Literal["run", "perhaps", "cached", "record", "missing"]


@dataclass(frozen=True)
class PlannedStage:
    """What was expected of one stage before the run."""

    stage: str
    """As DVC names it."""
    expected: PlanState
    """Its commands run, or may; its outputs come from the cache; a .dvc file takes new content; data is not here."""
    why: str
    """The reasons, in words."""
    seconds: float | None = None
    """How long its commands took in earlier runs; None when it has not run before."""


@dataclass(frozen=True)
class PlanTotals:
    """What the plan of a run came to."""

    unchanged: int
    """Stages with which nothing would happen."""
    seconds_least: float
    """Time of what certainly runs, by earlier runs; 0 when nothing is known."""
    seconds_most: float
    """The same with all that may run."""
    bytes_least: int
    """Bytes from the remote for what certainly happens."""
    bytes_most: int
    """The same with all that may happen."""
    without_history: int = 0
    """Stages that run or may run and have not run before."""
    lost: tuple[str, ...] = ()
    """What is needed and nowhere to be found."""


@dataclass(frozen=True)
class StageCost:
    """What a stage cost where its recorded run was computed, on both sides."""

    name: str
    """Stage name, as in StageChange."""
    old_seconds: float | None
    """Wall clock time on the base side; None where the base does not have the stage."""
    new_seconds: float | None
    """Wall clock time on the head side."""
    old_peak: int | None = None
    """Bytes of memory at most on the base side; None where unknown."""
    new_peak: int | None = None
    """Bytes of memory at most on the head side."""
    old_cpu: float | None = None
    """Processor time in seconds on the base side; None where unknown."""
    new_cpu: float | None = None
    """Processor time in seconds on the head side."""


@dataclass(frozen=True)
class PipelineCost:
    """What all stages of both sides cost, one after another, where their recorded runs were computed."""

    stages: int
    """Stages that count: those whose cost is known on each side that has them."""
    unknown: int
    """Stages that do not."""
    old_seconds: float
    """Wall clock time of all of them on the base side."""
    new_seconds: float
    """Wall clock time of all of them on the head side."""
    old_peak: int | None = None
    """Most memory of one of them on the base side, in bytes; None where unknown."""
    new_peak: int | None = None
    """Most memory of one of them on the head side."""
    machines: int = 1
    """How many kinds of machines they were computed on; times of different ones are not quite comparable."""
