"""Processes above and below one: who started us, and ending everything that we started. Standard library only, it must start fast."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

_PROC = "/proc"
GRACE_SECONDS = 3.0


def parents_of_all() -> dict[int, int]:
    """Return process id -> that of its parent, of every process that can be seen; empty where that cannot be asked."""
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 - strings are what is wanted
    except OSError:
        return _ask_ps()
    found: dict[int, int] = {}
    for name in names:
        if name.isdecimal():
            # The name in brackets may hold spaces and brackets itself; after it come the state and the parent.
            with suppress(OSError, ValueError, IndexError), open(f"{_PROC}/{name}/stat", "rb") as file:  # noqa: PTH123
                found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    return found or _ask_ps()


def _ask_ps() -> dict[int, int]:
    try:
        out = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.split() for line in out.splitlines()]
    return {int(row[0]): int(row[1]) for row in rows if len(row) == 2 and "".join(row).isdecimal()}


def descendants(pid: int) -> list[int]:
    """Return all processes that `pid` started, directly and through others, nearest first."""
    parents = parents_of_all()
    found: list[int] = []
    layer = {pid}
    while layer:
        layer = {child for child, parent in parents.items() if parent in layer}
        layer -= {pid, *found}
        found += sorted(layer)
    return found


def ancestors(pid: int) -> list[int]:
    """Return the parent of `pid`, its parent and so on, nearest first."""
    parents = parents_of_all()
    found: list[int] = []
    while (pid := parents.get(pid, 0)) > 0 and pid not in found:
        found.append(pid)
    return found


def command_line(pid: int) -> list[str]:
    """Return the command line of a process, empty when it cannot be read."""
    try:
        with open(f"{_PROC}/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def end_all(find: Callable[[], Iterable[int]], *, grace: float = GRACE_SECONDS) -> None:
    """Ask the processes that `find` returns to end, and end those that do not within `grace` seconds, and what they started since."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while left := set(find()):
        strong = time.monotonic() > deadline
        for pid in left if strong else left - asked:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL if strong and os.name != "nt" else signal.SIGTERM)
        asked |= left
        if time.monotonic() > deadline + grace:
            return
        time.sleep(0.02)
