"""How reproducible a commit is, as a ladder: from what its stages gave when they ran again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from mlops_kit.compare.causes import Cause
from mlops_kit.errors import ExitCode


class Rung(IntEnum):
    """A rung of the ladder; each includes those below."""

    NONE = -1
    R0 = 0
    R1 = 1
    R2 = 2
    R3 = 3
    R4 = 4
    R5 = 5


MEANINGS: dict[Rung, str] = {
    Rung.NONE: "does not run",
    Rung.R0: "runs: every stage ends well in a clean clone",
    Rung.R1: "metrics are within their interval",
    Rung.R2: "the same within tolerance: rows, values, predictions",
    Rung.R3: "bit-identical",
    Rung.R4: "bit-identical under the perturbation sweep",
    Rung.R5: "confirmed by two independent builders",
}


class OutputLevel(StrEnum):
    """How one output of a rerun compares with the recorded one."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    INTERVAL = "interval"
    DIFFERENT = "different"
    MISSING = "missing"
    UNKNOWN = "unknown"


LEVEL_WORDS: dict[OutputLevel, str] = {
    OutputLevel.IDENTICAL: "identical",
    OutputLevel.EQUAL: "same within tolerance",
    OutputLevel.INTERVAL: "metric within its interval",
    OutputLevel.DIFFERENT: "different",
    OutputLevel.MISSING: "not written",
    OutputLevel.UNKNOWN: "could not be compared",
}
_ALLOWS: dict[OutputLevel, Rung] = {
    OutputLevel.IDENTICAL: Rung.R3,
    OutputLevel.EQUAL: Rung.R2,
    OutputLevel.INTERVAL: Rung.R1,
    OutputLevel.DIFFERENT: Rung.R0,
    OutputLevel.MISSING: Rung.NONE,
    OutputLevel.UNKNOWN: Rung.R0,
}


@dataclass(frozen=True)
class OutputResult:
    """One output of a rerun, compared with the recorded one."""

    path: str
    """Path relative to the DVC root."""
    level: OutputLevel
    """How it compares."""
    largest: float | None = None
    """Largest deviation of a number; None where there is none to speak of."""
    detail: tuple[str, ...] = ()
    """What differs, one line each: column, row, parameter, tensor."""
    recorded: str = ""
    """MD5 that dvc.lock records."""
    md5: str = ""
    """MD5 of what the rerun wrote; empty when it wrote nothing."""
    sha256: str = ""
    """SHA-256 of what the rerun wrote."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of a folder: path below it -> SHA-256 of what the rerun wrote."""


@dataclass(frozen=True)
class InputFact:
    """One recorded input of a rerun, as it was checked."""

    path: str
    """Path relative to the DVC root."""
    sha256: str
    """SHA-256; of a folder that of its sorted lines `path NUL sha256`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of a folder: path below it -> SHA-256."""
    in_git: bool = False
    """Whether it is a file of the commit, which the commit's own id covers."""


class StageOutcome(StrEnum):
    """What became of a stage."""

    RAN = "ran"
    FAILED = "failed"
    NOT_RUN = "could not run"
    ENVIRONMENT = "refuses to run"
    STALE = "stale"


@dataclass(frozen=True)
class AxisResult:
    """What one perturbation, or several at once, did to a stage."""

    axes: tuple[str, ...]
    """What was perturbed; none for a plain second run."""
    breaks: tuple[str, ...] = ()
    """Outputs that came out differently; empty when all were the same."""
    problem: str = ""
    """Why the stage failed under it; empty when it ran."""
    detail: tuple[str, ...] = ()
    """What differs, one line each."""

    @property
    def passed(self) -> bool:
        """Return whether every output came out the same."""
        return not self.breaks and not self.problem


@dataclass(frozen=True)
class StageResult:
    """One stage that was run again."""

    stage: str
    """Name."""
    outcome: StageOutcome
    """What became of it."""
    outputs: tuple[OutputResult, ...] = ()
    """Its outputs; none when it did not run."""
    seconds: float = 0.0
    """How long its command took."""
    problem: str = ""
    """Why it did not run, or failed."""
    mend: str = ""
    """The command that mends the problem."""
    tail: tuple[str, ...] = ()
    """Last lines of what it printed, when it failed."""
    findings: tuple[Mapping[str, str], ...] = ()
    """Undeclared inputs and outputs that were seen: `kind`, `name`, `where`."""
    inputs: tuple[InputFact, ...] = ()
    """Its recorded inputs."""
    causes: tuple[Cause, ...] = ()
    """What explains a difference, or what the stage depends on."""
    swept: tuple[AxisResult, ...] = ()
    """What the perturbations did; empty when there was no sweep."""
    notes: tuple[str, ...] = ()
    """What could not be checked."""

    @property
    def identical(self) -> bool:
        """Return whether it ran and every output is bit-identical."""
        return self.outcome is StageOutcome.RAN and all(
            out.level is OutputLevel.IDENTICAL for out in self.outputs
        )


