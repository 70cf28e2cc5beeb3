"""Train gradient-boosted trees on the training rows, a classifier or a regressor by the kind of the task.

Texts become category codes, numbers pass through, missing values are understood. The key, the time and the target are never
features. Early stopping is off, so the same rows and parameters give the same model, byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import BadDataError, Model, Table, Task, feature_columns, run, step


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


class Trained(NamedTuple):
    """What the step writes."""

    model: Model


@step(contract=1)
def train(train: Table, *, task: Task, params: TrainParams) -> Trained:
    """Fit a scikit-learn pipeline: category codes for texts, then gradient boosting."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    features = train[feature_columns(list(train.columns), task)]
    target = train[task.target]
    kinds = {"classification": HistGradientBoostingClassifier, "regression": HistGradientBoostingRegressor}
    if target.nunique() < 2:
        raise BadDataError(
            f"the training rows have {target.nunique()} different values of `{task.target}`",
            fix="look at label and split in params.yaml",
        )
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
    return Trained(Pipeline([("columns", columns), ("boost", boost)]).fit(features, target))


if __name__ == "__main__":
    run(train)
