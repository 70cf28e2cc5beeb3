"""Whoever waits is told why, and only at a terminal."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from mlops_kit.cli.patience import told_when_slow


class Terminal(io.StringIO):
    """A stream that says it is a terminal and notes when something is written."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def test_a_slow_block_is_explained_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal(terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    with told_when_slow("fetching", seconds=0.01):
        assert stream.written.wait(30)
    assert "fetching" in stream.getvalue()


@pytest.mark.parametrize(("terminal", "seconds"), [(True, 600.0), (False, 0.0)])
def test_a_quick_block_and_a_pipe_stay_silent(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, seconds: float
) -> None:
    stream = Terminal(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with told_when_slow("fetching", seconds=seconds):
        pass
    assert stream.getvalue() == ""
    assert not [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, threading.Timer) and not thread.finished.is_set()
    ]