@dataclass(frozen=True)
class Ladder:
    """The rung that was reached and what stopped the next one."""

    rung: Rung
    """The highest rung that everything allows."""
    stopped: tuple[str, ...]
    """What stopped the next rung, one line each; empty at the top."""

    @property
    def meaning(self) -> str:
        """Return what the rung means, in words."""
        return MEANINGS[self.rung]


def climb(
    stages: Sequence[StageResult], *, swept: bool, untried: Mapping[str, str], confirmed: bool = False
) -> Ladder:
    """Return the highest rung that all `stages` allow.

    `swept` says whether the perturbation sweep was done; `untried` is axis -> reason for those axes that it should have tried and
    did not; `confirmed` whether a second builder agrees on every output.
    """
    if not stages:
        return Ladder(Rung.NONE, ("no stage was run",))
    for rung, reasons in (
        (Rung.R0, list(_not_run(stages))),
        *((level, list(_below(stages, level))) for level in (Rung.R1, Rung.R2, Rung.R3)),
        (Rung.R4, list(_broken(stages, swept, untried))),
        (Rung.R5, [] if confirmed else ["no second builder has confirmed it: mlops-kit reproduce --confirm"]),
    ):
        if reasons:
            return Ladder(Rung(rung - 1), tuple(reasons))
    return Ladder(Rung.R5, ())


def _not_run(stages: Sequence[StageResult]) -> Iterator[str]:
    for stage in stages:
        if stage.outcome is not StageOutcome.RAN:
            yield f"{stage.stage} {_OUTCOMES[stage.outcome]}: {stage.problem}"
        for out in stage.outputs:
            if out.level is OutputLevel.MISSING:
                yield f"{stage.stage} did not write {out.path}"


_OUTCOMES = {
    StageOutcome.FAILED: "failed",
    StageOutcome.NOT_RUN: "could not run",
    StageOutcome.ENVIRONMENT: "refuses to run",
    StageOutcome.STALE: "is stale in this commit",
}


def _below(stages: Sequence[StageResult], rung: Rung) -> Iterator[str]:
    for stage in stages:
        for out in stage.outputs:
            if _ALLOWS[out.level] < rung:
                size = "" if out.largest is None else f", by at most {out.largest:.3g}"
                more = f": {out.detail[0]}" if out.detail else ""
                yield f"{stage.stage}: {out.path} {_is(out.level)}{size}{more}"


def _is(level: OutputLevel) -> str:
    return LEVEL_WORDS[level] if level is OutputLevel.UNKNOWN else f"is {LEVEL_WORDS[level]}"


def _broken(stages: Sequence[StageResult], swept: bool, untried: Mapping[str, str]) -> Iterator[str]:
    if not swept:
        yield "no perturbation was tried: mlops-kit reproduce --perturb quick"
        return
    for axis, reason in untried.items():
        yield f"{axis} was not perturbed: {reason}"
    for stage in stages:
        for result in stage.swept:
            if not result.passed:
                yield describe_axis(stage.stage, result)


def describe_axis(stage: str, result: AxisResult) -> str:
    """Return in words what a perturbation did to a stage."""
    by = " and ".join(result.axes) if result.axes else "nothing: a plain second run differs"
    if result.problem:
        return f"{stage} fails under {by}: {result.problem}"
    return f"{stage} depends on {by}: {', '.join(result.breaks)}" + (
        f" ({result.detail[0]})" if result.detail else ""
    )


def exit_code(stages: Sequence[StageResult], ladder: Ladder, required: Rung) -> ExitCode:
    """Return 0 when `required` is reached, else why not.

    6 a stage refuses the environment or is stale, 8 one failed, 4 recorded content could not be had, 5 outputs came out differently.
    """
    if ladder.rung >= required:
        return ExitCode.OK
    outcomes = {stage.outcome for stage in stages}
    if outcomes & {StageOutcome.ENVIRONMENT, StageOutcome.STALE}:
        return ExitCode.STALE
    if StageOutcome.FAILED in outcomes:
        return ExitCode.OUTSIDE
    levels = {out.level for stage in stages for out in stage.outputs}
    if StageOutcome.NOT_RUN in outcomes or OutputLevel.UNKNOWN in levels or not stages:
        return ExitCode.UNREADABLE
    return ExitCode.BAD_DATA
