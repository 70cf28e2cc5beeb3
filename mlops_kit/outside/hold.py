"""One process at a time for a stage, and none that outlives the DVC that started it.

DVC that is killed leaves its stage running; the next `dvc repro` starts the stage beside it, and both write the same outputs.
"""

from __future__ import annotations

import os
import re
import select
import stat
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.outside.tree import ancestors, command_line, descendants, end_all

LOCKS = Path(".dvc/tmp/mlops-kit/stages")
PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_STARTERS = re.compile(r"(^|[/\\])(dvc|mlops-kit)(\.exe)?$|^(dvc|mlops_kit)$")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox"})
_held: dict[Path, int] = {}


def hold_stage(root: Path, stage: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Make this process the only one that runs `stage` of the project at `root`, until it and all that it starts has ended.

    The lock is an open file that children inherit, so it is free again only when the last of them is gone. When the DVC above this
    process ends before it does, this process ends with all that it started. To be called once before anything is read; after
    `execve`, which keeps both the process and the lock, it may be called again.
    Raises RefusedError naming the process when another one holds the stage for longer than `patience` seconds.
    """
    if not (root / ".dvc").is_dir():
        return
    path = root / LOCKS / f"{re.sub(r'[^A-Za-z0-9._-]', _as_code, stage)}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + patience
    while not _lock(descriptor):
        holder = _holder(path)
        if holder == os.getpid() or (os.name == "nt" and holder == os.getppid()):
            os.close(descriptor)  # it is ours, from before this process started its program again
            _end_with_starter(path)
            return
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise _busy(stage, path)
        time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b"%d\n" % os.getpid())
    _keep(path, descriptor)
    _end_with_starter(path)


def holders(path: Path) -> list[int]:
    """Return the processes that have the lock file open, as far as that can be seen (Linux)."""
    found: list[int] = []
    try:
        wanted = path.stat()
        names = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return []
    for name in names:
        with suppress(OSError):
            if any(_is_same(f"/proc/{name}/fd/{link}", wanted) for link in os.listdir(f"/proc/{name}/fd")):  # noqa: PTH208
                found.append(int(name))
    return sorted(found)


def _is_same(link: str, wanted: os.stat_result) -> bool:
    try:
        here = os.stat(link)  # noqa: PTH116 - thousands of these
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino)


def _as_code(sign: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in sign[0].encode("utf-8", "surrogateescape"))


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(
                descriptor, 1 << 20, os.SEEK_SET
            )  # a byte behind the content, which others may still read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _keep(path: Path, descriptor: int) -> None:
    """Leave the lock open for this process and its children.

    Python closes all but the first three files in programs that it starts, so the lock becomes the standard input too where that is
    the empty device; it reads as empty like it.
    """
    os.set_inheritable(descriptor, True)
    os.lseek(descriptor, 0, os.SEEK_END)
    _held[path] = descriptor
    with suppress(OSError, ValueError):
        here, null = os.fstat(0), os.stat(os.devnull)  # noqa: PTH116
        if stat.S_ISCHR(here.st_mode) and here.st_rdev == null.st_rdev and os.name != "nt":
            os.dup2(descriptor, 0)


def _holder(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii").strip() or 0)
    except (OSError, ValueError):
        return 0


def _busy(stage: str, path: Path) -> RefusedError:
    pids = [pid for pid in holders(path) if pid != os.getpid()] or [_holder(path)]
    named = ", ".join(map(str, pids))
    return RefusedError(
        f"stage `{stage}` is still running (process {named}); two at once would write the same outputs",
        fix=f"wait for it, or end it: kill {' '.join(map(str, pids))}",
    )


def _end_with_starter(path: Path) -> None:
    """End this process and all that it started as soon as the DVC that it was started by is gone.

    A parent-death signal would not do: it reaches this process alone, ends it without its children, and the parent may be a shell
    that lives on.
    """
    above = ancestors(os.getpid())[:4]
    starter = next((pid for pid in above if _is_starter(pid)), None)
    if starter is None and os.environ.get("DVC_STAGE"):  # DVC inside of another program
        starter = next((pid for pid in above if pid > 1 and not _is_shell(pid)), None)
    if starter is not None:
        threading.Thread(target=_watch, args=(starter, path), name="end-with-dvc", daemon=True).start()


def _is_starter(pid: int) -> bool:
    return any(_STARTERS.search(word) for word in command_line(pid)[:4])


def _is_shell(pid: int) -> bool:
    return os.path.basename(next(iter(command_line(pid)), "")).lstrip("-") in _SHELLS  # noqa: PTH119 - may be no path


def _watch(pid: int, path: Path) -> None:
    _wait_for_end(pid)
    me = os.getpid()

    def others() -> set[int]:
        return {*descendants(me), *holders(path)} - {me}

    end_all(others)
    os._exit(1)


def _wait_for_end(pid: int) -> None:
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            descriptor = os.pidfd_open(pid)
            select.select([descriptor], [], [])
            return
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        except OSError:
            pass
        time.sleep(_POLL_SECONDS)
