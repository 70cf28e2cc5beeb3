"""Locks round a run: our own, one `run` at a time for a project, and DVC's, so that plain DVC commands and we keep out of each other's way.

DVC has two: `.dvc/tmp/lock`, held while a command works on the cache and on dvc.lock, and `.dvc/tmp/rwlock`, a list of the paths that
running stages read and write. Both are kept here exactly as DVC 3 keeps them (`dvc/lock.py`, `dvc/rwlock.py`), without loading it.
"""

from __future__ import annotations

import configparser
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.errors import RefusedError
from mlops_kit.outside.aside import recover
from mlops_kit.outside.file_lock import Holder, Waiting, hold_file, hold_link, holder_of, silent
from mlops_kit.outside.tree import ancestors
from mlops_kit.outside.whole_files import sweep

RUN_LOCK = Path(".dvc/tmp/mlops-kit/run.lock")
DVC_LOCK = Path(".dvc/tmp/lock")
CLAIMS = Path(".dvc/tmp/rwlock")
_CLAIMS_GUARD = Path(".dvc/tmp/rwlock.lock")


@dataclass(frozen=True)
class RunLock:
    """The right to run stages of a project."""

    descriptor: int
    """The open lock file. A process that inherits it keeps the lock when this one is killed."""


@contextmanager
def hold_run(root: Path, *, patience: float | None = None, on_wait: Waiting = silent) -> Iterator[RunLock]:
    """Make this process the only one that runs stages of the project at `root`, while the block lasts.

    What a run that was killed together with its warden has left half done is put right first: old outputs come back.
    Waits for whoever has the lock, for ever when `patience` (seconds) is None; `on_wait` is told once who that is. The lock of a process that
    was killed is free, as soon as its warden has cleaned up. Raises RefusedError naming the holder when the patience is at its end, and
    at once when it is a run that started this process: each would wait for the other.
    """
    what = f"the project in {root} is being run"
    if (
        "DVC_STAGE" in os.environ
        and (holder := run_holder(root)) is not None
        and holder.pid in ancestors(os.getpid())
    ):
        raise RefusedError(
            f"stage `{os.environ['DVC_STAGE']}` runs mlops-kit for its own project, and {holder} waits for the stage",
            fix="take that command out of the stage, or let it work on another clone",
        )
    with hold_file(root / RUN_LOCK, f"{os.getpid()}\n", what, patience, on_wait) as descriptor:
        recover(root)
        sweep(root / ".dvc/tmp")
        yield RunLock(descriptor)


def run_holder(root: Path) -> Holder | None:
    """Return who runs stages of the project at `root` now; None when nobody does."""
    return holder_of(root / RUN_LOCK)


@contextmanager
def hold_dvc(root: Path, *, patience: float | None = None, on_wait: Waiting = silent) -> Iterator[None]:
    """Hold DVC's own lock of the repository at `root` while the block lasts: its cache and its dvc.lock are ours alone.

    Waits for the DVC command that has it, for ever when `patience` (seconds) is None; `on_wait` is told once who that is. Raises
    RefusedError when the patience is at its end.
    """
    with _hold_as_dvc(root, DVC_LOCK, patience, on_wait):
        yield


class Announced:
    """The paths that our running stages read and write, told to DVC, which refuses to work on them meanwhile."""

    def __init__(self, root: Path, command: str = "") -> None:
        self._root = root
        self._info = {"pid": os.getpid(), "cmd": command or _command()}
        self._stages: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def add(self, stage: str, reads: Iterable[str], writes: Iterable[str]) -> Holder | None:
        """Claim paths (relative to the root) for `stage` and return None, or the process of somebody else that has one of them."""
        claim = (self._absolute(reads), self._absolute(writes))
        with _edit_claims(self._root) as claims:
            if (blocker := _blocker(claims, *claim, self._info)) is not None:
                return blocker
            self._stages[stage] = claim
            for path in claim[1]:
                claims["write"][path] = self._info
            for path in claim[0]:
                readers = claims["read"].setdefault(path, [])
                if self._info not in readers:
                    readers.append(self._info)
        return None

    def remove(self, *stages: str) -> None:
        """Give up what was claimed for `stages`; those that claimed nothing are passed over."""
        gone = [self._stages.pop(stage) for stage in stages if stage in self._stages]
        if not gone:
            return
        left_reads = {path for reads, _ in self._stages.values() for path in reads}
        left_writes = {path for _, writes in self._stages.values() for path in writes}
        with _edit_claims(self._root) as claims:
            for reads, writes in gone:
                for path in writes:
                    if path not in left_writes and claims["write"].get(path) == self._info:
                        del claims["write"][path]
                for path in reads:
                    if path not in left_reads and self._info in claims["read"].get(path, ()):
                        claims["read"][path].remove(self._info)

    def close(self) -> None:
        """Give up everything."""
        self.remove(*list(self._stages))

    def _absolute(self, paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(os.path.normpath(self._root / path) for path in paths if "://" not in path)
        )


