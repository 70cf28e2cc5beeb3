"""Make labels from label events and from the votes of label functions, and a column for the rows that nobody labelled.

`label.events` with one more input: `votes`, which `label.functions` writes. Functions are annotators like any other in agreement, coverage and
accuracy. With `functions: fill` they decide the items that no person, vendor or model answered; with `vote` they count beside them, by the
`method`. `consensus` says `functions` where nobody else had a say. A function's label counts `known_after_days` after the row's time, as the column's
does (`not_yet`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from mlops_kit import (
    ColumnFallback,
    ConsensusOptions,
    Document,
    LabelEvents,
    Labelling,
    LabelRules,
    Metrics,
    Rows,
    Schema,
    Task,
    label_by_events,
    run,
    step,
)


@dataclass(frozen=True)
class LabelParams:
    """Section of params.yaml."""

    functions: Literal["fill", "vote"] = "fill"
    """`fill`: votes of functions decide items that nobody else answered; `vote`: they count beside the others."""
    question: str | None = None
    """Task of labels/labels.yaml whose answers become labels; the only one by default."""
    method: Literal["latest", "majority", "weighted", "dawid_skene"] = "majority"
    """`latest`: the newest vote; `majority`: what most say; `weighted`: the same by the annotators' `trust`; `dawid_skene`: what is most
    probable under the error rates that the votes tell of each annotator."""
    positive: str | None = None
    """Class that is target 1; needed for classification unless the classes are `0` and `1`."""
    min_votes: int = 1
    """Votes that an item needs; with fewer it counts as not labelled by people."""
    min_probability: float = 0.0
    """Smallest probability (0 to 1) of an answer; items below count as not labelled by people."""
    soft: bool = False
    """Whether `consensus` has the probability of each class in columns `p_<class>`."""
    column: str | None = None
    """Column of the cleaned data that labels the rows that people have not labelled; none by default."""
    at_least: float | None = None
    """The label is 1 from this value on, else 0: of the column, and of answers that are numbers."""
    equals: str | None = None
    """The label is 1 where the column holds this text, else 0."""
    known_after_days: float = 0.0
    """Days after the row's time at which the column's label is known."""


class Labelled(NamedTuple):
    """What the step writes."""

    labels: Rows
    consensus: Rows
    labelling: Metrics
    label_quality: Document


@step(contract=1)
def label(
    clean: Rows,
    events: LabelEvents,
    votes: Rows,
    *,
    task: Task,
    schema: Schema,
    labelling: Labelling,
    params: LabelParams,
) -> Labelled:
    """Label rows by what people say of them, else by label functions, else by a column."""
    options = ConsensusOptions(params.method, params.min_votes, params.min_probability, params.soft)
    fallback = ColumnFallback(params.column, params.at_least, params.equals, params.known_after_days)
    rules = LabelRules(params.question, params.positive, options, params.functions, fallback)
    made = label_by_events(
        clean, events, task=task, schema=schema, labelling=labelling, rules=rules, functions=votes
    )
    return Labelled(*made)


if __name__ == "__main__":
    run(label)
