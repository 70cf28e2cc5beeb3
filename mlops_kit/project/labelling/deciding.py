"""What becomes of held events, when somebody decides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.errors import UsageError
from mlops_kit.labels.events.aside import read_aside
from mlops_kit.labels.events.form import event_of
from mlops_kit.labels.events.known import known_ids
from mlops_kit.labels.events.outcome import Decision
from mlops_kit.labels.events.rules import RULES
from mlops_kit.labels.places import HELD, REFUSED
from mlops_kit.project.labelling.batches import write_events
from mlops_kit.project.labelling.store import event_path, events_here, label_lock, mend_torn, write_whole


def accept_held(root: Path, batch: str, rules: Collection[str] = ()) -> Decision:
    """Move held events of `batch` into `labels/events/`, those held by one of `rules` alone if any. Doing it twice changes nothing.

    Raises UsageError when nothing of that kind is held.
    """
    with label_lock(root), open_duck() as duck:
        chosen, rest = _split(root, batch, rules)
        mend_torn(root, batch)
        events = [event_of(entry["event"], need_id=True) for entry in chosen]
        here = known_ids(duck, events_here(root), [event.id for event in events])
        written = write_events(root, batch, [event for event in events if event.id not in here])
        written.append(_rewrite(root, batch, rest))
    moved = Counter(str(entry["rule"]) for entry in chosen)
    idle = {rule: many for rule, many in moved.items() if rule in RULES and RULES[rule].use == "left out"}
    return Decision(batch, dict(moved), len(rest), _names(root, written), idle)


def reject_held(root: Path, batch: str, reason: str, rules: Collection[str] = ()) -> Decision:
    """Move held events of `batch` to `labels/refused/` with the `reason`, those held by one of `rules` alone if any.

    Raises UsageError when nothing of that kind is held.
    """
    with label_lock(root):
        chosen, rest = _split(root, batch, rules)
        path = event_path(root, batch, REFUSED)
        before = path.read_bytes() if path.exists() else b""
        kept = {entry["event"]["id"] for entry in (read_aside(path) if before else []) if "event" in entry}
        told = [{**entry, "why": f"{entry['why']}; rejected: {reason}"} for entry in chosen]
        lines = "".join(_line(entry) for entry in told if entry["event"]["id"] not in kept)
        write_whole(path, before + lines.encode("utf-8"), root)
        written = [path, _rewrite(root, batch, rest)]
    return Decision(
        batch, dict(Counter(str(entry["rule"]) for entry in chosen)), len(rest), _names(root, written)
    )


def _split(
    root: Path, batch: str, rules: Collection[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    unknown = sorted(set(rules) - set(RULES))
    if unknown:
        raise UsageError(f"no rule `{unknown[0]}`", fix=f"one of {', '.join(RULES)}")
    path = event_path(root, batch, HELD)
    entries = read_aside(path) if path.exists() else []
    chosen = [entry for entry in entries if not rules or entry["rule"] in rules]
    if not chosen:
        waiting = sorted(file.stem for file in (root / HELD).glob("*.jsonl"))
        raise UsageError(
            f"nothing of batch `{batch}` is held" + (f" by {', '.join(rules)}" if rules else ""),
            fix=f"what waits: {', '.join(waiting)}"
            if waiting
            else "nothing waits; see it with mlops-kit label check",
        )
    return chosen, [entry for entry in entries if rules and entry["rule"] not in rules]


def _rewrite(root: Path, batch: str, rest: list[dict[str, Any]]) -> Path:
    path = event_path(root, batch, HELD)
    if rest:
        write_whole(path, "".join(map(_line, rest)).encode("utf-8"), root)
    else:
        path.unlink()
    return path


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _names(root: Path, paths: list[Path]) -> tuple[str, ...]:
    return tuple(path.relative_to(root).as_posix() for path in paths)
