"""A hermetic world for every test: own HOME and git configuration, a stepped commit clock, no network but loopback."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

GIT_CONFIG = """\
[user]
\tname = Test
\temail = test@localhost
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[advice]
\tdetachedHead = false
[protocol "file"]
\tallow = always
"""

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


class TestReachedTheNetwork(Exception):
    """A test tried to connect to something that is not on this machine."""


@pytest.fixture(autouse=True)
def hermetic_world(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give the test a HOME of its own and scrub what a developer's shell or CI would leak into it."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if (
            name.startswith(("GIT_", "GITHUB_", "DVC_", "MLOPS_", "ACTIONS_", "RUNNER_", "XDG_"))
            or name == "CI"
        ):
            monkeypatch.delenv(name)
    config = home / ".gitconfig"
    config.write_text(GIT_CONFIG)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home / "dvc-global"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(home / "dvc-system"))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc-site"))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return home


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise TestReachedTheNetwork(str(address))
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


class CommitClock:
    """Commit dates that advance one minute with each commit, so that the order of commits needs no sleep."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._minutes = 0
        self.step()

    def step(self) -> None:
        """Advance by a minute."""
        self._minutes += 1
        stamp = f"2026-01-01T{self._minutes // 60:02}:{self._minutes % 60:02}:00+00:00"
        self._monkeypatch.setenv("GIT_AUTHOR_DATE", stamp)
        self._monkeypatch.setenv("GIT_COMMITTER_DATE", stamp)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> CommitClock:
    """Return the commit clock of this test."""
    return CommitClock(monkeypatch)


@pytest.fixture
def git_repo(tmp_path: Path) -> Path:
    """Return the folder of a fresh, empty git repository."""
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    return root
