"""Programs that run side by side: started, listened to line by line, signalled and ended from one thread.

They run below a warden (`warded.py`), or in forks of a warm process (`warm.py`), so that nothing of them outlives this process. Where
processes cannot fork (Windows) they are ordinary children.
"""

from __future__ import annotations

import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlops_kit.errors import OutsideError

if TYPE_CHECKING:
    from mlops_kit.outside.child import Child, WarmStarter
    from mlops_kit.outside.warded import Warded


NOT_STARTED = 127
_LINE_LIMIT = 1 << 20
_GRACE_SECONDS = 3.0
_CLOSED_WITHIN = 20.0


@dataclass(frozen=True)
class ChildLine:
    """A program has printed a line."""

    key: str
    """As it was started."""
    text: str
    """The line without its end."""


@dataclass(frozen=True)
class ChildEnd:
    """A program has ended."""

    key: str
    """As it was started."""
    code: int
    """Its exit code; negative for a signal, NOT_STARTED when it could not be started."""
    cpu_seconds: float = 0.0
    """Processor time of it and of what it waited for."""
    peak_bytes: int = 0
    """Largest resident memory of one process; 0 when unknown."""
    warm: bool = False
    """Whether it ran in a fork of a warm process."""


@dataclass(frozen=True)
class Program:
    """What to start."""

    argv: Sequence[str] | str
    """Program and arguments; a text is for the shell of the system (Windows)."""
    cwd: Path
    """Where it runs."""
    env: Mapping[str, str]
    """Its whole environment."""
    words: Sequence[str] | None = None
    """The same as words of one Python program, which may start warm; None for anything else."""
    bare_env: Mapping[str, str] | None = None
    """The environment that the Python program would get from the shell."""


class Children(Protocol):
    """Programs that run side by side."""

    def start(self, key: str, program: Program) -> None:
        """Start a program that is called `key` from now on."""
        ...

    def wait(self, timeout: float | None) -> list[ChildLine | ChildEnd]:
        """Return what has happened since the last call, after at most `timeout` seconds."""
        ...

    def signal(self, key: str, number: int) -> None:
        """Send a signal to the program and what it has started; nothing when it has ended."""
        ...

    def end(self, key: str) -> None:
        """End the program and all that it started: asked first, and forced some seconds later."""
        ...

    def process(self, key: str) -> int:
        """Return its process id; 0 when it is not known."""
        ...

    def close(self) -> None:
        """End all that still runs."""
        ...


def open_children(root: Path, lock: int | None = None, warm: WarmStarter | None = None) -> Children:
    """Return children for the project at `root`; `lock` is the descriptor of the run's lock, `warm` may start Python programs."""
    from mlops_kit.outside.warded import can_ward

    return GuardedChildren(root, lock, warm) if can_ward() else PlainChildren()


@dataclass
class _Running:
    read: int
    pid: int = 0
    warm: Child | None = None
    program: Program | None = None
    kill_at: float = 0.0


