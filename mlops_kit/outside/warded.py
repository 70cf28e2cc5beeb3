"""Programs that end when we do, however that happens: started by a warden (`run_warden.py`) that outlives us."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mlops_kit.errors import OutsideError
from mlops_kit.outside.tree import descendants, end_all

_PROGRAM = Path(__file__).with_name("run_warden.py")
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """A program has ended."""

    pid: int
    """As `Warded.start` returned it."""
    code: int
    """Its exit code; negative for a signal."""
    seconds: float = 0.0
    """Wall clock time."""
    cpu_seconds: float = 0.0
    """Processor time of it and of all that it waited for."""
    peak_bytes: int = 0
    """Largest resident memory of one of these processes."""


def can_ward() -> bool:
    """Return whether this system has what `Warded` needs: processes that fork and hand over open files."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds")


class Warded:
    """The programs of one run. One thread uses it; `close` ends what still runs."""

    def __init__(self, root: Path, lock: int | None = None) -> None:
        """Start the warden for the project at `root`; it inherits `lock`, the descriptor of the run's lock, and so keeps it after us."""
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._running: set[int] = set()
        self._ended: deque[Ended] = deque()
        with suppress(
            OSError, AttributeError, TypeError
        ):  # what a warden that was killed leaves comes to us then
            ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        inherited = [theirs.fileno(), *([] if lock is None else [lock])]
        with theirs:
            self._warden = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROGRAM), str(theirs.fileno()), str(root)],
                stdin=subprocess.DEVNULL, pass_fds=inherited, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Warded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return a descriptor that is readable when `ended` has something to tell."""
        return self._channel.fileno()

    def start(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: int) -> int:
        """Start a program in a session of its own and return its process id.

        Both of its output streams go to the descriptor `output`; its input is empty. Raises OutsideError when it cannot be started.
        """
        self._send({"argv": list(argv), "cwd": str(cwd), "env": dict(env)}, output)
        while True:
            answer = self._receive()
            if answer is None:
                raise OutsideError("the process that guards the run was ended", fix="mlops-kit run")
            if "error" in answer:
                raise OutsideError(f"{argv[0]} cannot be started: {answer['error']}")
            if "pid" in answer:
                self._running.add(answer["pid"])
                return int(answer["pid"])
            self._note(answer)

    def ended(self, *, wait: bool = False) -> list[Ended]:
        """Return the programs that have ended since the last call; with `wait` at least one, unless none runs."""
        while not self._ended and self._running and wait:
            self._take()
        with suppress(BlockingIOError):
            while self._running and self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) is not None:
                self._take()
        found = list(self._ended)
        self._ended.clear()
        return found

    def end(self, pid: int) -> None:
        """End a program and all that it started: asked first, forced after some seconds. `ended` tells when it has."""
        if pid in self._running:
            with suppress(OSError):
                self._send({"end": pid})

    def close(self) -> None:
        """End everything that still runs, and wait until it has."""
        self._channel.close()
        while True:
            try:
                self._warden.wait()
            except KeyboardInterrupt:  # it is at its end anyway, and what runs on would be an orphan
                continue
            return

    def _send(self, message: Mapping[str, Any], *descriptors: int) -> None:
        text = json.dumps(message).encode()
        try:
            socket.send_fds(self._channel, [len(text).to_bytes(4, "big")], descriptors)
            self._channel.sendall(text)
        except BrokenPipeError:
            return  # the next `_receive` says so

    def _take(self) -> None:
        answer = self._receive()
        if answer is not None:
            self._note(answer)

    def _note(self, answer: Mapping[str, Any]) -> None:
        self._running.discard(answer["ended"])
        self._ended.append(
            Ended(answer["ended"], answer["code"], answer["seconds"], answer["cpu"], answer["peak"])
        )

    def _receive(self) -> dict[str, Any] | None:
        try:
            head = self._read(4)
            value: dict[str, Any] = json.loads(self._read(int.from_bytes(head, "big")))
        except (EOFError, ConnectionError):
            self._bereaved()
            return None
        return value

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._channel.recv(size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _bereaved(self) -> None:
        """The warden was killed: what it guarded is below us now, and ends."""
        self._warden.wait()

        def orphans() -> list[int]:
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            sessions = {pid for pid in descendants(os.getpid()) if _session(pid) in self._running}
            return sorted({below for pid in sessions for below in (pid, *descendants(pid))})

        end_all(orphans)
        self._ended += [Ended(pid, -signal.SIGKILL) for pid in sorted(self._running)]
        self._running.clear()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
