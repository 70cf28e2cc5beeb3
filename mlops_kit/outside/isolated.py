"""Running shell commands as DVC would, under limits, in process groups that never outlive us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mlops_kit.errors import OutsideError

LAUNCHER = Path(__file__).with_name("launch.py")
_GRACE_SECONDS = 5
_SHELL_FLAGS = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"], "fish": ["--no-config"]}


@dataclass(frozen=True)
class Limits:
    """What the process of a command is put under; empty values change nothing."""

    umask: int | None = None
    """Mode bits that new files lack."""
    cpus: int | None = None
    """Number of processors that it may use."""
    aslr: bool = True
    """Whether addresses are random."""
    network: bool = True
    """Whether TCP connections are allowed."""

    def as_json(self) -> str:
        """Return what the launcher reads."""
        value = {
            **({} if self.umask is None else {"umask": self.umask}),
            **({} if self.cpus is None else {"cpus": self.cpus}),
            **({} if self.aslr else {"aslr": False}),
            **({} if self.network else {"network": False}),
        }
        return json.dumps(value)


class Processes:
    """The process groups that are running; `stop` ends them all, and no other is started afterwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.stopped = False
        """Whether `stop` was called."""

    def run(self, command: str, *, cwd: Path, env: Mapping[str, str], limits: Limits, log: Path) -> int:
        """Run one shell command to its end, both output streams appended to the file `log`, and return its exit code.

        The shell is the one that DVC takes: $SHELL without its start files, /bin/sh without one. Raises OutsideError after `stop`.
        """
        arguments = _shell(command, env)
        if os.name != "nt":
            arguments = [sys.executable, "-I", "-S", str(LAUNCHER), limits.as_json(), *arguments]
        with log.open("ab") as out:
            process = self._start(arguments, cwd, env, out.fileno())
            try:
                return process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
                _end_group(process)

    def _start(
        self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], out: int
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.stopped:
                raise OutsideError("stopped")
            process = subprocess.Popen(
                arguments, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=os.name != "nt",
            )  # fmt: skip
            self._running.add(process)
            return process

    def stop(self) -> None:
        """End every running process group, at once and for good."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                _end_group(process)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C while the block runs, so that it cleans up; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _shell(command: str, env: Mapping[str, str]) -> list[str]:
    if os.name == "nt":
        return [os.environ.get("COMSPEC", "cmd.exe"), "/c", command]
    shell = env.get("SHELL") or "/bin/sh"
    return [shell, *_SHELL_FLAGS.get(Path(shell).name.lower(), []), "-c", command]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process and its children."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_SECONDS)
