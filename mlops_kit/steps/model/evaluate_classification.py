"""Evaluate a classifier on the test rows.

Writes metrics, the prediction of every row by its key (a comparison of two commits draws its intervals from them), metrics of
slices, and the ROC, precision-recall and calibration curves. A slice with fewer than `min_rows` rows is listed as skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_kit import (
    Curve,
    Document,
    Metrics,
    Model,
    Predictions,
    Table,
    Task,
    compute_metrics,
    feature_columns,
    make_predictions,
    run,
    step,
)

if TYPE_CHECKING:
    import numpy as np

CURVE_POINTS = 200
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class EvaluateParams:
    """Section of params.yaml."""

    threshold: float = 0.5
    """Probability from which a row counts as positive."""
    slices: tuple[str, ...] = ()
    """Columns whose values make slices."""
    min_rows: int = 100
    """Rows that a slice needs to be measured."""


class Evaluated(NamedTuple):
    """What the step writes."""

    evaluation: Metrics
    predictions: Predictions
    slices: Document
    roc: Curve
    precision_recall: Curve
    calibration: Curve


@step(contract=2)
def evaluate(model: Model, test: Table, *, task: Task, params: EvaluateParams) -> Evaluated:
    """Score the test rows and measure the scores."""
    import pyarrow as pa

    score = model.predict_proba(test[feature_columns(list(test.columns), task)])[:, 1]
    actual = test[task.target].to_numpy().astype(float)
    group = (task.group,) if task.group else ()
    columns = {name: pa.array(test[name]) for name in (*task.key, *params.slices, *group)}
    table = pa.table({**columns, "actual": actual, "score": score})
    return Evaluated(
        compute_metrics("classification", actual, score, threshold=params.threshold)
        | {"test_rows": len(test)},
        make_predictions(table, task=task, threshold=params.threshold, slices=params.slices),
        {
            "rows": [
                part for name in params.slices for part in _slice(test[name], name, actual, score, params)
            ]
        },
        *_curves(actual, score),
        _calibration(actual, score),
    )


def _slice(
    values: Any,
    column: str,
    actual: np.ndarray[Any, Any],
    score: np.ndarray[Any, Any],
    params: EvaluateParams,
) -> list[dict[str, Any]]:
    names = values.astype(object).where(values.notna(), "(missing)").astype(str)
    found = []
    for value in sorted(names.unique()):
        rows = (names == value).to_numpy()
        entry: dict[str, Any] = {"column": column, "value": value, "rows": int(rows.sum()), "metrics": {}}
        if entry["rows"] >= params.min_rows:
            entry["metrics"] = compute_metrics(
                "classification", actual[rows], score[rows], threshold=params.threshold
            )
        found.append(entry)
    return found


def _curves(
    actual: np.ndarray[Any, Any], score: np.ndarray[Any, Any]
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return the ROC curve (x false positive rate, y true positive rate) and the precision-recall curve (x recall, y precision)."""
    import numpy as np

    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(actual[order])
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).round().astype(int))]
    positive, negative = max(1.0, actual.sum()), max(1.0, (1 - actual).sum())
    true, false = hits[ends], ends + 1 - hits[ends]
    roc = [
        {"x": 0.0, "y": 0.0},
        *({"x": float(f / negative), "y": float(t / positive)} for f, t in zip(false, true, strict=True)),
    ]
    precision = [
        {"x": float(t / positive), "y": float(t / (t + f))} for f, t in zip(false, true, strict=True)
    ]
    return roc, precision


def _calibration(actual: np.ndarray[Any, Any], score: np.ndarray[Any, Any]) -> list[dict[str, float]]:
    """Return mean score (x) and share of positive rows (y) of equally large groups of rows, by rising score."""
    import numpy as np

    groups = np.array_split(np.argsort(score, kind="stable"), CALIBRATION_BINS)
    return [{"x": float(score[g].mean()), "y": float(actual[g].mean())} for g in groups if len(g)]


if __name__ == "__main__":
    run(evaluate)
