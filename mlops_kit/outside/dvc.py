"""DVC as a program: reproducing a pipeline and fetching outputs. The only module that knows DVC's command line and messages."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.outside.stream import stream_command


class StageState(StrEnum):
    """What became of a stage in one reproduction."""

    RUNNING = "running"
    RAN = "ran"
    CACHED = "from cache"
    SKIPPED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class StageEvent:
    """A stage changed its state; `seconds` is set when it is done."""

    stage: str
    state: StageState
    seconds: float = 0.0


@dataclass(frozen=True)
class ReproResult:
    """What one reproduction did."""

    code: int
    """DVC's exit code; 0 when every stage is up to date now."""
    ran: tuple[tuple[str, float], ...] = ()
    """Stages whose command ran, with seconds, in order."""
    cached: tuple[str, ...] = ()
    """Stages whose outputs came from the cache of earlier runs."""
    skipped: tuple[str, ...] = ()
    """Stages that had not changed."""
    failed: str | None = None
    """The stage that failed."""
    stage_codes: tuple[int, ...] = ()
    """Exit codes of failed commands, as DVC names them."""
    tail: tuple[str, ...] = field(default=())
    """The last lines of output, for the report of a failure."""


_RUNNING = re.compile(r"^Running stage '(?P<stage>[^']+)':$")
_SKIPPED = re.compile(r"^Stage '(?P<stage>[^']+)' didn't change, skipping$")
_CACHED = re.compile(r"^Stage '(?P<stage>[^']+)' is cached - skipping run")
_FAILED = re.compile(r"^ERROR: failed to reproduce '(?P<stage>[^']+)'")
_EXITED = re.compile(r"exited with (?P<code>-?\d+)")
_PLUGIN = re.compile(r"requires '(?P<name>dvc-[a-z0-9-]+)'")
TAIL_LINES = 40


def reproduce(
    root: Path,
    *,
    targets: Sequence[str] = (),
    pull: bool = False,
    allow_missing: bool = False,
    force: bool = False,
    single: bool = False,
    programs: Path | None = None,
    variables: Mapping[str, str] | None = None,
    on_event: Callable[[StageEvent], None] = lambda event: None,
    on_line: Callable[[str], None] = lambda line: None,
) -> ReproResult:
    """Bring the pipelines below `root` (or `targets` and what they need) up to date with `dvc repro`.

    `pull` fetches missing inputs from the remote; `allow_missing` skips unchanged stages whose data is not here; `single` leaves
    out what the targets need. `on_event` hears of each stage, `on_line` of every line of output; `programs` is the folder in which
    stages find `python` first (this interpreter's when None); `variables` are set for DVC and the stages. A failing stage is a
    result, not an error.
    Raises OutsideError when DVC cannot be started.
    """
    named = {"--pull": pull, "--allow-missing": allow_missing, "--force": force, "--single-item": single}
    flags = [flag for flag, on in named.items() if on]
    reader = _ReproReader(on_event, on_line)
    command = ["repro", *flags, *(["--", *targets] if targets else ["--all-pipelines"])]
    code = _dvc(root, command, reader.read, programs, variables, guarded=True)
    return reader.finish(code)


def materialize(root: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Make the outputs `paths` exist in the work tree, from the cache, else from the remote; return those that could not be had."""
    missing = [path for path in paths if not (root / path).exists()]
    for command in (["checkout", "--quiet"], ["pull", "--quiet"]):
        if missing:
            _dvc(root, [*command, "--", *missing], lambda line: None)
            missing = [path for path in missing if not (root / path).exists()]
    return tuple(missing)


def checkout(root: Path, paths: Sequence[str]) -> None:
    """Put recorded outputs from the cache into the work tree, over what is there. Raises OutsideError when DVC cannot."""
    lines: list[str] = []
    if _dvc(root, ["checkout", "--quiet", "--force", "--", *paths], lines.append) != 0:
        raise OutsideError(
            f"dvc checkout did not end well: {lines[-1] if lines else 'no message'}",
            fix=f"dvc checkout {paths[0]}",
        )


def missing_plugin(complaint: str) -> str:
    """Return the package that DVC's `complaint` about a remote asks for, such as `dvc-s3`; empty when it asks for none."""
    found = _PLUGIN.search(complaint)
    return found["name"] if found else ""


def dvc_environment(programs: Path | None = None) -> dict[str, str]:
    """Return the environment in which DVC and, through it, stages are started.

    `python` means the one in the folder `programs`, this interpreter when that is None; DVC reports no usage; and byte code is kept, without which every start costs twice.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PATH"] = os.pathsep.join(
        [str(programs or Path(sys.executable).parent), environment.get("PATH", "")]
    )
    environment["DVC_NO_ANALYTICS"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _dvc(
    root: Path,
    arguments: list[str],
    on_line: Callable[[str], None],
    programs: Path | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    guarded: bool = False,
) -> int:
    command = [sys.executable, "-m", "dvc", *arguments]
    environment = {**dvc_environment(programs), **(variables or {})}
    return stream_command(command, cwd=root, env=environment, on_line=on_line, guarded=guarded)


class _ReproReader:
    """Understands the lines of `dvc repro`."""

    def __init__(self, on_event: Callable[[StageEvent], None], on_line: Callable[[str], None]) -> None:
        self._on_event = on_event
        self._on_line = on_line
        self._current: tuple[str, float] | None = None
        self._ran: list[tuple[str, float]] = []
        self._cached: list[str] = []
        self._skipped: list[str] = []
        self._failed: str | None = None
        self._codes: list[int] = []
        self._tail: list[str] = []

    def read(self, line: str) -> None:
        self._on_line(line)
        self._tail = [*self._tail[-TAIL_LINES:], line]
        if found := _FAILED.match(line):
            self._failed = found["stage"]
            self._end_current(StageState.FAILED)
        elif found := _RUNNING.match(line):
            self._end_current(StageState.RAN)
            self._current = (found["stage"], time.monotonic())
            self._on_event(StageEvent(found["stage"], StageState.RUNNING))
        elif found := _SKIPPED.match(line):
            self._end_current(StageState.RAN)
            self._skipped.append(found["stage"])
            self._on_event(StageEvent(found["stage"], StageState.SKIPPED))
        elif found := _CACHED.match(line):
            self._end_current(StageState.RAN)
            self._cached.append(found["stage"])
            self._on_event(StageEvent(found["stage"], StageState.CACHED))
        if line.startswith("ERROR:") and (found := _EXITED.search(line)):
            self._codes.append(int(found["code"]))

    def finish(self, code: int) -> ReproResult:
        self._end_current(StageState.RAN if code == 0 else StageState.FAILED)
        return ReproResult(
            code,
            tuple(self._ran),
            tuple(self._cached),
            tuple(self._skipped),
            self._failed,
            tuple(self._codes),
            tuple(self._tail),
        )

    def _end_current(self, state: StageState) -> None:
        if self._current is None:
            return
        stage, start = self._current
        self._current = None
        seconds = time.monotonic() - start
        if state is StageState.RAN:
            self._ran.append((stage, seconds))
        else:
            self._failed = self._failed or stage
        self._on_event(StageEvent(stage, state, seconds))
