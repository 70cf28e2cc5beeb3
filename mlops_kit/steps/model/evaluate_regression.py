"""Evaluate a regressor on the test rows.

Writes metrics, the prediction of every row by its key, metrics of slices, mean prediction against mean outcome, and the quantiles
of the error. A slice with fewer than `min_rows` rows is listed as skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

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

GROUPS = 20


@dataclass(frozen=True)
class EvaluateParams:
    """Section of params.yaml."""

    slices: tuple[str, ...] = ()
    """Columns whose values make slices."""
    min_rows: int = 100
    """Rows that a slice needs to be measured."""


class Evaluated(NamedTuple):
    """What the step writes."""

    evaluation: Metrics
    predictions: Predictions
    slices: Document
    predicted_actual: Curve
    error_quantiles: Curve


@step(contract=1)
def evaluate(model: Model, test: Table, *, task: Task, params: EvaluateParams) -> Evaluated:
    """Predict the test rows and measure the errors."""
    import numpy as np
    import pyarrow as pa

    score = np.asarray(model.predict(test[feature_columns(list(test.columns), task)]), dtype=float)
    actual = test[task.target].to_numpy().astype(float)
    group = (task.group,) if task.group else ()
    columns = {name: pa.array(test[name]) for name in (*task.key, *params.slices, *group)}
    table = pa.table({**columns, "actual": actual, "score": score})
    groups = [group for group in np.array_split(np.argsort(score, kind="stable"), GROUPS) if len(group)]
    points = np.linspace(0, 1, 101)
    return Evaluated(
        compute_metrics("regression", actual, score) | {"test_rows": len(test)},
        make_predictions(table, task=task, threshold=0.0, slices=params.slices),
        {
            "rows": [
                part
                for name in params.slices
                for part in _slice(test[name], name, actual, score, params.min_rows)
            ]
        },
        [{"x": float(score[group].mean()), "y": float(actual[group].mean())} for group in groups],
        [
            {"x": float(q), "y": float(e)}
            for q, e in zip(points, np.quantile(score - actual, points), strict=True)
        ],
    )


def _slice(values: Any, column: str, actual: Any, score: Any, min_rows: int) -> list[dict[str, Any]]:
    names = values.astype(object).where(values.notna(), "(missing)").astype(str)
    found = []
    for value in sorted(names.unique()):
        rows = (names == value).to_numpy()
        entry: dict[str, Any] = {"column": column, "value": value, "rows": int(rows.sum()), "metrics": {}}
        if entry["rows"] >= min_rows:
            entry["metrics"] = compute_metrics("regression", actual[rows], score[rows])
        found.append(entry)
    return found


if __name__ == "__main__":
    run(evaluate)
