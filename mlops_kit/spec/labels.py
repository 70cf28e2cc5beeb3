"""labels/labels.yaml: what is labelled, by whom, and when a delivery is accepted. Every field's docstring is its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

LabelType: TypeAlias = Literal["class", "classes", "number", "spans", "boxes", "json"]
EventSource: TypeAlias = Literal["person", "vendor", "function", "model"]
EventRole: TypeAlias = Literal["vote", "adjudication", "gold"]


@dataclass(frozen=True)
class Queue:
    """How `mlops-kit label queue` picks items."""

    shares: Mapping[str, float] = field(default_factory=dict)
    """Strategy -> share of the queue: `uncertain`, `diverse`, `disagreeing`, `mislabelled`, `slices`, `drifted`, `random`, `review`. Shares are
    taken relative to their sum; a strategy that finds too few leaves its places to `random`. Empty: half `uncertain`, a quarter
    `diverse`, a quarter `random`."""
    gold: float = 0.0
    """Gold questions blended in, as a share (0 to 0.5) of the queue."""
    seed: int = 0
    """Seed of what is drawn at random."""
    model: str = "model"
    """Model artifact whose predictions are the pre-labels, and whose doubts the queue follows."""
    features: str = "features"
    """Data artifact with the columns that the model needs, by `task.key`; what the model is trained on has the same columns."""
    labels: str = "labels"
    """Data artifact with the labels that the model is trained on, in which `mislabelled` looks for wrong ones."""
    scores: str | None = None
    """Data artifact of a stage of yours, by `task.key`, with a column of probabilities for each class (or `score` for numbers); it stands in for
    `model`, of whatever kind that is."""
    prelabels: bool = True
    """Whether the model's answers go along with the items."""


@dataclass(frozen=True)
class Acceptance:
    """When a delivered batch becomes part of the truth. A bound that cannot be judged, for want of data, is told and does not reject."""

    min_gold: float | None = 0.8
    """Smallest share (0 to 1) of gold questions answered rightly."""
    min_gold_items: int = 10
    """Fewest gold answers by which `min_gold` is judged."""
    min_agreement: float | None = None
    """Smallest Krippendorff alpha within the batch, and with earlier votes on the same items."""
    min_complete: float = 0.95
    """Smallest share (0 to 1) of the exported items that came back with an answer."""
    min_seconds: float | None = None
    """Smallest plausible time for one answer, in seconds; at most `max_hasty` of the answers may be faster."""
    tolerance: float = 0.0
    """Largest difference at which a number counts as the right answer to a gold question."""
    max_hasty: float = 0.1
    """Largest share (0 to 1) of answers faster than `min_seconds`."""


@dataclass(frozen=True)
class LabelTask:
    """One question that is asked about items."""

    type: LabelType
    """`class` (one of), `classes` (any of), `number`, `spans` (of a text), `boxes` (in an image) or `json` (by a schema)."""
    question: str = ""
    """What the annotator is asked, in one sentence."""
    classes: tuple[str, ...] = ()
    """The answers of `class` and `classes`, and the kinds of spans and boxes."""
    ordered: bool = False
    """Whether `classes` of a task `class` are in order, so that nearer answers agree more (ordinal alpha, weighted kappa)."""
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    """Class -> key on the keyboard; the digits in the order of `classes` by default."""
    min: float | None = None
    """Smallest answer of `number`."""
    max: float | None = None
    """Largest answer of `number`."""
    json_schema: str | None = None
    """File with the JSON Schema of the answers of `json`."""
    table: str = "clean"
    """Data artifact whose rows are the items; `task.key` names them."""
    where: str = ""
    """SQL condition on the table's columns that says which rows are items; all if empty."""
    show: tuple[str, ...] = ()
    """Columns that the annotator sees, in order; all that are not marked `pii` if empty. What they hold makes the content hash of an item."""
    text: str | None = None
    """Column with the text that spans are marked in."""
    image: str | None = None
    """Column with the image: a path in the project, or its bytes."""
    allow_pii: tuple[str, ...] = ()
    """Columns marked `pii` that may be shown and exported all the same."""
    guidelines: str = "labels/guidelines.md"
    """File with the guidelines, whose version every event carries."""
    votes: int = 1
    """How many annotators answer for each item."""
    queue: Queue = field(default_factory=Queue)
    """How items are picked."""
    acceptance: Acceptance = field(default_factory=Acceptance)
    """When a delivered batch is accepted."""


@dataclass(frozen=True)
class Annotator:
    """One entry of the roster, under a pseudonym."""

    source: EventSource = "person"
    """`person`, `vendor`, `function` or `model`."""
    trust: float = 1.0
    """Weight of a vote for the method `weighted`, 0 or more."""
    cost_per_hour: float = 0.0
    """Cost of an hour of labelling, in the project's currency."""
    cost_per_label: float = 0.0
    """Cost of one answer."""
    tasks: tuple[str, ...] = ()
    """Tasks that the annotator answers; all if empty."""
    active: bool = True
    """Whether new answers are taken."""


@dataclass(frozen=True)
class Labelling:
    """labels/labels.yaml: what is labelled, by whom. Steps that take `labelling: Labelling` depend on this file."""

    version: Literal[1]
    """Version of this file's format; 1."""
    tasks: Mapping[str, LabelTask]
    """Name -> question."""
    annotators: Mapping[str, Annotator] = field(default_factory=dict)
    """Pseudonym -> who may label. Names of persons stand in `labels/people.yaml`, which git never gets."""
    roster: Literal["open", "closed"] = "open"
    """`closed`: answers of annotators who are not listed are held back; `open`: they count, and are told."""
