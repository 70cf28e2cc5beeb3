"""How often the test set behind a side's predictions was looked at."""

from __future__ import annotations

import posixpath
from pathlib import Path

from mlops_kit.artifacts.history import count_looks_each
from mlops_kit.artifacts.side import Side

# Dependencies of a stage that are no data: programs, settings, notes.
_NO_DATA = frozenset(
    {".py", ".ipynb", ".sh", ".r", ".rmd", ".jl", ".sql", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".md", ".txt", ".lock"}
)  # fmt: skip


def looks_at_test_set(root: Path, side: Side) -> int:
    """Return on how many different models the test set of the side's predictions was measured in the history of HEAD; 0 if unknown.

    The stage that wrote the predictions names what it read. Of that, the test set is what stays the same while results change: the
    data file with the most looks. A model that is read, too, has about one.
    """
    if side.predictions is None:
        return 0
    digest = side.predictions.digest
    stage = next((stage for stage in side.stages.values() if digest in stage.outs.values()), None)
    if stage is None:
        return 0
    data = [
        found
        for path, found in stage.deps.items()
        if posixpath.splitext(path)[1].lower() not in _NO_DATA and found
    ]
    outputs = [path for path, found in stage.outs.items() if found == digest]
    return max(count_looks_each(root, data, outputs=outputs).values(), default=0)
