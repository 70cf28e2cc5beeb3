"""The environment that the user has activated."""

from __future__ import annotations

import os
from pathlib import Path


def activated_folder() -> Path | None:
    """Return the folder with the programs of the activated virtual or conda environment, None when none is active."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = os.environ.get(name)
        for programs in ("bin", "Scripts") if folder else ():
            if (Path(str(folder)) / programs).is_dir():
                return Path(str(folder)) / programs
    return None
