"""Repositories with a long history, made in one `git fast-import`: ten thousand commits a second."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

IDENTITY = "Test <test@localhost>"
FIRST_SECOND = 1_767_225_600  # 2026-01-01 00:00 UTC
Changes = Mapping[str, str | bytes | None]
"""Path -> new content, None to delete it."""


def import_history(root: Path, commits: Iterable[Changes], *, branch: str = "main") -> None:
    """Make `root` a repository whose `branch` has the given commits, a minute apart, and check the last one out."""
    subprocess.run(["git", "init", "-q", "-b", branch, str(root)], check=True)
    stream = b"".join(_commit(number, changes, branch) for number, changes in enumerate(commits))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input=stream, check=True)
    subprocess.run(["git", "reset", "-q", "--hard"], cwd=root, check=True)


def _commit(number: int, changes: Changes, branch: str) -> bytes:
    head = f"commit refs/heads/{branch}\ncommitter {IDENTITY} {FIRST_SECOND + 60 * number} +0000\n".encode()
    return head + _data(f"commit {number}\n") + b"".join(_file(*change) for change in changes.items()) + b"\n"


def _file(path: str, content: str | bytes | None) -> bytes:
    if content is None:
        return f"D {path}\n".encode()
    return f"M 100644 inline {path}\n".encode() + _data(content)


def _data(content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return b"data %d\n" % len(raw) + raw + b"\n"
