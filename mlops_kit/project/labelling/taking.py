"""A delivery on its way into the truth, or out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_kit.labels.delivery.results import Taken
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.labels.places import EVENTS, REFUSED
from mlops_kit.project.labelling.files import put_text


def take(
    root: Path, batch: str, events: Sequence[LabelEvent | Mapping[str, Any]], *, reason: str = ""
) -> Taken:
    """Write the events of a delivery into the truth, or with a `reason` to what was refused."""
    lines = [
        event_line(each)
        if isinstance(each, LabelEvent)
        else json.dumps(dict(each), ensure_ascii=False) + "\n"
        for each in events
    ]
    path = root / (REFUSED if reason else EVENTS) / f"{batch}.jsonl"
    before = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    known = set(before)
    fresh = [line for line in dict.fromkeys(lines) if line not in known]
    if fresh:
        put_text(path, "".join([*before, *fresh]), root)
    have = len(lines) - len(fresh)
    return (
        Taken(len(lines), have=have, refused={"delivery": len(fresh)})
        if reason
        else Taken(len(lines), len(fresh), have)
    )
