"""One event against labels.yaml: which rules apply that need no other event and no data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mlops_kit.labels.events.form import NotEventError, moment_of
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.rules import FUTURE_SECONDS
from mlops_kit.labels.events.values import value_fault
from mlops_kit.spec.labels import Labelling


def judge_event(event: LabelEvent, labelling: Labelling, now: float) -> dict[str, str]:
    """Return rule -> why in words, of the rules that apply to `event`; `now` is in seconds since 1970."""
    return dict([*_time(event, now), *_value(event, labelling), *_annotator(event, labelling)])


def _time(event: LabelEvent, now: float) -> Iterator[tuple[str, str]]:
    try:
        moment = moment_of(event.time)
    except NotEventError as fault:
        yield fault.rule, fault.why
        return
    if moment.timestamp() > now + FUTURE_SECONDS:
        today = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield "future_clock", f"given at {event.time}, and here it is {today}"


def _value(event: LabelEvent, labelling: Labelling) -> Iterator[tuple[str, str]]:
    task = labelling.tasks.get(event.task)
    if task is None:
        yield "unknown_task", f"labels/labels.yaml has no task `{event.task[:80]}`"
    elif event.value is None:
        yield "abstained", "the annotator cannot tell, or takes an answer back"
    else:
        fault = value_fault(task, event.value)
        if fault:
            yield fault


def _annotator(event: LabelEvent, labelling: Labelling) -> Iterator[tuple[str, str]]:
    known = labelling.annotators.get(event.annotator)
    if known is None:
        rule = "not_in_roster" if labelling.roster == "closed" else "unlisted"
        yield rule, f"labels/labels.yaml does not list `{event.annotator[:80]}`"
        return
    if not known.active:
        yield "inactive", f"`{event.annotator}` has `active: false`"
    if known.tasks and event.task not in known.tasks:
        yield "other_tasks", f"`{event.annotator}` answers {', '.join(known.tasks)}, not `{event.task[:80]}`"
