"""What a project was made from: the answers given to `init`, or read off the data file. The same answers render the same files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.project.infer import Inferred
from mlops_kit.project.scaffold import Plan, plain_columns, plan_example, plan_from_data, project_files
from mlops_kit.spec.model import Column, TaskKind


@dataclass(frozen=True)
class Answers:
    """What `init` was told and what it inferred; an answer that a newer template asks for has a default."""

    name: str
    """Name of the project."""
    kind: str
    """Folder below templates/kinds/: `flights` is the example, `tabular` is made around a data file."""
    python: str
    """Python version of the project, such as 3.13."""
    owner: str = ""
    """Who owns what has no other owner."""
    data: str = ""
    """Name of the data file in data/source/; empty for an example, which brings its own."""
    target: str = ""
    """Column of the data file that is predicted."""
    task: TaskKind = "classification"
    """What is learned."""
    key: tuple[str, ...] = ()
    """Columns that name a row."""
    time: str | None = None
    """Column with the time of a row."""
    label: Mapping[str, Any] = field(default_factory=dict)
    """Section `label` of params.yaml."""
    slices: tuple[str, ...] = ()
    """Columns that are watched as slices."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """The data contract as it was inferred."""


def answers_of(name: str, python: str, data: Path, target: str, inferred: Inferred) -> Answers:
    """Return the answers of a project around a data file."""
    return Answers(
        name,
        "tabular",
        python,
        data=data.name,
        target=target,
        task=inferred.kind,
        key=inferred.key,
        time=inferred.time,
        label=inferred.label,
        slices=inferred.slices,
        columns=inferred.columns,
    )


def plan_of(answers: Answers, *, data: Path | None = None) -> Plan:
    """Return the plan that the answers lead to with the templates of this installation; `data` says where the data file lies."""
    if answers.kind != "tabular":
        return plan_example(answers.kind)
    inferred = Inferred(
        answers.task,
        answers.key,
        answers.time,
        dict(answers.columns),
        dict(answers.label),
        answers.slices,
    )
    return plan_from_data(data or Path(answers.data), answers.target, inferred)


def render_answers(answers: Answers) -> dict[str, str]:
    """Return path -> text of the files that people own, as this installation makes them from the answers."""
    return project_files(answers.name, plan_of(answers), owner=answers.owner, python=answers.python)


def plain_answers(answers: Answers) -> dict[str, Any]:
    """Return the answers as plain values; those that are empty are left out."""
    values = {name: getattr(answers, name) for name in Answers.__dataclass_fields__}
    values |= {"key": list(answers.key), "slices": list(answers.slices)}
    values |= {"label": dict(answers.label), "columns": plain_columns(answers.columns)}
    if answers.kind != "tabular":
        values.pop("task")  # an example brings its own
    return {name: value for name, value in values.items() if value not in ("", None, [], {})}
