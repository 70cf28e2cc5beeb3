"""What is said of labels that differ between two sides, as frozen values. Holds no value of a `pii` column and no name of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

BatchState: TypeAlias = Literal[
    "added", "extended", "rewritten", "removed", "exported", "accepted", "rejected", "held", "refused"
]
Basis: TypeAlias = Literal["consensus", "votes"]
ItemKind: TypeAlias = Literal["newly", "changed", "lost"]
Why: TypeAlias = Literal["gold", "adjudicated", "votes", "taken back", "method", "settings", "other items"]


@dataclass(frozen=True)
class BatchDiff:
    """One batch of events that differs."""

    batch: str
    """Name of the batch, which is that of its file."""
    state: BatchState
    """`added`, `extended` (events were added to it), `rewritten` (events that were there are gone: by rule events are only added), `removed`; without
    events that differ `exported`, `accepted`, `rejected`, `held` or `refused`."""
    added: int = 0
    """Events that only the head has."""
    removed: int = 0
    """Events that only the base has."""
    annotators: int = 0
    """Annotators of the events that differ."""
    sources: tuple[str, ...] = ()
    """What kinds of annotators they are: `person`, `vendor`, `function`, `model`."""
    guidelines: tuple[str, ...] = ()
    """Versions of the guidelines that these events name."""
    first: str = ""
    """Time of the first of these events."""
    last: str = ""
    """Time of the last of these events."""
    items: int = 0
    """Items that went out with it."""
    held: int = 0
    """Events that only the head has waiting for a decision."""
    refused: int = 0
    """Of what only the head has, what came and can be no part of the truth."""
    verdict: str = ""
    """What the acceptance test of a delivery came to: `accepted`, `rejected`, `forced`; empty for other batches (untrusted text)."""
    reasons: tuple[str, ...] = ()
    """Why a delivery was not accepted, or was in spite of its test, and by which rules events are held or refused (untrusted text)."""


@dataclass(frozen=True)
class AnnotatorDiff:
    """One annotator's events on both sides."""

    annotator: str
    """Pseudonym."""
    source: str
    """What kind of annotator: `person`, `vendor`, `function` or `model`."""
    old: int | None
    """Events on the base side; None where not all events were read."""
    new: int | None
    """Events on the head side."""
    added: int
    """Events that only the head has."""


@dataclass(frozen=True)
class ClassDiff:
    """One label and how many items have it."""

    value: str
    """The label as text."""
    old: int
    """Items on the base side."""
    new: int
    """Items on the head side."""


@dataclass(frozen=True)
class Move:
    """How many items went from one label to another."""

    old: str
    """Label on the base side."""
    new: str
    """Label on the head side."""
    items: int
    """How many items."""


@dataclass(frozen=True)
class ItemDiff:
    """One item whose label is another one, with what led to it."""

    item: str
    """Name of the item; empty where it may name a person."""
    kind: ItemKind
    """`newly` labelled, `changed`, or `lost` (it has no label any more)."""
    old: str | None
    """Label on the base side, as text."""
    new: str | None
    """Label on the head side."""
    why: Why
    """`gold` or `adjudicated` (somebody decided it), `votes` (new votes on it), `taken back` (an answer was withdrawn), `method` (no new event: labels
    are computed in another way), `settings` (no new event: labels.yaml counts other votes), `other items` (no new event: what is known of annotators
    from other items)."""
    annotators: tuple[str, ...] = ()
    """Pseudonyms behind the events that are new."""
    batch: str = ""
    """Batch of the newest of these events."""
    reason: str = ""
    """Why, in the annotator's words (untrusted text); empty where they may speak of a person."""
    votes: tuple[int, int] = (0, 0)
    """Votes that count, on both sides."""
    shown: tuple[tuple[str, str | None], ...] = ()
    """What annotators see of the item: columns and values as text, never of a column marked `pii`."""


@dataclass(frozen=True)
class AgreementDiff:
    """One figure of agreement on both sides."""

    name: str
    """Name of the figure, as in metrics/labelling.json."""
    old: float | None
    """On the base side; None where it is not known."""
    new: float | None
    """On the head side."""
    old_interval: tuple[float, float] | None = None
    """95 % interval on the base side; None where it cannot be told."""
    new_interval: tuple[float, float] | None = None
    """95 % interval on the head side."""


@dataclass(frozen=True)
class RuleDiff:
    """How many events one of the rules for events (`labels/events/rules.py`) applies to, where that differs."""

    rule: str
    """Name of the rule: `outside_task`, `same_item`."""
    counts: bool
    """Whether these events count all the same."""
    old: int
    """Events on the base side."""
    new: int
    """Events on the head side."""


@dataclass(frozen=True)
class TaskDiff:
    """What differs in the answers to one question."""

    task: str
    """Name of the task."""
    added: int = 0
    """Events that only the head has."""
    removed: int = 0
    """Events that only the base has."""
    gold: int = 0
    """Of the added ones, gold answers."""
    adjudications: int = 0
    """Of the added ones, adjudications."""
    abstentions: int = 0
    """Of the added ones, those that cannot tell or take something back."""
    superseding: int = 0
    """Of the added ones, those that replace an earlier event."""
    basis: Basis | None = None
    """What the labels of items are: those of the `consensus` table, or what gold, adjudication and most votes say; None where they are not known."""
    old_items: int | None = None
    """Items with a label on the base side; None where that is not known, for the size of the events."""
    new_items: int | None = None
    """Items with a label on the head side."""
    newly: int = 0
    """Items that only the head labels."""
    changed: int = 0
    """Items with another label."""
    lost: int = 0
    """Items that only the base labels."""
    classes: tuple[ClassDiff, ...] = ()
    """Labels, the most frequent at the head first; empty for numbers and free answers."""
    moves: tuple[Move, ...] = ()
    """From which label to which, the most frequent first."""
    items: tuple[ItemDiff, ...] = ()
    """The first items that differ: changed ones before lost and new ones, then by name."""
    annotators: tuple[AnnotatorDiff, ...] = ()
    """Annotators whose events differ, the most added ones first."""
    agreement: tuple[AgreementDiff, ...] = ()
    """Figures of agreement."""
    rules: tuple[RuleDiff, ...] = ()
    """Events that are left out, or are worth telling, by rule."""


@dataclass(frozen=True)
class GuidelineDiff:
    """Guidelines whose text or version differs."""

    path: str
    """The file."""
    old: str
    """Version on the base side; empty without one."""
    new: str
    """Version on the head side."""
    review: tuple[str, ...] = ()
    """What the head newly asks to look at again, in words (untrusted text)."""


@dataclass(frozen=True)
class RosterDiff:
    """One entry of labels/labels.yaml that differs."""

    kind: Literal["task", "annotator", "roster"]
    """What kind of entry."""
    name: str
    """Its name, of annotators the pseudonym."""
    state: Literal["added", "removed", "changed"]
    """What happened to it."""
    changes: tuple[str, ...] = ()
    """Of a changed one, what: `trust: 1.0 → 0.5`."""


@dataclass(frozen=True)
class LabelDiff:
    """All that is said of labels."""

    tasks: tuple[TaskDiff, ...] = ()
    """Questions whose events or labels differ, by name."""
    batches: tuple[BatchDiff, ...] = ()
    """Batches that differ, by name."""
    guidelines: tuple[GuidelineDiff, ...] = ()
    """Guidelines that differ."""
    roster: tuple[RosterDiff, ...] = ()
    """Entries of labels/labels.yaml that differ."""
    left_out: tuple[str, ...] = ()
    """What was not compared, why, and the command that does it."""

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to say."""
        return self == LabelDiff()
