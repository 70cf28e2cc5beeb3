"""The queue in words, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from mlops_kit.labels.queue.model import Queued
from mlops_kit.report.inert import visible


def as_text(queued: Queued) -> str:
    """Return what was queued, from what, and what was not possible."""
    pool, gold = queued.pool, sum(pick.gold for pick in queued.picks)
    out = f", {pool['waiting']:,} out in exports" if pool["waiting"] else ""
    known = f"{pool['items']:,} in all, {pool['answered']:,} answered, {pool['decided']:,} decided{out}"
    lines = [f"{queued.task}: {len(queued.picks):,} items queued of {pool['open']:,} open ({known})"]
    if gold:
        lines.append(f"gold questions among them: {gold:,}")
    width = max((len(name) for name in queued.taken), default=0)
    for name, places in queued.taken.items():
        lines.append(f"  {name:<{width}}  {places:>6,} of {queued.found.get(name, 0):,} candidates")
    lines += [f"note: {note}" for note in queued.notes]
    lines.append(
        f"{'wrote' if queued.written else 'unchanged:'} {queued.path}"
        if queued.path
        else "nothing written (--dry-run)"
    )
    return "".join(f"{visible(line)}\n" for line in lines)


def as_json(queued: Queued) -> str:
    """Return the whole of it, scores and gold questions too: for the owner of the project, not for annotators."""
    return json.dumps(asdict(queued), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
