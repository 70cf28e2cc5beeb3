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
from mlops_kit.steps.labels.label_events import LabelParams


@dataclass(frozen=True)
class CombinedParams(LabelParams):
    """Section of params.yaml: that of label.events, and what functions are for."""

    functions: Literal["fill", "vote"] = "fill"
    """`fill`: votes of functions decide items that nobody else answered; `vote`: they count beside the others."""


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
    params: CombinedParams,
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
