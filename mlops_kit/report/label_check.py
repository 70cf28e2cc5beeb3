"""What `label check`, `label accept` and `label reject` found or did, in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from mlops_kit.labels.events.outcome import Decision, Intake, LabelCheck, TaskCheck
from mlops_kit.labels.events.rules import RULES
from mlops_kit.report.inert import visible


def as_text(check: LabelCheck) -> str:
    """Return a check in words: tasks, what is left out and why, what waits, and what stops the stages."""
    return "".join(f"{line}\n" for line in _lines(check))


def as_json(check: LabelCheck) -> str:
    """Return a check as JSON."""
    return _json({"fits": check.fits, "left_out": check.left_out, **asdict(check)})


def intake_text(intake: Intake) -> str:
    """Return in words what became of a batch that came."""
    return "".join(f"{line}\n" for line in _intake(intake))


def intake_json(intake: Intake) -> str:
    """Return as JSON what became of a batch that came."""
    return _json(asdict(intake))


def decision_text(decision: Decision, verb: str) -> str:
    """Return in words what was done with held events; `verb` is `accepted` or `rejected`."""
    moved = sum(decision.moved.values())
    lines = [
        f"{visible(decision.batch)}: {moved:,} held {_events(moved)} {verb}, {decision.left:,} still wait"
    ]
    lines += [
        f"  {many:,} of them will not count yet: {RULES[rule].what}" for rule, many in decision.idle.items()
    ]
    lines += [f"  {visible(path)}" for path in decision.written]
    return "".join(f"{line}\n" for line in lines)


def decision_json(decision: Decision) -> str:
    """Return as JSON what was done with held events."""
    return _json(asdict(decision))


def _lines(check: LabelCheck) -> Iterator[str]:
    for intake in check.arriving:
        yield from _intake(intake)
    for batch in check.mended:
        yield f"{visible(batch)}: a torn last line was put aside, or got its end"
    for fault in check.broken:
        yield f"{visible(fault.file)}:{fault.line}: {visible(fault.why)}"
        yield f"  fix: {RULES[fault.rule].mend}"
    if check.unreadable:
        yield f"the label events cannot be read: {visible(check.unreadable, longest=400)}"
    for task in check.tasks:
        yield from _task(task)
    if not check.arriving and not check.tasks and not check.broken and not check.unreadable:
        yield "no label events yet"
    yield from _aside(check)


def _task(task: TaskCheck) -> Iterator[str]:
    counts = task.counts
    votes, items = counts.get("votes", 0), counts.get("items", 0)
    events = counts.get("events", 0)
    yield f"{visible(task.task)}: {events:,} {_events(events)}, {votes:,} {'vote' if votes == 1 else 'votes'} on {items:,} {'item' if items == 1 else 'items'}"
    for rule, many in counts.items():
        if rule in RULES:
            yield f"  {many:,} {rule} ({RULES[rule].use}): {RULES[rule].what}"
    for note in task.notes:
        yield f"  note: {visible(note, longest=400)}"


def _aside(check: LabelCheck) -> Iterator[str]:
    for batch, rules in check.held.items():
        yield f"held, {visible(batch)}: {_listed(rules)}"
        yield f"  decide: mlops-kit label accept {visible(batch)}, or mlops-kit label reject {visible(batch)} --reason TEXT"
    for batch, rules in check.refused.items():
        yield f"refused, {visible(batch)}: {_listed(rules)}"


def _intake(intake: Intake) -> Iterator[str]:
    held, refused = sum(intake.held.values()), sum(intake.refused.values())
    yield (
        f"{visible(intake.batch)}: {intake.came:,} came, {intake.accepted:,} accepted, {intake.have:,} here before, "
        f"{held:,} held, {refused:,} refused"
    )
    for place, rules in (("held", intake.held), ("refused", intake.refused), ("accepted", intake.told)):
        for rule, many in rules.items():
            yield f"  {many:,} {rule} ({place}): {RULES[rule].what}"
    for told in intake.examples:
        where = f" {visible(told.item)}" if told.item else ""
        yield f"    #{told.position}{where}: {told.rule}, {visible(told.why)}"
    for note in intake.notes:
        yield f"  note: {visible(note, longest=400)}"


def _listed(rules: Mapping[str, int]) -> str:
    return ", ".join(f"{many:,} {rule}" for rule, many in rules.items())


def _events(many: int) -> str:
    return "event" if many == 1 else "events"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
