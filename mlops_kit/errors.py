"""The error tree and the exit codes. An error is an inert value; only the command line formats it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status means; the table of `mlops-kit help exit-codes` is made from the docstrings."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    KPI_BREACH = 3
    UNREADABLE = 4
    BAD_DATA = 5
    STALE = 6
    REFUSED = 7
    OUTSIDE = 8
    INTERRUPTED = 130


EXIT_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "an unexpected error; a log with versions was written",
    ExitCode.USAGE: "wrong usage, or a project file (mlops.yaml, params.yaml, kpis.yaml, schema.yaml, labels/labels.yaml) that cannot be used",
    ExitCode.KPI_BREACH: "a KPI is breached",
    ExitCode.UNREADABLE: "a side of a comparison, or recorded content, could not be read or is not whole",
    ExitCode.BAD_DATA: "input data or labels are bad, or a rerun came out differently",
    ExitCode.STALE: "a generated file or the recorded environment is stale or was edited by hand, or a stage uses what it does not declare",
    ExitCode.REFUSED: "refused, because something of yours would be overwritten or the work tree is not fit for it",
    ExitCode.OUTSIDE: "an outside program (git, dvc, a CI host) failed",
    ExitCode.INTERRUPTED: "interrupted",
}


class MlopsKitError(Exception):
    """Base of every expected error: what happened and where, and in `fix` the command or key that mends it."""

    exit_code: ExitCode = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(MlopsKitError):
    """A command was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class SpecError(UsageError):
    """A project file cannot be used; `where` is `file:line` (line from 1) so that editors can jump to it."""

    def __init__(self, message: str, *, where: str, fix: str = "") -> None:
        super().__init__(f"{where}: {message}", fix=fix)
        self.where = where


class UnreadableSideError(MlopsKitError):
    """A side of a comparison names something that cannot be read."""

    exit_code = ExitCode.UNREADABLE


class BadDataError(MlopsKitError):
    """Input data or labels break the contract of the step that reads them."""

    exit_code = ExitCode.BAD_DATA


class StaleError(MlopsKitError):
    """A generated file, or the environment recorded for a step, is not what it should be."""

    exit_code = ExitCode.STALE


class RefusedError(MlopsKitError):
    """The act would overwrite or lose something, so it was not done."""

    exit_code = ExitCode.REFUSED


class OutsideError(MlopsKitError):
    """An outside program or service failed."""

    exit_code = ExitCode.OUTSIDE
