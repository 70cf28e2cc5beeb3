"""Locks that are files: taken, waited for, and free again when their holder is gone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.outside.tree import command_line

_POLL_SECONDS = 0.05
_YEAR_SECONDS = 365 * 86400.0


@dataclass(frozen=True)
class Holder:
    """The process that has a lock."""

    pid: int
    """0 when it is not known."""
    command: str = ""
    """Its command line, empty when it is not known."""

    def __str__(self) -> str:
        known = f"process {self.pid}" if self.pid else "another process"
        return f"{known} ({self.command})" if self.command else known


Waiting = Callable[[Holder], None]
"""Is told, once, who has the lock that is waited for."""


def silent(_holder: Holder) -> None:
    """Tell nobody."""


@contextmanager
def hold_file(path: Path, text: str, what: str, patience: float | None, on_wait: Waiting) -> Iterator[int]:
    """Lock the file `path` while the block lasts, write `text` into it, and give its descriptor.

    A process that inherits the descriptor keeps the lock when this one is killed. Waits for the holder, for ever when `patience`
    (seconds) is None. Raises RefusedError, which begins with `what`, when that is at its end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait(lambda: try_lock(descriptor), path, what, patience, on_wait)
        with suppress(OSError):  # who it is, is for people: a full disk does not matter
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, text.encode())
        try:
            yield descriptor
        finally:
            _unlock(descriptor)  # said, because whoever has inherited the file would keep it locked
    finally:
        os.close(descriptor)


@contextmanager
def hold_link(path: Path, what: str, patience: float | None, on_wait: Waiting) -> Iterator[None]:
    """Hold a lock as the flufl.lock library does, for file systems that cannot lock: the lock file is a second name of our claim.

    The time of the file says until when it is held. Raises RefusedError as `hold_file`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    claim = path.with_name(f"{path.name}-{os.getpid()}-{time.monotonic_ns()}.lock")
    claim.write_text(str(claim), encoding="utf-8")
    end = time.time() + _YEAR_SECONDS
    os.utime(claim, (end, end))

    def take() -> bool:
        with suppress(OSError):
            os.link(claim, path)
        with suppress(OSError):
            if path.stat().st_mtime < time.time():
                path.unlink()
        return claim.stat().st_nlink == 2  # what link itself says may be wrong on a network file system

    try:
        _wait(take, path, what, patience, on_wait)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        claim.unlink(missing_ok=True)


def holder_of(path: Path) -> Holder | None:
    """Return who has the lock file `path` locked now, None when nobody has."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        if try_lock(descriptor):
            _unlock(descriptor)
            return None
        return _named_in(path)
    finally:
        os.close(descriptor)


def _wait(take: Callable[[], bool], path: Path, what: str, patience: float | None, on_wait: Waiting) -> None:
    start = time.monotonic()
    told = False
    while not take():
        waited = time.monotonic() - start
        if patience is not None and waited >= patience:
            raise _busy(what, _named_in(path))
        if not told:
            told = True
            on_wait(_named_in(path))
        time.sleep(_POLL_SECONDS)


def _busy(what: str, holder: Holder) -> RefusedError:
    end = f", or end it: kill {holder.pid}" if holder.pid else ""
    return RefusedError(f"{what} by {holder}", fix=f"wait for it{end}")


def _named_in(path: Path) -> Holder:
    try:
        words = path.read_text(encoding="utf-8").split()
        pid = int(words[0])
    except (OSError, ValueError, IndexError):
        return Holder(0)
    return Holder(pid, " ".join(command_line(pid)))


def try_lock(descriptor: int) -> bool:
    """Lock an open file, and return whether that was possible: nobody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_UN)
