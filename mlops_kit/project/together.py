"""Several files at once: all of them are written and removed, or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_all(root: Path, writes: Mapping[str, str | None]) -> None:
    """Write (path -> text) and remove (path -> None) files below `root`: all of them, or none when one of them fails.

    Everything is written beside first and moved in place then; what was there is put back when a move fails.
    """
    beside = Path(tempfile.mkdtemp(prefix=".mlops-kit-", dir=root))
    done: list[tuple[Path, Path | None]] = []
    try:
        for path, text in writes.items():
            if text is not None:
                fresh = beside / "new" / path
                fresh.parent.mkdir(parents=True, exist_ok=True)
                fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
                if (root / path).exists():
                    shutil.copymode(root / path, fresh)
        for path, text in writes.items():
            _move(root, path, beside, done, remove=text is None)
    except BaseException:
        _put_back(root, done)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    for path, text in writes.items():
        if text is None:
            remove_empty((root / path).parent, root)


def _put_back(root: Path, done: list[tuple[Path, Path | None]]) -> None:
    for target, old in reversed(done):
        with contextlib.suppress(OSError):
            if old is None:
                target.unlink(missing_ok=True)
                remove_empty(target.parent, root)
            elif old.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                _put(old, target)


def _move(root: Path, path: str, beside: Path, done: list[tuple[Path, Path | None]], *, remove: bool) -> None:
    target = root / path
    old = beside / "old" / path if target.exists() else None
    if old is not None:
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(target, old)
    elif remove:
        return
    done.append((target, old))
    if remove:
        target.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        _put(beside / "new" / path, target)


def _put(source: Path, target: Path) -> None:
    os.replace(source, target)  # noqa: PTH105 - the one call that also replaces on Windows


def remove_empty(folder: Path, root: Path) -> None:
    """Remove `folder` and its parents below `root` as long as they are empty."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
