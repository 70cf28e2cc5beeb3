"""Train gradient-boosted trees on the training rows, a classifier or a regressor by the kind of the task.

Texts become category codes, numbers pass through, missing values are understood. The key, the time and the target are never
features. Early stopping is off, so the same rows and parameters give the same model, byte by byte.

Params are chosen by the metrics of validation, never by the test set: a second model of the older training rows (or of most groups or
keys) is measured on the rest of them. The model that is written has learned from all training rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from mlops_kit import (
    BadDataError,
    Metrics,
    Model,
    Table,
    Task,
    compute_metrics,
    feature_columns,
    holdout_rows,
    run,
    step,
)

SCORES = ("log_loss", "roc_auc", "mae", "rmse")


@dataclass(frozen=True)
class TrainParams:
    """Section of params.yaml."""

    learning_rate: float = 0.05
    """How much each tree corrects the ones before it."""
    max_iter: int = 100
    """Number of trees."""
    max_leaf_nodes: int = 31
    """Leaves of each tree."""
    min_samples_leaf: int = 20
    """Rows that a leaf needs."""
    l2_regularization: float = 0.0
    """Strength of the pull of leaf values towards zero."""
    seed: int = 0
    """Seed of the random numbers."""
    validation_share: float = 0.2
    """Share of the training rows that a second model is measured on; 0 saves its time and leaves the metrics of validation out."""


class Trained(NamedTuple):
    """What the step writes."""

    model: Model
    validation: Metrics


@step(contract=2)
def train(train: Table, *, task: Task, params: TrainParams) -> Trained:
    """Fit a scikit-learn pipeline: category codes for texts, then gradient boosting."""
    if train[task.target].nunique() < 2:
        raise BadDataError(
            f"the training rows have {train[task.target].nunique()} different values of `{task.target}`",
            fix="look at label and split in params.yaml",
        )
    return Trained(_fit(train, task, params), _validate(train, task, params))


def _fit(rows: Any, task: Task, params: TrainParams) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    features = rows[feature_columns(list(rows.columns), task)]
    kinds = {"classification": HistGradientBoostingClassifier, "regression": HistGradientBoostingRegressor}
    texts = [name for name in features.columns if features[name].dtype.kind not in "biuf"]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    boost = kinds[task.kind](
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        early_stopping=False,
        random_state=params.seed,
    )
    columns = ColumnTransformer(
        [("texts", encode, texts)], remainder="passthrough", verbose_feature_names_out=False
    )
    return Pipeline([("columns", columns), ("boost", boost)]).fit(features, rows[task.target])


def _validate(rows: Any, task: Task, params: TrainParams) -> dict[str, float]:
    """Return how a model of the other training rows does on those that are held out; nothing where that cannot be said."""
    held = holdout_rows(rows, task, params.validation_share)
    rest, part = rows[~held], rows[held]
    if part.empty or rest[task.target].nunique() < 2:
        return {}
    features = part[feature_columns(list(part.columns), task)]
    model = _fit(rest, task, params)
    score = model.predict_proba(features)[:, 1] if task.kind == "classification" else model.predict(features)
    found = compute_metrics(task.kind, part[task.target].to_numpy().astype(float), score)
    return {f"validation_{name}": found[name] for name in SCORES if name in found} | {
        "validation_rows": len(part)
    }


if __name__ == "__main__":
    run(train)
