"""Folders for what does not fit into memory: gone when they are closed, and those of killed processes with the next that is made."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.outside.file_lock import holder_of, try_lock

HELD = "held"


@dataclass(frozen=True)
class Scratch:
    """A folder of this process among the system's temporary ones."""

    path: Path
    """The folder."""
    descriptor: int
    """Its locked file: free again when the process is gone, however it went."""

    def close(self) -> None:
        """Remove the folder; a second call does nothing."""
        if self.path.exists():
            with suppress(OSError):
                os.close(self.descriptor)
            shutil.rmtree(self.path, ignore_errors=True)


def open_scratch(prefix: str) -> Scratch:
    """Return a new folder whose name begins with `prefix`, after removing those whose process was killed."""
    _sweep(prefix)
    path = Path(tempfile.mkdtemp(prefix=prefix))
    # Locked before it has its name, so that nobody finds it free in between.
    fresh = path / f"{HELD}.new"
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    try_lock(descriptor)
    if os.name == "nt":  # an open file keeps its name there, and keeps the folder from being removed
        return Scratch(path, descriptor)
    fresh.rename(path / HELD)
    return Scratch(path, descriptor)


def _sweep(prefix: str) -> None:
    for held in Path(tempfile.gettempdir()).glob(f"{prefix}*/{HELD}"):
        # No lock and no file: another process has swept it meanwhile.
        if held.exists() and os.access(held, os.R_OK | os.W_OK) and holder_of(held) is None:
            shutil.rmtree(held.parent, ignore_errors=True)
