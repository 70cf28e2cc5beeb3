"""What became of events that came, were checked, or were decided about: values that reports put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_kit.labels.events.broken import BrokenLine
from mlops_kit.labels.events.rules import RULES

_FINE = frozenset({"superseded"})


@dataclass(frozen=True)
class Told:
    """One event that was not simply accepted."""

    position: int
    """Which of those that came, from 1."""
    item: str
    """Its item, empty when it has none."""
    rule: str
    """Name of the rule (`labels/events/rules.py`)."""
    why: str
    """In words."""


@dataclass(frozen=True)
class Intake:
    """What became of a batch that came."""

    batch: str
    came: int
    """How many events came."""
    accepted: int
    """How many are new in `labels/events/`."""
    have: int
    """How many were here before, or came twice: accepted, held or refused already; nothing was done about them."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many now wait in `labels/held/`."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many now lie in `labels/refused/`."""
    told: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many were accepted, and something is to be said about them."""
    examples: tuple[Told, ...] = ()
    """The first of those that are told, held or refused; at most `EXAMPLES` for each rule."""
    written: tuple[str, ...] = ()
    """Files that changed, relative to the project."""
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""


@dataclass(frozen=True)
class Decision:
    """What was done with held events of a batch."""

    batch: str
    moved: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many events went to `labels/events/` or `labels/refused/`."""
    left: int = 0
    """How many still wait."""
    written: tuple[str, ...] = ()
    """Files that changed, relative to the project."""
    idle: Mapping[str, int] = field(default_factory=dict)
    """Of the accepted ones, rule -> how many the `label` stage will leave out all the same, until labels.yaml or the data change."""


@dataclass(frozen=True)
class TaskCheck:
    """The events of one task."""

    task: str
    counts: Mapping[str, int]
    """`events`, `votes`, `items`, and by rule how many events it applies to."""
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""


@dataclass(frozen=True)
class LabelCheck:
    """What `label check` found."""

    files: int
    """Files of events."""
    tasks: tuple[TaskCheck, ...] = ()
    broken: tuple[BrokenLine, ...] = ()
    """Lines that stop every stage that reads the events; the first `MOST_LINES` of each file."""
    unreadable: str = ""
    """What stops the stages, when it is no line."""
    held: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Batch -> rule -> how many events wait for a decision."""
    refused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Batch -> rule -> how many events, or lines that are none, were refused."""
    mended: tuple[str, ...] = ()
    """Batches whose torn last line was put aside."""
    arriving: tuple[Intake, ...] = ()
    """What would become of the files that were named."""

    @property
    def left_out(self) -> dict[str, int]:
        """Return rule -> how many events of `labels/events/` the stages leave out, though nothing replaces them."""
        found: Counter[str] = Counter()
        for task in self.tasks:
            found.update({rule: many for rule, many in task.counts.items() if _leaves_out(rule)})
        return {rule: found[rule] for rule in RULES if found[rule]}

    @property
    def fits(self) -> bool:
        """Return whether every event counts, or is rightly replaced, and none that is named would be held or refused."""
        arriving = any(intake.held or intake.refused for intake in self.arriving)
        return not (self.broken or self.unreadable or self.left_out or arriving)


def _leaves_out(rule: str) -> bool:
    return rule in RULES and RULES[rule].use == "left out" and rule not in _FINE
