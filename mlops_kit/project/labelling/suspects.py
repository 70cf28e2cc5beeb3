"""Labels that the model, trained without them, contradicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.artifacts.tables import read_rows
from mlops_kit.labels.queue import pool as names
from mlops_kit.labels.queue.confident import mislabelled_scores
from mlops_kit.labels.queue.pool import Pool
from mlops_kit.project.labelling.scoring import Scoring

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_kit.spec.labels import LabelTask
    from mlops_kit.spec.model import Task

    Array = np.ndarray[Any, Any]

MOST = 50_000
"""Labelled items that are looked at, chosen by their draw: each is predicted by a model that is trained on four fifths of the others."""
FOLDS = 5
LEAST = 2 * FOLDS
"""Labels that each class needs, so that every fold has it."""


def suspects(
    root: Path, pool: Pool, scoring: Scoring, label: LabelTask, task: Task, seed: int
) -> tuple[Mapping[str, float], tuple[str, ...]]:
    """Return item -> how likely its label is wrong (0 to 1), of items whose label is contradicted, and notes.

    The labels are those that the model is trained on. Each item is predicted by a fresh copy of the model that never saw it: one that did
    remembers the label, wrong or not.
    """
    path = root / KINDS["Rows"].locate(label.queue.labels)
    if scoring.model is None or scoring.table is None or not path.is_file():
        return {}, ()
    frame = pool.labelled(read_rows(path), task.target, scoring.table, scoring.columns, most=MOST)
    classes, given = _numbered(frame[task.target])
    counts = [int((given == place).sum()) for place in range(len(classes))]
    if len(classes) < 2 or min(counts) < LEAST:
        least = min(counts, default=0)
        return {}, (
            f"`mislabelled` needs {LEAST} labels of each of two classes in {path.name}; the rarest has {least}",
        )
    probabilities = out_of_sample(
        scoring.model, frame[list(scoring.columns)], frame[task.target], given, seed
    )
    scores = mislabelled_scores(given, probabilities)
    found = {
        str(item): float(score) for item, score in zip(frame[names.ITEM], scores, strict=True) if score > -1
    }
    told = (f"`mislabelled` looked at {MOST:,} of more labelled items",) if len(frame) == MOST else ()
    return found, told


def out_of_sample(model: Any, rows: pd.DataFrame, target: Any, given: Array, seed: int) -> Array:
    """Return probabilities (rows x classes in sorted order) of each row by a copy of `model` trained on the other folds."""
    import numpy as np
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    found = np.zeros((len(rows), len(np.unique(given))))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    for known, held in folds.split(np.zeros(len(given)), given):
        fitted = clone(model).fit(rows.iloc[known], target.iloc[known])
        found[held] = fitted.predict_proba(rows.iloc[held])
    return found


def _numbered(target: Any) -> tuple[Array, Array]:
    import numpy as np

    classes, given = np.unique(target.to_numpy(), return_inverse=True)
    return classes, given
