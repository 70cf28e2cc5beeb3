"""Starts a command under limits that only the process itself can set. Run as a program, with nothing but the standard library.

`python -I launch.py LIMITS COMMAND ...`: LIMITS is JSON with `cpus` (a number), `aslr` (false), `network` (false), `umask`. Ends with
exit code 125 and a line that starts with `limit:` when the system refuses one.
"""

import ctypes
import json
import os
import signal
import sys

NO_RANDOMIZE = 0x0040000
DEATH_SIGNAL, NO_NEW_PRIVILEGES = 1, 38
CREATE_RULESET, RESTRICT_SELF = 444, 446
BIND_AND_CONNECT = 3
REFUSED = 125


def main() -> None:
    """Set the limits and become the command."""
    limits = json.loads(sys.argv[1])
    try:
        if sys.platform == "linux":
            _libc().prctl(DEATH_SIGNAL, signal.SIGKILL)
        if "umask" in limits:
            os.umask(limits["umask"])
        if "cpus" in limits:
            allowed = sorted(os.sched_getaffinity(0))  # type: ignore[attr-defined,unused-ignore]
            os.sched_setaffinity(0, allowed[: limits["cpus"]])  # type: ignore[attr-defined,unused-ignore]
        if limits.get("aslr") is False:
            _check(_libc().personality(NO_RANDOMIZE), "no ASLR")
        if limits.get("network") is False:
            deny_tcp()
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"limit: {error}\n")
        raise SystemExit(REFUSED) from None
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is given as a list


def deny_tcp() -> None:
    """Refuse TCP connections to this process and its children (Landlock, Linux 6.7 or later). Raises OSError where that cannot be."""

    class Ruleset(ctypes.Structure):
        _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64))

    libc = _libc()
    rules = Ruleset(0, BIND_AND_CONNECT)
    made = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    _check(made, "no network")
    _check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no network")
    _check(libc.syscall(RESTRICT_SELF, made, 0), "no network")
    os.close(made)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
