"""What the forge remembers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

BOT = "github-actions[bot]"


@dataclass
class Token:
    """Who a token speaks for and what it may do."""

    login: str
    permissions: dict[str, int]
    run: int | None = None
    """Run that the token was made for; None for a person."""


@dataclass
class Pull:
    """A pull request."""

    number: int
    repo: str
    title: str
    head: str
    head_repo: str
    base: str
    user: str
    body: str = ""
    edits: int = 0
    state: str = "open"
    merged: bool = False
    head_sha: str = ""
    base_sha: str = ""
    merge_sha: str = ""
    mergeable: bool = True


@dataclass
class Comment:
    """A comment on a pull request."""

    id: int
    repo: str
    number: int
    user: str
    body: str
    edits: int = 0


@dataclass
class Run:
    """A workflow run."""

    id: int
    repo: str
    workflow: str
    path: str
    event: str
    sha: str
    """Commit that is checked out: the merge commit for a pull request."""
    ref: str
    head_sha: str
    head_branch: str
    head_repo: str
    number: int | None = None
    """Number of the pull request."""
    base_ref: str = ""
    status: str = "queued"
    conclusion: str | None = None
    jobs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""

    @property
    def is_fork(self) -> bool:
        """Return whether the run is for a pull request from a fork."""
        return self.event == "pull_request" and self.head_repo != self.repo


@dataclass
class Artifact:
    """A file that a run handed over, as a tar archive."""

    id: int
    run: int
    name: str
    content: bytes


@dataclass
class State:
    """Everything, guarded by one lock."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[str, Token] = field(default_factory=dict)
    forks: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    caches: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """(repository, ref, key) -> tar archive; entries are never changed."""
    violations: list[dict[str, Any]] = field(default_factory=list)
    """Requests and answers that GitHub's description does not allow."""
    denied: list[tuple[str, str, str]] = field(default_factory=list)
    """Refused writes: who, method, path."""
