"""Running a command line in the user's shell as if it were this process: its streams, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

# What DVC gives the shells that it knows, so that no start-up file changes a command.
_PLAIN = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"]}
LISTENED = 1 << 16
_FORWARDED = ("SIGTERM", "SIGHUP")


def plain_options(shell: str) -> list[str]:
    """Return the options with which `shell` reads no start-up file."""
    return _PLAIN.get(Path(shell).name.lower(), [])


def users_shell(environment: Mapping[str, str]) -> str:
    """Return the shell that DVC runs commands with: the user's own; empty on Windows, where it is the system's."""
    return (environment.get("SHELL") or "/bin/sh") if os.name != "nt" else ""


def shell_arguments(shell: str, command: str) -> list[str] | str:
    """Return how to start `command` in `shell` as DVC does it; on Windows the command itself."""
    if os.name == "nt":
        return command
    options = plain_options(shell)
    if Path(shell).name.lower() == "fish" and _fish_knows_no_config(shell):
        options = ["--no-config"]
    return [shell, *options, "-c", command]


@cache
def _fish_knows_no_config(shell: str) -> bool:
    """Return whether this fish is newer than 3.3.0, as DVC asks it."""
    try:
        told = subprocess.run([shell, "--version"], capture_output=True, text=True).stdout
        numbers = told.split(" ")[-1].strip().split("-")[0].split(".")
        return tuple(int(number) for number in numbers) > (3, 3, 0)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class ShellResult:
    """How a command line ended."""

    code: int
    """Its exit code; 128 + N when signal N ended it."""
    complaints: str = ""
    """The end of its standard error, when that was asked for."""


def run_shell(
    command: str, *, shell: str, cwd: Path, env: Mapping[str, str], listen: bool = False
) -> ShellResult:
    """Run `command` with `shell` and hand signals on to it. With `listen` its standard error is passed on and its end returned."""
    arguments: list[str] | str = [shell, *plain_options(shell), "-c", command] if os.name != "nt" else command
    process = subprocess.Popen(
        arguments, cwd=cwd, env=dict(env), shell=os.name == "nt", stderr=subprocess.PIPE if listen else None
    )

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        process.send_signal(number)

    # A terminal interrupts the command itself; this process waits for what it makes of that.
    handlers = {signal.SIGINT: signal.SIG_IGN} | {
        getattr(signal, name): forward for name in _FORWARDED if hasattr(signal, name)
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        complaints = _passed_on(process.stderr.fileno()) if process.stderr is not None else b""
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ShellResult(code if code >= 0 else 128 - code, complaints.decode("utf-8", "replace"))


def _passed_on(stream: int) -> bytes:
    """Copy everything from `stream` to standard error as it comes; return its end."""
    kept = b""
    while block := os.read(stream, 1 << 16):
        sys.stderr.buffer.write(block)
        sys.stderr.buffer.flush()
        kept = (kept + block)[-LISTENED:]
    return kept