class GuardedChildren:
    """Children below a warden or below a warm process."""

    def __init__(self, root: Path, lock: int | None, warm: WarmStarter | None) -> None:
        self._root = root
        self._lock = lock
        self._warm = warm
        self._warded: Warded | None = None
        self._selector = selectors.DefaultSelector()
        self._running: dict[str, _Running] = {}
        self._keys: dict[int, str] = {}
        self._outputs: dict[int, tuple[str, bytes]] = {}
        self._waiting: list[ChildLine | ChildEnd] = []
        # Before any output is moved aside: whoever kills us then, there is somebody to bring it back.
        self._open_warden()

    def start(self, key: str, program: Program) -> None:
        """Start a program, warm where that can be."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        self._running[key] = running = _Running(read, program=program)
        self._outputs[read] = (key, b"")
        self._selector.register(read, selectors.EVENT_READ)
        try:
            if not self._start_warm(key, running, program, write):
                self._start_cold(key, running, program, write)
        finally:
            os.close(write)

    def _open_warden(self) -> None:
        """Have a warden for warm programs as well: old outputs have to come back when we are killed, whatever ran."""
        from mlops_kit.outside.warded import Warded

        if self._warded is None:
            self._warded = Warded(self._root, self._lock)
            self._selector.register(self._warded.fileno(), selectors.EVENT_READ)

    def _start_warm(self, key: str, running: _Running, program: Program, write: int) -> bool:
        if self._warm is None or program.words is None or program.bare_env is None:
            return False
        child = self._warm.start(program.words, cwd=program.cwd, environment=program.bare_env, stdout=write)
        if child is None:
            return False
        running.warm = child
        self._selector.register(child.fileno(), selectors.EVENT_READ, key)
        return True

    def _start_cold(self, key: str, running: _Running, program: Program, write: int) -> None:
        assert self._warded is not None
        assert not isinstance(program.argv, str)
        try:
            running.pid = self._warded.start(program.argv, cwd=program.cwd, env=program.env, output=write)
        except OutsideError as error:
            del self._running[key]
            self._waiting += [ChildLine(key, error.message), ChildEnd(key, NOT_STARTED)]
        else:
            self._keys[running.pid] = key

    def wait(self, timeout: float | None) -> list[ChildLine | ChildEnd]:
        """Return what has happened since the last call; an end comes after all lines that were printed before it."""
        found, self._waiting = self._waiting, []
        if found:
            timeout = 0.0
        if any(running.kill_at for running in self._running.values()):
            timeout = min(0.1, 0.1 if timeout is None else timeout)
        for ready, _ in self._selector.select(timeout):
            if ready.fd in self._outputs:
                found += self._read_output(ready.fd)
            elif ready.data is not None:
                found += self._poll_warm(str(ready.data))
        found += self._ended()
        self._press()
        return found

    def _ended(self) -> Iterator[ChildLine | ChildEnd]:
        if self._warded is None or not self._keys:
            return
        for ended in self._warded.ended():
            if (key := self._keys.pop(ended.pid, None)) is not None:
                yield from self._drain(self._running.pop(key).read)
                yield ChildEnd(key, ended.code, ended.cpu_seconds, ended.peak_bytes)

    def _poll_warm(self, key: str) -> Iterator[ChildLine | ChildEnd]:
        running = self._running.get(key)
        if running is None or running.warm is None or (ended := running.warm.poll()) is None:
            return
        child = running.warm
        self._selector.unregister(child.fileno())
        child.close()
        if not ended.started and not running.kill_at and running.program is not None:
            del self._running[key]
            self._forget_output(running.read)
            self.start(key, replace(running.program, words=None))  # it never began: now afresh
            return
        del self._running[key]
        yield from self._drain(running.read)
        yield ChildEnd(key, ended.code, ended.cpu_seconds, ended.peak_bytes, child.warm)

    def signal(self, key: str, number: int) -> None:
        """Send a signal to the program and those in its process group."""
        if (running := self._running.get(key)) is None:
            return
        if running.warm is not None:
            running.warm.signal(number)
        elif running.pid:
            with suppress(OSError):
                os.killpg(running.pid, number)

    def end(self, key: str) -> None:
        """End the program and all below it."""
        if (running := self._running.get(key)) is None:
            return
        if running.warm is not None:
            running.warm.signal(signal.SIGTERM)
            running.kill_at = time.monotonic() + _GRACE_SECONDS
        elif self._warded is not None:
            self._warded.end(running.pid)

    def _press(self) -> None:
        for running in self._running.values():
            if running.kill_at and running.warm is not None and time.monotonic() > running.kill_at:
                running.warm.signal(signal.SIGKILL)

    def process(self, key: str) -> int:
        """Return its process id."""
        running = self._running.get(key)
        return 0 if running is None else running.warm.pid if running.warm is not None else running.pid

    def close(self) -> None:
        """End all that still runs, and the warden."""
        if self._warded is not None:
            self._warded.close()
        if self._warm is not None:
            self._warm.close()
        for read in list(self._outputs):
            self._forget_output(read)
        self._selector.close()

    def _drain(self, read: int) -> Iterator[ChildLine]:
        """Yield what a program has printed until now; what it left running may print more, which is read later."""
        if read in self._outputs:
            yield from self._read_output(read)
        if read in self._outputs:
            key, rest = self._outputs[read]
            if rest:
                yield ChildLine(key, _text(rest))
                self._outputs[read] = (key, b"")

    def _read_output(self, read: int) -> Iterator[ChildLine]:
        key, rest = self._outputs[read]
        while True:
            try:
                data = os.read(read, 1 << 16)
            except BlockingIOError:
                break
            if not data:
                if rest:
                    yield ChildLine(key, _text(rest))
                self._forget_output(read)
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield ChildLine(key, _text(line))
            if len(rest) > _LINE_LIMIT:
                yield ChildLine(key, _text(rest))
                rest = b""
        self._outputs[read] = (key, rest)

    def _forget_output(self, read: int) -> None:
        del self._outputs[read]
        self._selector.unregister(read)
        os.close(read)


class PlainChildren:
    """Ordinary children, each with a thread that reads what it prints."""

    def __init__(self) -> None:
        self._events: queue.Queue[ChildLine | ChildEnd] = queue.Queue()
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, key: str, program: Program) -> None:
        """Start a program; a text as `argv` is for the shell of the system."""
        argv = program.argv
        try:
            process = subprocess.Popen(
                argv, cwd=program.cwd, env=dict(program.env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, shell=isinstance(argv, str), text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            self._events.put(ChildLine(key, str(error)))
            self._events.put(ChildEnd(key, NOT_STARTED))
            return
        self._running[key] = process
        threading.Thread(target=self._listen, args=(key, process), daemon=True).start()

    def wait(self, timeout: float | None) -> list[ChildLine | ChildEnd]:
        """Return what has happened since the last call."""
        found: list[ChildLine | ChildEnd] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=timeout))
            while True:
                found.append(self._events.get_nowait())
        for event in found:
            if isinstance(event, ChildEnd):
                self._running.pop(event.key, None)
        return found

    def signal(self, key: str, number: int) -> None:
        """Send a signal to the program."""
        if key in self._running:
            with suppress(OSError, ValueError):
                self._running[key].send_signal(number)

    def end(self, key: str) -> None:
        """End the program."""
        if key in self._running:
            self._running[key].terminate()

    def process(self, key: str) -> int:
        """Return its process id."""
        return self._running[key].pid if key in self._running else 0

    def close(self) -> None:
        """End all that still runs."""
        for process in self._running.values():
            process.kill()
        deadline = time.monotonic() + _CLOSED_WITHIN
        while self._running and time.monotonic() < deadline:
            self.wait(0.1)

    def _listen(self, key: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._events.put(ChildLine(key, line.rstrip("\r\n")))
        self._events.put(ChildEnd(key, process.wait()))


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
