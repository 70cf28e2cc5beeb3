"""Batches by what lies beside the events: manifests of what went out and came back, what is held, and what was refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlops_kit.labels.diff.model import BatchDiff, BatchState
from mlops_kit.labels.places import BATCHES, HELD, REFUSED

MOST_TEXT = 300
MOST_REASONS = 5
MOST_BATCHES = 100
Texts = Mapping[str, str]


def add_deliveries(batches: Iterable[BatchDiff], base: Texts, head: Texts) -> tuple[BatchDiff, ...]:
    """Return the batches with what the files beside their events say; `base` and `head` have path -> text of those that differ."""
    made = {one.batch: one for one in batches}
    for path in sorted({*base, *head}):
        folder, _, name = path.rpartition("/")
        batch = name.rpartition(".")[0]
        one = made.get(batch)
        if folder == BATCHES:
            told = _delivered(base.get(path, ""), head.get(path, ""), batch, one)
        elif folder in (HELD, REFUSED):
            told = _aside(folder, base.get(path, ""), head.get(path, ""), batch, one)
        else:
            continue
        if told is not None:
            made[batch] = told
    return tuple(made[batch] for batch in sorted(made))


def cut_batches(batches: Sequence[BatchDiff]) -> tuple[tuple[BatchDiff, ...], list[str]]:
    """Return at most 100 of the batches, by name, and words on the others; what was delivered, held, refused or rewritten comes before others."""
    if len(batches) <= MOST_BATCHES:
        return tuple(batches), []
    telling = [one for one in batches if one.verdict or one.removed or one.held or one.refused]
    others = [one for one in batches if one not in telling]
    kept = [*telling, *others][:MOST_BATCHES]
    left = len(batches) - len(kept)
    return tuple(sorted(kept, key=lambda one: one.batch)), [
        f"{left:,} more {'batch differs' if left == 1 else 'batches differ'}"
    ]


def _delivered(base: str, head: str, batch: str, known: BatchDiff | None) -> BatchDiff | None:
    """Return a batch with the verdict on what came back since, or that it went out."""
    old, new = _manifest(base), _manifest(head)
    fresh = [each for each in _listed(new) if each not in _listed(old)]
    if fresh:
        verdict = str(fresh[-1].get("verdict", ""))[:MOST_TEXT]
        reason = str(fresh[-1].get("reason", "") or "")[:MOST_TEXT]
        state: BatchState = "rejected" if verdict == "rejected" else "accepted"
        one = known or BatchDiff(batch, state)
        return replace(one, verdict=verdict, reasons=(*one.reasons, *filter(None, [reason]))[:MOST_REASONS])
    if known is None and new.get("exported") and not old.get("exported"):
        return BatchDiff(batch, "exported", items=len(_mapping(new.get("items"))))
    return known


def _aside(folder: str, base: str, head: str, batch: str, known: BatchDiff | None) -> BatchDiff | None:
    """Return a batch with how many of its events wait or were refused since, by the rule that says so."""
    rules = _rules(head)
    rules.subtract(_rules(base))
    more = {rule: count for rule, count in rules.items() if count > 0}
    fewer = -sum(count for count in rules.values() if count < 0)
    if not (more or fewer):
        return known
    one = known or BatchDiff(batch, "held" if folder == HELD else "refused")
    word = "held" if folder == HELD else "refused"
    said = [f"{word}, {rule.replace('_', ' ')}: {count:,}" for rule, count in sorted(more.items())]
    said += [f"{fewer:,} no longer {word}"] if fewer else []
    reasons = (*one.reasons, *said)[:MOST_REASONS]
    count = sum(more.values())
    return (
        replace(one, held=count, reasons=reasons)
        if folder == HELD
        else replace(one, refused=count, reasons=reasons)
    )


def _rules(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in text.splitlines():
        try:
            found[str(json.loads(line)["rule"])[:60]] += 1
        except (ValueError, KeyError, TypeError, RecursionError):
            found["not readable"] += 1
    return found


def _manifest(text: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}


def _listed(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = manifest.get("deliveries")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
