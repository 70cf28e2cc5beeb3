"""The engine of this machine: commands in the user's shell, side by side, Python programs started warm where that can be."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.engines._base import StageExit, StageLine, StageTask, StageUsage
from mlops_kit.outside.children import ChildEnd, Children, Program
from mlops_kit.outside.shell import shell_arguments, users_shell
from mlops_kit.outside.warm import python_program, shell_environment

TAIL_LINES = 40


@dataclass
class _Running:
    task: StageTask
    began: float
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    done: int = 0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    warm: bool = True
    cancelled: bool = False


class LocalEngine:
    """Runs stages as children of this process."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._running: dict[str, _Running] = {}

    def start(self, task: StageTask) -> None:
        """Begin with the first command of `task`."""
        running = self._running[task.stage] = _Running(task, time.monotonic())
        self._next(running)

    def wait(self, timeout: float | None) -> Sequence[StageLine | StageExit]:
        """Return lines and ends of stages since the last call."""
        return list(self._wait(timeout))

    def _wait(self, timeout: float | None) -> Iterator[StageLine | StageExit]:
        for event in self._children.wait(timeout):
            running = self._running.get(event.key)
            if isinstance(event, ChildEnd):
                if running is not None:
                    yield from self._ended(running, event)
                continue
            if running is not None:
                running.tail.append(event.text)
            yield StageLine(event.key, event.text)

    def _ended(self, running: _Running, end: ChildEnd) -> Iterator[StageExit]:
        running.done += 1
        running.cpu_seconds += end.cpu_seconds
        running.peak_bytes = max(running.peak_bytes, end.peak_bytes)
        running.warm = running.warm and end.warm
        commands = running.task.commands
        if end.code == 0 and running.done < len(commands) and not running.cancelled:
            self._next(running)
            return
        del self._running[running.task.stage]
        unfinished = end.code != 0 or running.done < len(commands)
        seconds = time.monotonic() - running.began
        yield StageExit(
            running.task.stage,
            end.code if end.code or not unfinished else -int(signal.SIGINT),
            StageUsage(seconds, running.cpu_seconds, running.peak_bytes, warm=running.warm),
            tuple(running.tail),
            commands[running.done - 1] if unfinished else "",
        )

    def _next(self, running: _Running) -> None:
        task = running.task
        command = task.commands[running.done]
        shell = users_shell(task.environment)
        words = bare = None
        if os.name != "nt" and (words := python_program(command)) is not None:
            bare = shell_environment(task.environment, folder=task.folder, shell=shell)
        argv = shell_arguments(shell, command)
        self._children.start(task.stage, Program(argv, task.folder, task.environment, words, bare))

    def cancel(self, stages: Collection[str]) -> None:
        """End these stages and all that they started."""
        for stage in stages:
            if stage in self._running:
                self._running[stage].cancelled = True
                self._children.end(stage)

    def interrupt(self, stages: Collection[str], number: int = signal.SIGINT) -> None:
        """Hand a signal to the running command of these stages, as a terminal would; no further command of them starts."""
        for stage in stages:
            if stage in self._running:
                self._running[stage].cancelled = True
                self._children.signal(stage, number)

    def memory(self) -> Mapping[str, int]:
        """Return running stage -> resident bytes of its main process now, where the system says so."""
        found: dict[str, int] = {}
        for stage in self._running:
            with suppress(OSError, ValueError, IndexError):
                pages = Path(f"/proc/{self._children.process(stage)}/statm").read_text(encoding="ascii")
                found[stage] = int(pages.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return found

    def close(self) -> None:
        """End everything that still runs."""
        self._running.clear()
        self._children.close()
