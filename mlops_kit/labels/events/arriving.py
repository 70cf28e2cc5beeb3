"""Events that come, and which rules apply to each: by themselves, by the data, and by the events that are here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mlops_kit.labels.events.form import NotEventError, event_of, parse_line
from mlops_kit.labels.events.judging import judge_event
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.rules import RULES, Outcome, decisive
from mlops_kit.spec.labels import Labelling

_NAMES = tuple(each.name for each in fields(LabelEvent))


@dataclass
class Arrival:
    """What came in one place, and what has been found out about it so far."""

    position: int
    """From 1."""
    text: str
    """What came, where it is no event."""
    event: LabelEvent | None
    id: str
    """Id of the event; empty where it is none."""
    findings: dict[str, str] = field(default_factory=dict)
    """Rule -> why, in words."""

    @property
    def rule(self) -> str | None:
        """Return the rule that decides, None for an event that simply fits."""
        return decisive(list(self.findings))

    @property
    def outcome(self) -> Outcome:
        """Return what is done with it."""
        rule = self.rule
        return "accepted" if rule is None else RULES[rule].outcome


def arrive(
    events: Iterable[LabelEvent | Mapping[str, Any] | str | bytes],
    batch: str,
    labelling: Labelling,
    now: float,
) -> Iterator[Arrival]:
    """Yield what came, in order, judged by itself; blank lines are nothing. `batch` becomes the batch of each event."""
    position = 0
    for came in events:
        if isinstance(came, str | bytes) and not came.strip():
            continue
        position += 1
        try:
            event = event_of({**_said(came), "batch": batch})
        except NotEventError as fault:
            yield Arrival(position, _as_text(came), None, "", {fault.rule: fault.why})
            continue
        yield Arrival(position, "", event, event.id, judge_event(event, labelling, now))


def _said(came: LabelEvent | Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(came, LabelEvent):
        return {name: getattr(came, name) for name in _NAMES}
    return parse_line(came) if isinstance(came, str | bytes) else came


def _as_text(came: object) -> str:
    if isinstance(came, str):
        return came.rstrip("\r\n")
    if isinstance(came, bytes):
        return came.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
    return json.dumps(came, ensure_ascii=True, default=repr, sort_keys=True)
