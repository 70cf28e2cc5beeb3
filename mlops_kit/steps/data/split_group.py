"""Split labelled rows by group: all rows of a customer, a device, a patient (`task.group`) go to one set, and stay there.

Shares are shares of groups. With `stratify` each value of a column, the commonest of its group, gives exactly its share of groups, and
groups next to the border may then change sides as rows arrive. Rows that have no label yet are set aside as live; columns with the role `ignore` or
`label_source` are dropped here. The leakage report says what test rows have in common with the others, and its numbers are metrics that
kpis.yaml can bind (`leakage:same_group`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import Document, Metrics, Rows, Schema, Task, run, split_by_group, step


@dataclass(frozen=True)
class SplitParams:
    """Section of params.yaml."""

    test_share: float = 0.25
    """Share of the groups (0 to 1) that become the test set."""
    validation_share: float = 0.0
    """Share of the groups that are set aside to choose params by; none for 0. The test set does not depend on it."""
    stratify: str | None = None
    """Column whose values each give exactly their share: the target, or a feature with few values."""
    salt: str = ""
    """Any text; another one draws other sets."""


class Split(NamedTuple):
    """What the step writes."""

    train: Rows
    validation: Rows
    test: Rows
    live: Rows
    leakage: Metrics
    leakage_report: Document


@step(contract=1)
def split(features: Rows, labels: Rows, *, task: Task, schema: Schema, params: SplitParams) -> Split:
    """Part the labelled rows by a digest of their group."""
    made = split_by_group(
        features,
        labels,
        task=task,
        schema=schema,
        test_share=params.test_share,
        validation_share=params.validation_share,
        stratify=params.stratify,
        salt=params.salt,
    )
    return Split(*made)


if __name__ == "__main__":
    run(split)