def forget_claims(root: Path, pid: int) -> None:
    """Take what a process that is gone had claimed out of DVC's list."""
    if not (root / CLAIMS).exists():
        return
    with _edit_claims(root) as claims:
        claims["write"] = {path: info for path, info in claims["write"].items() if info["pid"] != pid}
        claims["read"] = {
            path: [info for info in readers if info["pid"] != pid] for path, readers in claims["read"].items()
        }


@contextmanager
def _edit_claims(root: Path) -> Iterator[dict[str, Any]]:
    """Read DVC's list of claims, and write it when the block has changed it, in one step: a half-written one stops every DVC command."""
    path = root / CLAIMS
    with _hold_as_dvc(root, _CLAIMS_GUARD, None, silent):
        before = _read_claims(path)
        claims = {
            "write": dict(before["write"]),
            "read": {name: list(who) for name, who in before["read"].items()},
        }
        yield claims
        claims["read"] = {name: who for name, who in claims["read"].items() if who}
        if claims != before:
            fresh = path.with_name(f".rwlock.{os.getpid()}.new")
            try:
                fresh.write_text(json.dumps(claims), encoding="utf-8", newline="\n")
                os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows
            finally:
                fresh.unlink(missing_ok=True)


def _read_claims(path: Path) -> dict[str, Any]:
    """Return the claims; none when a killed DVC has left half a list, which its own commands can only refuse."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return {"write": dict(value.get("write") or {}), "read": dict(value.get("read") or {})}
    except (OSError, ValueError, TypeError, AttributeError):
        return {"write": {}, "read": {}}


def _blocker(
    claims: Mapping[str, Any], reads: Iterable[str], writes: Iterable[str], mine: Mapping[str, Any]
) -> Holder | None:
    """Return a living process that writes what we read or write, or reads what we write; claims of dead ones are dropped."""
    wanted = [*reads, *writes]
    for path, info in list(claims["write"].items()):
        if info == mine or not any(_overlap(path, other) for other in wanted):
            continue
        if _is_alive(info["pid"]):
            return Holder(info["pid"], info.get("cmd", ""))
        del claims["write"][path]
    for path, readers in list(claims["read"].items()):
        if not any(_overlap(path, other) for other in writes):
            continue
        for info in [info for info in readers if info != mine]:
            if _is_alive(info["pid"]):
                return Holder(info["pid"], info.get("cmd", ""))
            readers.remove(info)
    return None


def _overlap(left: str, right: str) -> bool:
    return left == right or left.startswith(right + os.sep) or right.startswith(left + os.sep)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # there a signal of 0 ends the process
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # type: ignore[attr-defined,unused-ignore]
        ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined,unused-ignore]
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _hold_as_dvc(root: Path, name: Path, patience: float | None, on_wait: Waiting) -> Iterator[None]:
    what = f"the DVC repository in {root} is being worked on"
    if _uses_links(root):
        with hold_link(root / name, what, patience, on_wait):
            yield
    else:
        with hold_file(root / name, f" {os.getpid()}\n", what, patience, on_wait):
            yield


def _uses_links(root: Path) -> bool:
    """Return whether `core.hardlink_lock` is set for the repository."""
    for name in ("config.local", "config"):
        with suppress(OSError, UnicodeDecodeError, configparser.Error, ValueError):
            text = (root / ".dvc" / name).read_text(encoding="utf-8")
            if "hardlink_lock" in text:
                parser = configparser.RawConfigParser(strict=False)
                parser.read_string("\n".join(line.strip() for line in text.splitlines()))
                return parser.getboolean("core", "hardlink_lock")
    return False


def _command() -> str:
    return " ".join(sys.argv)
