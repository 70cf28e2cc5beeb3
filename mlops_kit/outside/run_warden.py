"""Starts the programs of a run for whoever runs it, and outlives it: run as a program of its own, once for each run.

All that it starts, and all that they start, also in sessions of their own, is below it. When the other end of its socket is closed,
however that came about (the end of the run, an error, `kill -9`), it ends all of it, brings back the old outputs of stages that did not
come to their end, and goes; until then it has the lock of the run. `python run_warden.py SOCKET ROOT`. Standard library only and no
package: it must start in a few milliseconds, and forking it must be cheap.

A message is four bytes of length and JSON. In: `{"argv", "cwd", "env"}` with the descriptor of the program's output, `{"end": pid}`. Out:
`{"pid"}` or `{"error"}` for the first, and `{"ended", "code", "seconds", "cpu", "peak"}` for every program that has ended.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

GRACE_SECONDS = 3.0
_TICK_SECONDS = 0.05
_SET_CHILD_SUBREAPER = 36
_RESTORED = ("SIGPIPE", "SIGXFSZ", "SIGXFZ", "SIGTERM", "SIGHUP", "SIGINT", "SIGCHLD")


def main() -> int:
    """Serve until the other end of the socket is gone."""
    tree, aside = _load("tree"), _load("aside")
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Handlers and not SIG_IGN, which programs would inherit. A system that goes down asks everybody at once: who runs us hears it too,
    # and ends in order with our help; our own sign is the end of the socket.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _pass_over)
    warden = Warden(socket.socket(fileno=int(sys.argv[1])), tree.descendants)
    try:
        warden.serve()
    finally:
        tree.end_all(warden.below, grace=GRACE_SECONDS)
        aside.recover(Path(sys.argv[2]))
    return 0


class Warden:
    """Programs below this process, and the socket to whoever wants them."""

    def __init__(self, channel: socket.socket, descendants: Callable[[int], list[int]]) -> None:
        self._channel = channel
        self._descendants = descendants
        self._started: dict[int, float] = {}
        self._asked: dict[int, float] = {}
        os.set_inheritable(channel.fileno(), False)
        self._wakeup, writing = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _pass_over)

    def serve(self) -> None:
        """Do what is asked until the other end is gone."""
        while True:
            ready, _, _ = select.select(
                [self._channel.fileno(), self._wakeup], [], [], _TICK_SECONDS if self._asked else None
            )
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            try:
                self._reap()
                self._press()
                if self._channel.fileno() in ready and not self._answer():
                    return
            except OSError:  # the other end is gone in the middle of a message
                return

    def below(self) -> list[int]:
        """Return all processes below this one, without those that have ended."""
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        return self._descendants(os.getpid())

    def _answer(self) -> bool:
        received = _receive(self._channel)
        if received is None:
            return False
        message, descriptors = received
        if "end" in message:
            if message["end"] in self._started:
                self._asked[message["end"]] = time.monotonic() + GRACE_SECONDS
                self._signal(message["end"], signal.SIGTERM)
            return True
        try:
            pid = _start(message, descriptors[0])
        except OSError as error:
            _send(self._channel, {"error": str(error)})
        else:
            self._started[pid] = time.monotonic()
            _send(self._channel, {"pid": pid})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _reap(self) -> None:
        """Take note of what has ended: what we started, and what it left behind."""
        with suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                if (start := self._started.pop(pid, None)) is not None:
                    told = {
                        "ended": pid,
                        "code": os.waitstatus_to_exitcode(status),
                        "seconds": time.monotonic() - start,
                        "cpu": usage.ru_utime + usage.ru_stime,
                        "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                    }
                    _send(self._channel, told)

    def _press(self) -> None:
        """End for good what was asked to end and has not."""
        for pid, deadline in list(self._asked.items()):
            if not self._members(pid):
                del self._asked[pid]
            elif time.monotonic() > deadline:
                self._signal(pid, signal.SIGKILL)

    def _signal(self, pid: int, number: int) -> None:
        for member in self._members(pid):
            with suppress(OSError):
                os.kill(member, number)

    def _members(self, pid: int) -> set[int]:
        """Return the processes of the session of `pid` and all below it."""
        found = set(self._descendants(pid)) | ({pid} if pid in self._started else set())
        for other in self._descendants(os.getpid()):
            with suppress(OSError):
                if os.getsid(other) == pid:
                    found.add(other)
        return found


def _start(message: dict[str, Any], output: int) -> int:
    """Start a program in a session of its own, with the empty device as its input, and return its process id."""
    failure, told = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _become(message, output, told)
    finally:
        os.close(told)
    try:
        if text := os.read(failure, 4096):
            os.waitpid(pid, 0)
            raise OSError(text.decode("utf-8", "replace"))
    finally:
        os.close(failure)
    return pid


def _become(message: dict[str, Any], output: int, told: int) -> None:
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for name in _RESTORED:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
        empty = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((empty, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.chdir(message["cwd"])
        os.execvpe(message["argv"][0], message["argv"], message["env"])  # noqa: S606 - that is what it is for
    except BaseException as error:  # noqa: BLE001 - nothing of us may run on in this process
        os.write(told, str(error).encode("utf-8", "replace")[:4096])
    finally:
        os._exit(127)


def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    head, descriptors, _, _ = socket.recv_fds(channel, 4, 4)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if (head := head + _read(channel, 4 - len(head)) if head else head) == b"":
        return None
    return json.loads(_read(channel, int.from_bytes(head, "big"))), descriptors


def _read(channel: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            raise OSError("the other end is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(channel: socket.socket, value: dict[str, Any]) -> None:
    text = json.dumps(value).encode()
    channel.sendall(len(text).to_bytes(4, "big") + text)


def _load(name: str) -> ModuleType:
    """Load a neighbour without its package, whose imports cost more than all the rest."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pass_over(*_: object) -> None:
    """Do nothing with a signal, which is not the same as ignoring it: programs do not inherit that."""


if __name__ == "__main__":
    sys.exit(main())
