"""A batch of events on its way into the truth: judged by the rules, written once, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mlops_kit.labels.events.model import LabelEvent

Mode: TypeAlias = Literal["take", "try", "reject"]


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
    """How many were here before: accepted, held or refused; nothing was done about them."""
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


def take_batch(
    root: Path,
    batch: str,
    events: Iterable[LabelEvent | Mapping[str, Any] | str],
    *,
    mode: Mode = "take",
    reason: str = "",
    now: float | None = None,
) -> Intake:
    """Judge `events` by the rules of `labels/events/rules.py` and write them into the files of `batch`; return what became of them.

    An event is a LabelEvent, an object with the keys of one (`id` and `batch` may be missing), or a line of JSON. What is accepted goes to
    `labels/events/<batch>.jsonl` (more than 100,000: `.parquet`, which DVC keeps), what is held to `labels/held/`, what is refused to
    `labels/refused/`, each file whole or not at all. An event that is here already changes nothing, so a batch can be taken twice, and
    taking goes on after a crash. `mode`: `take`; `try` writes nothing; `reject` puts all of it into `labels/refused/` with the `reason`.
    `now` is the time in seconds since 1970 by which clocks are judged. Raises SpecError for a labels.yaml that cannot be used, UsageError for
    a bad name of a batch.
    """
    raise NotImplementedError
