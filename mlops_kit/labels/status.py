"""How far labelling is: what `label status` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.labels.guidelines import ReviewCount
from mlops_kit.spec.labels import LabelTask


@dataclass(frozen=True)
class OpenExport:
    """A batch that went out and has not come back."""

    batch: str
    """Its name."""
    items: int
    """How many items went out."""
    time: str | None
    """When."""


@dataclass(frozen=True)
class Waiting:
    """What waits for somebody."""

    queue: int | None = None
    """Items of the queue that still need an answer; None without a queue."""
    queued: int = 0
    """Items of the queue."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Rule -> events that wait in labels/held/."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rule -> what lies in labels/refused/."""
    exports: tuple[OpenExport, ...] = ()
    """Batches that are out."""
    reviews: tuple[ReviewCount, ...] = ()
    """What the guidelines ask to look at again, rule by rule."""
    review_items: int | None = 0
    """How many items that are together; None where it cannot be judged."""


@dataclass(frozen=True)
class TaskStatus:
    """How far one task is."""

    task: str
    """Its name."""
    asked: LabelTask
    """What labels.yaml says of it."""
    quality: Mapping[str, Any]
    """What `labels/agreement/quality.py` tells: counts, coverage, balance, agreement, work, annotators, functions, guidelines."""
    waiting: Waiting
    """What waits for somebody."""
    guidelines: str | None
    """Version that the file of guidelines names."""
    notes: tuple[str, ...] = ()
    """What could not be told, and why."""
