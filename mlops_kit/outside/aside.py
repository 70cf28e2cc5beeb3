"""The outputs that a stage had before it runs again: put aside, and brought back unless the stage succeeds.

A command has to find its outputs gone, as under DVC, and the last good ones have to survive it. So they are renamed into
`.dvc/tmp/mlops-kit/aside/<stage>/`, behind a list that says what was where; whoever comes after a crash brings them back. Standard
library only and no package: the warden loads this file by itself.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nothing runs warm
    fcntl = None  # type: ignore[assignment]

PLACE = Path(".dvc/tmp/mlops-kit/aside")
FAILED = Path(".dvc/tmp/mlops-kit/failed")
PROGRAMS = Path(".dvc/tmp/mlops-kit/programs.lock")
_LIST = "list.json"
_DONE = ".done"
_UNREADABLE = ".unreadable"
_ENDED_WITHIN = 15.0


class Aside:
    """Puts outputs aside. Only whoever holds the run lock of the project may use it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, stage: str, paths: Sequence[str]) -> None:
        """Move what is at `paths` (relative to the root, `/` between names) out of the way, before the commands of `stage` start.

        The folders that they lie in exist afterwards: one after another, stages find those that an earlier one has made, and side by
        side they must not depend on which is first. Raises OSError, with everything back in its place, when
        something cannot be moved.
        """
        folder = self._folder(stage)
        if folder.exists():
            self.bring_back(stage)
        _remove(self._root / FAILED / _encoded(stage))
        folder.mkdir(parents=True)
        had = [os.path.lexists(self._root / path) for path in paths]
        _write_list(
            folder / _LIST, {"stage": stage, "paths": list(zip(paths, had, strict=True))}, sync=any(had)
        )
        try:
            for number, path in enumerate(paths):
                if had[number]:
                    _set_aside(self._root / path, folder / str(number))
                else:
                    (self._root / path).parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.bring_back(stage)
            raise

    def drop(self, stage: str) -> None:
        """Forget the old outputs of `stage`: the new ones are recorded. Does nothing when there are none."""
        folder = self._folder(stage)
        done = folder.with_name(folder.name + _DONE)
        _remove(done)
        with suppress(FileNotFoundError):
            listed = _read_list(folder)
            folder.rename(done)  # from here on nobody brings them back
            for path, had in listed["paths"] if listed else ():
                if had:
                    _remove(_beside(self._root / path))
            _remove(done)

    def bring_back(self, stage: str) -> None:
        """Put the old outputs of `stage` in their places again; what its commands have written goes to FAILED.

        Does nothing when there are none; may be interrupted at any point and called again. Raises OSError.
        """
        _bring_back(self._root, self._folder(stage))

    def _folder(self, stage: str) -> Path:
        return self._root / PLACE / _encoded(stage)


def recover(root: Path) -> tuple[str, ...]:
    """Bring back the outputs of all stages of the project at `root` that did not come to their end; return the stages' names.

    To be called by whoever holds the run lock, when no stage runs. Raises OSError.
    """
    try:
        names = sorted(os.listdir(root / PLACE))  # noqa: PTH208 - nearly always nothing, on every run
    except OSError:
        return ()
    if names:
        _wait_for_programs(root)
    stages = []
    for name in names:
        folder = root / PLACE / name
        if name.endswith(_DONE):
            _remove(folder)
        elif not name.endswith(_UNREADABLE):
            stages += _bring_back(root, folder)
    return tuple(stages)


def announce_programs(folder: Path) -> tuple[int, ...]:
    """Return a descriptor for a process below which programs of stages run, for the project around `folder`; empty without one.

    As long as that process has it open, `recover` waits: a program that is being ended may still write.
    """
    root = next(
        (home for home in (folder.absolute(), *folder.absolute().parents) if (home / ".dvc").is_dir()), None
    )
    if root is None or fcntl is None:
        return ()
    with suppress(OSError):
        (root / PROGRAMS).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / PROGRAMS, os.O_RDWR | os.O_CREAT, 0o666)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return (descriptor,)
    return ()


