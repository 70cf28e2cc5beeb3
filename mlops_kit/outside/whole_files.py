"""Files that appear whole or not at all: they are written elsewhere on the same file system and get their name when they are done."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HALF_DONE = "mlops-kit/tmp"
_A_DAY = 86_400


@contextmanager
def half_done(folder: Path) -> Iterator[Path]:
    """Yield the path of a new file below `folder`, on the same file system; it is gone afterwards unless it was moved away."""
    place = folder / HALF_DONE
    place.mkdir(parents=True, exist_ok=True)
    fresh = place / f"{_machine()}-{os.getpid()}-{uuid.uuid4().hex}"
    try:
        yield fresh
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()


@contextmanager
def unfinished(target: Path, root: Path | None = None) -> Iterator[Path]:
    """Yield the path of a new file that can be renamed to `target`; it is gone afterwards unless it was.

    It is in the DVC repository at `root` (the one around `target` when None), where nobody takes what a killed process leaves for an
    output, and where the next run sweeps it; beside `target` where that is another file system. Raises OSError.
    """
    home = root or next((folder for folder in target.parents if (folder / ".dvc").is_dir()), None)
    scratch = home and home / ".dvc/tmp"
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
        if scratch.stat().st_dev == target.parent.stat().st_dev:
            with half_done(scratch) as fresh:
                yield fresh
            return
    fresh = target.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes that are gone have left half done below `folder`."""
    with suppress(OSError):
        for path in (folder / HALF_DONE).iterdir():
            machine, _, rest = path.name.rpartition("-")[0].rpartition("-")
            dead = machine == _machine() and rest.isdecimal() and not _is_alive(int(rest))
            if dead or path.stat().st_mtime < time.time() - _A_DAY:
                path.unlink(missing_ok=True)


def settle(fresh: Path, target: Path, mode: int = 0o444) -> None:
    """Give a finished file its place, read-only as DVC keeps objects. Raises OSError."""
    fresh.chmod(mode)
    try:
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(fresh, target)  # noqa: PTH105 - as above


def flush_file(path: Path) -> None:
    """Wait until the content of a file is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _machine() -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in platform.node())


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it there; a day later it is swept
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
