"""Split labelled rows by time: the newest are the test set, and rows that have no label yet are set aside as live.

Test rows are newer than validation rows, and these newer than training rows. A test set by share moves on as rows arrive; with
`test_from` it begins where you say. Without a time column rows go by a digest of their key, so that new rows never move old ones.
Columns with the role `ignore` or `label_source` are dropped here. The leakage report says what a test set must not have in common with
the rows that a model learns from; its numbers are metrics that kpis.yaml can bind (`leakage:same_key`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import Document, Metrics, Rows, Schema, Task, run, split_by_hash, split_by_time, step


@dataclass(frozen=True)
class SplitParams:
    """Section of params.yaml."""

    test_share: float = 0.25
    """Share of the labelled rows (0 to 1) that become the test set: the newest ones where there is a time column."""
    validation_share: float = 0.0
    """Share of the labelled rows that are set aside to choose params by: the newest ones before the test set; none for 0."""
    test_from: str | None = None
    """Moment from which on rows are test rows, such as `2013-07-01`, instead of a share."""


class Split(NamedTuple):
    """What the step writes."""

    train: Rows
    validation: Rows
    test: Rows
    live: Rows
    leakage: Metrics
    leakage_report: Document


@step(contract=3)
def split(features: Rows, labels: Rows, *, task: Task, schema: Schema, params: SplitParams) -> Split:
    """Cut the labelled rows in two, without anything of the future in the training set."""
    test, validation = params.test_share, params.validation_share
    if task.time is None:
        made = split_by_hash(
            features, labels, task=task, schema=schema, test_share=test, validation_share=validation
        )
    else:
        made = split_by_time(
            features,
            labels,
            task=task,
            schema=schema,
            test_share=test,
            validation_share=validation,
            test_from=params.test_from,
        )
    return Split(*made)


if __name__ == "__main__":
    run(split)
