"""Several programs at once, ended together with us however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from mlops_kit.outside.stream import _end, _warden

TAIL_LINES = 40


@dataclass(frozen=True)
class Finished:
    """A program that ended."""

    key: int
    """What the caller calls it."""
    code: int
    """Its exit code."""
    tail: tuple[str, ...]
    """The last lines of its output, both streams."""


class Crew:
    """Starts programs and waits for whichever ends first; those that still work when the block is left are interrupted, then ended."""

    def __init__(self) -> None:
        self._working: dict[int, subprocess.Popen[str]] = {}
        self._done: SimpleQueue[Finished] = SimpleQueue()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._working.values():
            with suppress(OSError):
                if os.name == "nt":
                    process.terminate()
                else:
                    os.killpg(process.pid, signal.SIGINT)
        for process in self._working.values():
            _end(process)

    def __len__(self) -> int:
        return len(self._working)

    def start(self, key: int, args: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Start `args`; `wait` will tell of its end by `key`."""
        guarded = os.name != "nt"
        process = subprocess.Popen(
            [*_warden(), *args] if guarded else list(args), cwd=cwd, env=dict(env),
            stdin=subprocess.PIPE if guarded else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace", start_new_session=guarded,
        )  # fmt: skip
        self._working[key] = process
        threading.Thread(target=self._read, args=(key, process), daemon=True).start()

    def wait(self) -> Finished:
        """Wait until one of the programs ends and return what it left."""
        done = self._done.get()
        del self._working[done.key]
        return done

    def _read(self, key: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        tail = deque((line.rstrip("\r\n") for line in process.stdout), TAIL_LINES)
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._done.put(Finished(key, code, tuple(tail)))
