"""What is asked of a consensus, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mlops_kit.artifacts.duck import Duck

Method: TypeAlias = Literal["latest", "majority", "weighted", "dawid_skene"]
Provenance: TypeAlias = Literal[
    "gold",
    "adjudicated",
    "latest",
    "majority",
    "weighted",
    "dawid_skene",
    "undecided",
    "column",
    "functions",
    "not_yet",
]


@dataclass(frozen=True)
class ConsensusOptions:
    """How votes become one answer."""

    method: Method = "majority"
    """`latest`: the newest vote; `majority`: what most say, the median of numbers; `weighted`: what most trust says, by the annotators' `trust` of
    labels/labels.yaml, the weighted mean of numbers; `dawid_skene`: what is most probable under the error rates that the votes tell of each annotator."""
    min_votes: int = 1
    """Votes that an item needs."""
    min_probability: float = 0.0
    """Smallest probability (0 to 1) of an answer; items below are undecided."""
    soft: bool = False
    """Whether the probability of every class is wanted."""


@dataclass(frozen=True)
class Decided:
    """One answer for each item that has a vote, in a table of an open database."""

    duck: Duck
    """The database; the table is gone with it."""
    table: str
    """Name of the table, to stand after FROM: `item`, `value` (the class itself for questions of type `class`, JSON text for the others; NULL
    where undecided), `probability` (of that value; NULL where a method gives none), `votes`, `disagreement` (0 when all agree, 1 when they are
    spread evenly), `last` (TIMESTAMP of the newest of the answers), `provenance` (from `decide` alone), and the columns of `soft`. One row for each item, no order."""
    soft: tuple[str, ...] = ()
    """Columns with the probabilities of the classes, in the order of the classes."""
    told: Mapping[str, float] = field(default_factory=dict)
    """What else there is to tell: rounds of estimation, votes outside of the task."""
