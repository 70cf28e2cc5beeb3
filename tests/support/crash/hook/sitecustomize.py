"""Hits the Python process that finds it on its path: at its call number N that changes something below a place, in whichever thread.

strace counts for each thread by itself, so that a point in a thread of a pool cannot be named there; Python's audit events are counted
together here. `MLOPS_KIT_CRASH_AT` is JSON: `[N, fault, place, log]`; with N = 0 calls are only written down.
"""

import errno
import json
import os
import signal
import sys

_EVENTS = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "os.utime"}
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _install(wanted: int, fault: str, place: str, log: str) -> None:
    count = [0]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event not in _EVENTS or (
            event == "open" and not (isinstance(args[2], int) and args[2] & _WRITING)
        ):
            return
        about = " ".join(os.fsdecode(a) for a in args[:2] if isinstance(a, str | bytes))
        if place not in about:
            return
        count[0] += 1
        if not wanted:
            os.write(descriptor, f"{event}\t{about}\n".encode("utf-8", "replace"))
        elif count[0] == wanted:
            os.write(descriptor, b"(INJECTED)\n")
            kind, _, name = fault.partition("=")
            if kind == "signal":
                os.kill(os.getpid(), getattr(signal, name))
            else:
                number = getattr(errno, name)
                raise OSError(number, os.strerror(number), about)

    sys.addaudithook(hook)


if "MLOPS_KIT_CRASH_AT" in os.environ:
    _install(*json.loads(os.environ.pop("MLOPS_KIT_CRASH_AT")))
