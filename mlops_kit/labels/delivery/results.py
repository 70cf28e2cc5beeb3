"""What an export and an import came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mlops_kit.labels.delivery.acceptance import Check
from mlops_kit.labels.delivery.model import BadRow

Decision: TypeAlias = Literal["accepted", "rejected", "forced"]


@dataclass(frozen=True)
class Exported:
    """What went out."""

    batch: str
    """Name of the batch."""
    task: str
    """Task of labels/labels.yaml."""
    files: tuple[str, ...]
    """Files that were written, or were there already with the same content."""
    manifest: str
    """The record, relative to the project."""
    items: int
    """How many items."""
    gold: int
    """How many of them are gold questions; the files do not say which."""
    suggested: int
    """How many have the model's answer beside them."""
    guideline: str | None
    """Version of the guidelines."""
    columns: tuple[str, ...]
    """What annotators see."""
    hidden: tuple[str, ...]
    """Columns that were left out because they are marked `pii`."""
    waiting: int
    """Items that were left out because they are in another export that has not come back."""
    gone: int
    """Items of the queue that the table does not have any more."""
    changed: bool
    """Whether anything was written."""


@dataclass(frozen=True)
class Taken:
    """What became of the events of a delivery."""

    came: int
    """How many came."""
    accepted: int = 0
    """How many are new in labels/events/."""
    have: int = 0
    """How many were here before."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many wait in labels/held/."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many lie in labels/refused/."""
    told: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many were accepted, and something is to be said about them."""
    examples: tuple[str, ...] = ()
    """The first of those that did not simply fit, in words."""
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""


@dataclass(frozen=True)
class Imported:
    """What became of a delivery."""

    batch: str
    """Name of the batch."""
    task: str
    """Task of labels/labels.yaml."""
    answers: str | None
    """The export that it answers."""
    verdict: Decision
    """What was decided."""
    reason: str
    """Why, for a rejected or forced one."""
    checks: tuple[Check, ...]
    """What was looked at."""
    taken: Taken
    """What became of the answers, by the rules for events."""
    annotators: Mapping[str, int]
    """Pseudonym -> answers."""
    empty: int
    """Items that came back without an answer."""
    bad: tuple[BadRow, ...]
    """Pieces of the file that are no answers."""
    again: bool
    """Whether this very file was imported before; then nothing changed."""
    manifest: str
    """The record, relative to the project."""
