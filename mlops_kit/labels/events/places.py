"""What a file of events is called for people."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.labels.places import FOLDER


def shown_path(path: Path) -> str:
    """Return `labels/events/<batch>.jsonl` for a file in such a folder, else its name."""
    parts = path.parts
    return "/".join(parts[-3:]) if len(parts) > 2 and parts[-3] == FOLDER else path.name
