"""What a CI host must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops_kit.spec.model import Lifecycle


@dataclass(frozen=True)
class CiEvent:
    """Why CI runs."""

    name: str
    """`push`, `pull_request`, `manual` or `local`."""
    base: str | None
    """Revision to compare with; None when the repository decides (the merge base with the default branch)."""
    summary: Path | None
    """File to which the job summary is appended."""


@dataclass(frozen=True)
class CommentRequest:
    """A comment to put on a pull request."""

    body: str
    """Markdown, without the marker."""
    sha: str
    """Head commit that the report is about; when the pull request has moved on, nothing is posted."""
    number: int | None
    """Number of the pull request; None to find it by `sha`."""


@dataclass(frozen=True)
class ChangeRequest:
    """A branch to propose for the default branch."""

    branch: str
    """The branch, which is pushed already."""
    target: str
    """The branch that it is for."""
    title: str
    """One line of plain text."""
    body: str
    """Markdown."""


class Provider(Protocol):
    """A CI host: a module with these functions."""

    def detect(self, environment: Mapping[str, str]) -> bool:
        """Return whether this process runs in a job of the host."""
        ...

    def read_event(self, environment: Mapping[str, str]) -> CiEvent:
        """Return why the job runs. Raises UsageError when the host's variables make no sense."""
        ...

    def workflow_files(self, lifecycle: Lifecycle) -> dict[str, str]:
        """Return path -> text of the workflows of a project."""
        ...

    def post_comment(self, request: CommentRequest, environment: Mapping[str, str]) -> str:
        """Create or update the one comment and return in words what was done. Raises OutsideError when the host refuses."""
        ...

    def git_variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables under which git is known to the host; none without a token."""
        ...

    def open_change(self, request: ChangeRequest, environment: Mapping[str, str]) -> str:
        """Open the one pull request of a branch, or update it, start CI for it, and return in words what was done."""
        ...
