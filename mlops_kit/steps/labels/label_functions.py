"""Let the project's label functions vote on the items of a task.

Reads `clean` and writes `votes`: one label event for each answer of a function under `@label_function` in `steps/label_functions.py`, in the
columns of label events, with the function's name as annotator. Not labels yet: `label.combined` weighs the votes beside those of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import InputCode, Labelling, Rows, Schema, Task, run, step, vote_rows


@dataclass(frozen=True)
class FunctionParams:
    """Section of params.yaml."""

    file: InputCode = "steps/label_functions.py"
    """Python file of the project with the label functions."""
    question: str | None = None
    """Task of labels/labels.yaml that they answer; the only one by default."""
    batch_rows: int = 10_000
    """Rows that a function with `batch=True` sees at once."""


class Voted(NamedTuple):
    """What the step writes."""

    votes: Rows


@step(contract=1)
def label_functions(
    clean: Rows, *, task: Task, schema: Schema, labelling: Labelling, params: FunctionParams
) -> Voted:
    """Ask every label function about every item of the task."""
    votes = vote_rows(
        clean,
        path=params.file,
        question=params.question,
        task=task,
        schema=schema,
        labelling=labelling,
        batch_rows=params.batch_rows,
    )
    return Voted(votes)


if __name__ == "__main__":
    run(label_functions)
