"""Exports and imports of labels in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from mlops_kit.labels.delivery.acceptance import Check
from mlops_kit.labels.delivery.results import Exported, Imported
from mlops_kit.report.inert import visible

_SIGNS = {"pass": "ok  ", "fail": "FAIL", "unknown": "?   ", "told": "    "}
_MOST_BAD = 5


def export_json(done: Exported) -> str:
    """Return what went out as JSON."""
    return json.dumps(asdict(done), indent=2, ensure_ascii=False) + "\n"


def export_text(done: Exported) -> str:
    """Return what went out in words."""
    return "".join(f"{line}\n" for line in _exported(done))


def import_json(done: Imported) -> str:
    """Return what came back and what was decided as JSON."""
    return json.dumps(asdict(done), indent=2, ensure_ascii=False) + "\n"


def import_text(done: Imported) -> str:
    """Return what came back and what was decided in words."""
    return "".join(f"{line}\n" for line in _imported(done))


def _exported(done: Exported) -> Iterator[str]:
    verb = "wrote" if done.changed else "nothing changed:"
    version = (
        f", guidelines {visible(done.guideline)}" if done.guideline else ", guidelines without a version"
    )
    yield f"{verb} {done.items:,} items of {visible(done.task)} as {done.batch}{version}"
    for file in done.files:
        yield f"  {visible(file)}"
    yield f"  {done.manifest} (commit it: it says what went out)"
    if done.gold:
        yield f"  {done.gold:,} of them are gold questions; the file does not say which"
    if done.suggested:
        yield f"  {done.suggested:,} have the model's answer beside them"
    if done.hidden:
        yield f"  left out, marked pii: {', '.join(map(visible, done.hidden))}"
    if done.waiting:
        yield f"  {done.waiting:,} items stayed here: another export that has not come back holds them"
    if done.gone:
        yield f"  {done.gone:,} items of the queue are no items any more"


def _imported(done: Imported) -> Iterator[str]:
    what = {"accepted": "accepted", "rejected": "REJECTED", "forced": "accepted by force"}[done.verdict]
    yield f"{done.batch}: {what}{' (imported before)' if done.again else ''}"
    who = ", ".join(f"{visible(name)} {count:,}" for name, count in done.annotators.items())
    yield f"  {done.taken.came:,} answers to {visible(done.task)}" + (f": {who}" if who else "")
    if done.answers:
        yield f"  answers the export {done.answers}"
    yield from (f"  {line}" for line in _counts(done))
    yield from (f"  {_SIGNS[check.verdict]} {_check(check)}" for check in done.checks)
    for row in done.bad[:_MOST_BAD]:
        yield f"  no answer: {visible(row.place)}: {visible(row.reason)}"
    if len(done.bad) > _MOST_BAD:
        yield f"  and {len(done.bad) - _MOST_BAD:,} more"
    if done.reason:
        yield f"  {'because' if done.verdict == 'rejected' else 'reason'}: {visible(done.reason, longest=400)}"
    if done.verdict == "rejected":
        yield f"  it stays outside the truth, in labels/refused; {done.manifest} says why"
        yield '  fix: send it back, or take it all the same: --force-accept "REASON"'


def _counts(done: Imported) -> Iterator[str]:
    taken = done.taken
    parts = [f"{taken.accepted:,} new in labels/events", f"{taken.have:,} here before"]
    parts += [f"{count:,} held ({rule})" for rule, count in taken.held.items()]
    parts += [f"{count:,} refused ({rule})" for rule, count in taken.refused.items()]
    parts += [f"{done.empty:,} without an answer"] if done.empty else []
    parts += [f"{len(done.bad):,} unreadable"] if done.bad else []
    yield ", ".join(parts)


def _check(check: Check) -> str:
    figure = (
        ""
        if check.value is None or check.name in ("one answer", "duplicates")
        else f" {_number(check.value)}"
    )
    interval = (
        f" ({_number(check.low)} to {_number(check.high)})"
        if check.low is not None and check.high is not None
        else ""
    )
    sign = "at most" if check.name == "hasty" else "at least"
    bound = f", {sign} {check.bound:g}" if check.bound is not None and check.name != "one answer" else ""
    return f"{visible(check.name)}{figure}{interval}{bound}: {visible(check.why, longest=300)}"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
