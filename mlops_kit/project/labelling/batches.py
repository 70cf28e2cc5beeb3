"""Accepted events into the file of their batch: lines in git, or Parquet under DVC where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.project.labelling.store import event_path, write_whole

MOST_LINES = 100_000


def write_events(root: Path, batch: str, events: Sequence[LabelEvent]) -> list[Path]:
    """Add `events` to the file of `batch`, and return the files that changed."""
    if not events:
        return []
    path = event_path(root, batch)
    before = path.read_bytes() if path.exists() else b""
    write_whole(path, before + "".join(map(event_line, events)).encode("utf-8"), root)
    return [path]
