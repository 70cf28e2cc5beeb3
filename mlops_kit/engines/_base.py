"""What an engine is: something that runs the commands of a stage where there is room for them.

Work goes out as a value that names everything by content (commit, stage, dependencies by hash), so that an engine on other machines
can fetch it from the DVC remote and put the outputs back there. The local engine needs the folder alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Resources:
    """What a stage asks for while it runs."""

    cpus: float = 1.0
    """Processors that it keeps busy."""
    memory: int = 0
    """Bytes that it needs at most; 0 when that is not known."""
    group: str = ""
    """Stages of the same group never run side by side (one GPU, one database); empty for none."""


@dataclass(frozen=True)
class StageTask:
    """One stage to run."""

    stage: str
    """As DVC names it."""
    commands: tuple[str, ...]
    """Shell commands, one after another; the first that fails ends the stage."""
    folder: Path
    """Where they run."""
    environment: Mapping[str, str]
    """The whole environment of the commands."""
    outputs: tuple[str, ...] = ()
    """Paths, relative to the root, that they write."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Dependency -> content hash, for an engine that has to fetch them."""
    revision: str = ""
    """Commit that the code is of; empty for the work tree as it is."""
    resources: Resources = Resources()
    """What it needs while it runs."""


@dataclass(frozen=True)
class StageUsage:
    """What one run of a stage has used."""

    seconds: float = 0.0
    """Wall clock time."""
    cpu_seconds: float = 0.0
    """Processor time of the commands and all that they started and waited for."""
    peak_bytes: int = 0
    """Largest resident memory of one process; 0 when unknown."""
    bytes_in: int = 0
    """Size of the dependencies."""
    bytes_out: int = 0
    """Size of the outputs."""
    warm: bool = False
    """Whether it started in a process that had its libraries imported already."""


@dataclass(frozen=True)
class StageExit:
    """A stage's commands have ended."""

    stage: str
    """As DVC names it."""
    code: int
    """Exit code of the last command that ran; negative for a signal."""
    usage: StageUsage = StageUsage()
    """What it used."""
    tail: tuple[str, ...] = ()
    """The last lines that it printed."""
    command: str = ""
    """The command that failed; empty when none did."""


@dataclass(frozen=True)
class StageLine:
    """A stage has printed a line."""

    stage: str
    """As DVC names it."""
    text: str
    """The line without its end."""


class Engine(Protocol):
    """Runs stages; one thread talks to it."""

    def start(self, task: StageTask) -> None:
        """Begin with `task`; whoever calls has seen to it that there is room."""
        ...

    def wait(self, timeout: float | None) -> Sequence[StageLine | StageExit]:
        """Return what has happened since the last call, after at most `timeout` seconds; nothing when nothing did."""
        ...

    def cancel(self, stages: Collection[str]) -> None:
        """End these stages and all that they started; their exits are reported by `wait`."""
        ...

    def close(self) -> None:
        """End everything that still runs and free what is held."""
        ...


class Remote(Protocol):
    """Where content and the run cache of other machines are."""

    def fetch(self, digests: Collection[str]) -> frozenset[str]:
        """Bring objects (MD5, `.dir` for folders with all their files) into the cache, verified; return those that are there now."""
        ...

    def fetch_entries(self, key: str) -> int:
        """Bring the run-cache entries of a stage key into the cache and return how many there are now."""
        ...
