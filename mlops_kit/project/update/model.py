"""What an update is going to do, or did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlops_kit.compare.model import StageChange
from mlops_kit.errors import ExitCode
from mlops_kit.project.record import Record


class Outcome(StrEnum):
    """What becomes of one file that people own."""

    ADDED = "added"
    """New in the template."""
    UPDATED = "updated"
    """You had not changed it: it is the template's new text."""
    MERGED = "merged"
    """Your changes and the template's, together."""
    SOLVED = "solved"
    """A conflict that you have decided."""
    KEPT = "kept"
    """Yours as it is, because you said so, or because the template does not have it any more."""
    REMOVED = "removed"
    """The template does not have it any more, and you had not changed it."""
    CONFLICT = "conflict"
    """Yours as it is; a proposal lies beside it."""


@dataclass(frozen=True)
class FileChange:
    """One file and what becomes of it."""

    path: str
    """The file, relative to the project."""
    outcome: Outcome
    """What becomes of it."""
    detail: str = ""
    """Why, or what to do."""
    lines: tuple[tuple[int, int], ...] = ()
    """Of a conflict: ranges of lines of your file that are concerned, from 1."""
    proposal: str = ""
    """Of a conflict: the file beside it that holds both versions."""


@dataclass(frozen=True)
class UpdatePlan:
    """Everything that an update writes, and what follows from it."""

    old: str
    """Version of mlops-kit whose template the project has."""
    new: str
    """The installed version."""
    files: tuple[FileChange, ...]
    """Files that people own and that change or wait, by path."""
    generated: tuple[str, ...]
    """Generated files that are rebuilt."""
    stages: tuple[StageChange, ...]
    """Stages that will run again because of this update, and why."""
    following: tuple[str, ...]
    """Stages that read what those write, and run when it changes."""
    notes: tuple[str, ...]
    """What else to know."""
    record: Record
    """What the project remembers afterwards."""
    bases: Mapping[str, str | None]
    """Texts as the template made them that are new (path -> text) or dropped."""
    writes: Mapping[str, str | None]
    """All files that are written (path -> text) or removed (None)."""

    @property
    def conflicts(self) -> tuple[FileChange, ...]:
        """Return the files that wait for a person."""
        return tuple(file for file in self.files if file.outcome is Outcome.CONFLICT)

    @property
    def exit_code(self) -> ExitCode:
        """Return 7 while a conflict is open, else 0."""
        return ExitCode.REFUSED if self.conflicts else ExitCode.OK
