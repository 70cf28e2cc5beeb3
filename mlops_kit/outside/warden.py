"""Starts a program and sees to it that nothing of it is left: run as a program of its own, between us and what we start.

Whatever the program starts, also in sessions of its own, ends when the program has ended, and when we end, however that happens:
by a signal, by `kill -9`, with the terminal. `python warden.py PROGRAM ARGUMENT...` with a pipe as standard input that is closed when
whoever started it is gone. Standard library only and no package: it must start in a few milliseconds.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Run the program that the arguments name and return its exit code; 128 and the signal's number when a signal ended it."""
    tree = _load_tree()
    adopted = _adopt_orphans()
    # A handler and not SIG_IGN, which the program would inherit: it gets the terminal's Ctrl-C, we wait for it.
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def below() -> list[int]:
        _reap(adopted, child.pid)
        return list(tree.descendants(os.getpid()))

    def end(*_: object) -> None:
        tree.end_all(below)
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_wait_for_end_of_input, args=(end,), daemon=True).start()
    code = child.wait()
    tree.end_all(below)
    return code if code >= 0 else 128 - code


def _load_tree() -> ModuleType:
    """Load the neighbour `tree.py` without its package, whose imports cost more than all the rest."""
    spec = importlib.util.spec_from_file_location("tree", Path(__file__).with_name("tree.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _adopt_orphans() -> bool:
    """Become the parent of processes below us whose own parent ends; return whether this system can do that (Linux)."""
    try:
        return int(ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0
    except (OSError, AttributeError, TypeError):
        return False


def _reap(adopted: bool, child: int) -> None:
    """Take note of the end of adopted processes, which else would be counted as still there."""
    if not adopted:
        return
    with suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid == child:
                return  # its exit code belongs to whoever waits for it
            os.waitpid(found.si_pid, os.WNOHANG)


def _wait_for_end_of_input(end: object) -> None:
    with suppress(OSError):
        while os.read(0, 1):
            pass
    assert callable(end)
    end()


if __name__ == "__main__":
    sys.exit(main())
