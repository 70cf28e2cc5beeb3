"""The project's own model as the one that is in doubt, and as the one that suggests answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.kinds import KINDS, load_artifact
from mlops_kit.artifacts.predictions import feature_columns
from mlops_kit.artifacts.tables import TableFiles, read_rows
from mlops_kit.errors import BadDataError
from mlops_kit.labels.queue.scores import Scorer, Scores, score_numbers, score_probabilities

if TYPE_CHECKING:
    import pandas as pd

    from mlops_kit.spec.labels import LabelTask
    from mlops_kit.spec.model import Lifecycle

NEGATIVE_POSITIVE = ("0", "1")


@dataclass(frozen=True, eq=False)
class Scoring:
    """A model and the table that it reads."""

    table: TableFiles | None
    """Rows by key; None where there is neither a model nor features."""
    columns: tuple[str, ...]
    """Columns that the model takes, and by which rows are compared."""
    scorer: Scorer | None
    """None without a model."""
    model: Any = None
    """The estimator itself; None where a table of scores stands in for it."""
    names: tuple[str, ...] | None = None
    """The class of the task for each class of the model, in the model's order; None where they are not the task's."""
    paths: tuple[str, ...] = ()
    """Files that were read, relative to the project."""
    notes: tuple[str, ...] = ()
    """What is missing, and what that means."""


def open_scoring(
    root: Path, name: str, label: LabelTask, lifecycle: Lifecycle, params: Mapping[str, Any]
) -> Scoring:
    """Return the model that answers the task `name`, with what it reads. Raises BadDataError for damaged files and missing columns."""
    if label.queue.scores is not None:
        return _of_scores(root, label, lifecycle)
    features = KINDS["Rows"].locate(label.queue.features)
    if not (root / features).is_file():
        return Scoring(
            None,
            (),
            None,
            notes=(f"no {features}: nothing is known of items but their names (mlops-kit run)",),
        )
    table = read_rows(root / features)
    path = KINDS["Model"].locate(label.queue.model)
    plain = tuple(feature_columns(tuple(table.schema()), lifecycle.task))
    if not (root / path).is_file():
        return Scoring(
            table,
            plain,
            None,
            paths=(features,),
            notes=(f"no {path}: no doubts and no pre-labels (mlops-kit run train)",),
        )
    model = load_artifact("Model", root / path)
    columns = tuple(getattr(model, "feature_names_in_", plain))
    missing = [column for column in columns if column not in table.schema()]
    if missing:
        raise BadDataError(
            f"{path} needs {', '.join(missing)}, which {features} does not have",
            fix="mlops-kit run, or name the table that the model is trained on: `queue: {features: ...}` in labels/labels.yaml",
        )
    return _of_model(
        Scoring(table, columns, None, model, paths=(features, path)), name, label, params, lifecycle
    )


def _of_scores(root: Path, label: LabelTask, lifecycle: Lifecycle) -> Scoring:
    path = KINDS["Rows"].locate(str(label.queue.scores))
    table = read_rows(root / path)
    known = table.schema()
    columns = label.classes if label.type in ("class", "classes") else ("score",)
    missing = [name for name in (*lifecycle.task.key, *columns) if name not in known]
    if missing:
        raise BadDataError(
            f"{path} has no column {', '.join(missing)}",
            fix="write the key, and a column of probabilities for each class, or `score`",
        )

    def score(frame: pd.DataFrame) -> Scores:
        values = frame[list(columns)].to_numpy(dtype=float)
        if label.type not in ("class", "classes"):
            return score_numbers(values[:, 0])
        return score_probabilities(values, label.classes, label.type)

    return Scoring(table, tuple(columns), score, paths=(path,))


def _of_model(
    found: Scoring, name: str, label: LabelTask, params: Mapping[str, Any], lifecycle: Lifecycle
) -> Scoring:
    from dataclasses import replace

    model = found.model
    if label.type == "number":
        return replace(
            found, scorer=_rows_with_features(found, lambda rows: score_numbers(model.predict(rows)))
        )
    if label.type != "class" or not hasattr(model, "predict_proba"):
        note = f"the model does not answer questions of type `{label.type}`: name a table of probabilities, `queue: {{scores: ...}}` in labels/labels.yaml"
        return replace(found, model=None, notes=(note,))
    names = class_names(
        tuple(map(str, getattr(model, "classes_", ()))), label, positive_class(name, params, lifecycle)
    )
    notes = (
        ()
        if names
        else (
            "the model's classes are not those of the task, so there are no pre-labels: say `positive` in the params of the label step",
        )
    )

    def score(rows: pd.DataFrame) -> Scores:
        return score_probabilities(model.predict_proba(rows), names, "class")

    return replace(found, scorer=_rows_with_features(found, score), names=names, notes=notes)


def class_names(classes: tuple[str, ...], label: LabelTask, positive: str | None) -> tuple[str, ...] | None:
    """Return the class of the task for each of the model's `classes` (as texts): the same names, or 0 and 1 where `positive` is 1 and there are
    two; None where they are not the task's."""
    if set(classes) <= set(label.classes):
        return classes
    two = {"False": "0", "True": "1", "0.0": "0", "1.0": "1"}
    if (
        tuple(two.get(name, name) for name in classes) != NEGATIVE_POSITIVE
        or positive not in label.classes
        or len(label.classes) != 2
    ):
        return None
    (negative,) = (name for name in label.classes if name != positive)
    return (negative, str(positive))


def positive_class(name: str, params: Mapping[str, Any], lifecycle: Lifecycle) -> str | None:
    """Return the class that is target 1, as the params of the label step of the task `name` say; None when none does."""
    for stage in lifecycle.steps:
        section = params.get(stage)
        if (
            isinstance(section, dict)
            and section.get("question", name) == name
            and section.get("positive") is not None
        ):
            return str(section["positive"])
    return None


def _rows_with_features(found: Scoring, score: Callable[[pd.DataFrame], Scores]) -> Scorer:
    columns = list(found.columns)

    def scored(frame: pd.DataFrame) -> Scores:
        try:
            return score(frame[columns])
        except (ValueError, TypeError) as error:
            raise BadDataError(
                f"{found.paths[-1]} cannot score the rows of {found.paths[0]}: {str(error).splitlines()[0]}",
                fix="mlops-kit run, so that model and features are of one time; or say which table the model reads: `queue: {features: ...}`",
            ) from error

    return scored
