"""Make labels from a column that becomes known later.

Reads `clean` and writes `labels`: the key, the target, and when it became known. With a time column, rows newer than
`known_after_days` before the newest row have no label yet; rows whose source is missing never get one. Both are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import Metrics, Rows, Task, label_rows, run, step


@dataclass(frozen=True)
class LabelParams:
    """Section of params.yaml."""

    column: str
    """Column of the cleaned data that the label is made from."""
    at_least: float | None = None
    """The label is 1 from this value on, else 0."""
    equals: str | None = None
    """The label is 1 where the column holds this text, else 0."""
    known_after_days: float = 0.0
    """Days after the row's time at which the label is known."""


class Labelled(NamedTuple):
    """What the step writes."""

    labels: Rows
    labelling: Metrics


@step(contract=2)
def label(clean: Rows, *, task: Task, params: LabelParams) -> Labelled:
    """Label the rows whose outcome is known by the newest time in the data."""
    made = label_rows(
        clean,
        params.column,
        task=task,
        at_least=params.at_least,
        equals=params.equals,
        known_after_days=params.known_after_days,
    )
    return Labelled(*made)


if __name__ == "__main__":
    run(label)