def _wait_for_programs(root: Path) -> None:
    deadline = time.monotonic() + _ENDED_WITHIN
    with suppress(OSError):
        descriptor = os.open(root / PROGRAMS, os.O_RDWR)
        while time.monotonic() < deadline and not _is_alone(descriptor):
            time.sleep(0.02)
        os.close(descriptor)


def _is_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return fcntl is None
    return True


def failed_outputs(root: Path, stage: str) -> Path:
    """Return the folder that has what the last failed run of `stage` had written; it need not exist."""
    return root / FAILED / _encoded(stage)


def _bring_back(root: Path, folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    listed = _read_list(folder)
    if listed is None:
        # The list is complete on the disk before the first output is moved, so without one there is nothing to bring back.
        if {name.name for name in folder.iterdir()} - {_LIST}:
            folder.rename(_free(folder, _UNREADABLE))
        else:
            _remove(folder)
        return []
    for number, (path, had) in enumerate(listed["paths"]):
        _restore(root, folder, number, path, had=had)
    done = folder.with_name(folder.name + _DONE)
    _remove(done)
    folder.rename(done)
    _remove(done)
    if _is_full(root):
        _remove(root / FAILED / folder.name)
    return [listed["stage"]]


def _is_full(root: Path) -> bool:
    """Return whether the disk has no room for what a failed command has left: often that is what has filled it."""
    with suppress(OSError):
        usage = shutil.disk_usage(root / ".dvc")
        return usage.free < usage.total // 50
    return False


def _restore(root: Path, folder: Path, number: int, path: str, *, had: bool) -> None:
    """Bring one output back. That the old one is no longer put aside says that it was brought back before, or never moved."""
    here = root / path
    kept = next((place for place in (folder / str(number), _beside(here)) if os.path.lexists(place)), None)
    if had and kept is None:
        return
    if os.path.lexists(here):
        _move_or_remove(here, root / FAILED / folder.name / path)
    if kept is not None:
        here.parent.mkdir(parents=True, exist_ok=True)
        kept.rename(here)


def _set_aside(here: Path, kept: Path) -> None:
    try:
        here.rename(kept)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        here.rename(_beside(here))  # on another file system


def _beside(here: Path) -> Path:
    name = f".{here.name}.mlops-kit-old"
    if len(os.fsencode(name)) > 250:
        name = f".{sha256(os.fsencode(here.name)).hexdigest()[:32]}.mlops-kit-old"
    return here.with_name(name)


def _move_or_remove(source: Path, target: Path) -> None:
    _remove(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError:  # another file system, or a full one: what a failed command left has to make room
        _remove(source)
        if os.path.lexists(source):
            raise


def _write_list(path: Path, value: Any, *, sync: bool) -> None:
    with path.open("w", encoding="utf-8", newline="\n", errors="surrogatepass") as file:
        json.dump(value, file)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def _read_list(folder: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads((folder / _LIST).read_text(encoding="utf-8"))
        if not all(isinstance(path, str) and isinstance(had, bool) for path, had in value["paths"]):
            return None
        value["stage"] = str(value["stage"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return value


def _free(folder: Path, suffix: str) -> Path:
    number = 1
    while (found := folder.with_name(f"{folder.name}-{number}{suffix}")).exists():
        number += 1
    return found


def _encoded(stage: str) -> str:
    """Return a file name for a stage name: readable, short enough, and another one for every stage."""
    name = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-_@") else f"%{ord(sign):02x}"
        for sign in stage
    )
    return (
        name
        if len(name) <= 120
        else f"{name[:80]}%{sha256(stage.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    )


def _remove(path: Path) -> None:
    """Remove a file, link or folder as far as that goes; what stays is tried again by the next run."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(path, onerror=_open_folder)
        return
    if os.name == "nt":
        with suppress(OSError):
            path.chmod(0o666)
    with suppress(OSError):
        path.unlink()


def _open_folder(_act: Callable[..., Any], name: str, _error: object) -> None:
    """Try again after making the folder writable; never the file, which may be a link to an object of the cache."""
    with suppress(OSError):
        parent = Path(name).parent
        parent.chmod(parent.stat().st_mode | 0o700)
        if Path(name).is_dir():
            Path(name).chmod(0o700)
            shutil.rmtree(name, ignore_errors=True)
        else:
            Path(name).unlink()
