"""Running a command line in the user's shell as if it were this process: its streams, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

# What DVC gives the shells that it knows, so that no start-up file changes a command.
_PLAIN = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"]}
_FORWARDED = ("SIGTERM", "SIGHUP")


def plain_options(shell: str) -> list[str]:
    """Return the options with which `shell` reads no start-up file."""
    return _PLAIN.get(Path(shell).name.lower(), [])


def run_shell(command: str, *, shell: str, cwd: Path, env: Mapping[str, str]) -> int:
    """Run `command` with `shell`, hand signals on to it, and return its exit code (128 + N when signal N ended it)."""
    arguments: list[str] | str = [shell, *plain_options(shell), "-c", command] if os.name != "nt" else command
    process = subprocess.Popen(arguments, cwd=cwd, env=dict(env), shell=os.name == "nt")

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        process.send_signal(number)

    # A terminal interrupts the command itself; this process waits for what it makes of that.
    handlers = {signal.SIGINT: signal.SIG_IGN} | {
        getattr(signal, name): forward for name in _FORWARDED if hasattr(signal, name)
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
