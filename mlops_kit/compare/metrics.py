"""Metrics of per-row predictions, in NumPy. The evaluate step and the comparison use the same functions, so their values agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.spec.kinds import Direction, TaskKind

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

DIRECTIONS: dict[str, Direction] = {
    "accuracy": "higher",
    "average_precision": "higher",
    "brier": "lower",
    "calibration_error": "lower",
    "f0_5": "higher",
    "f1": "higher",
    "f2": "higher",
    "log_loss": "lower",
    "mae": "lower",
    "precision": "higher",
    "quantile_loss": "lower",
    "r2": "higher",
    "recall": "higher",
    "rmse": "lower",
    "roc_auc": "higher",
}
# Words in other projects' metric names that say which way is better.
_HIGHER = ("accuracy", "acc", "auc", "f1", "precision", "recall", "r2", "iou")
_LOWER = (
    "loss",
    "error",
    "rmse",
    "mse",
    "mae",
    "mape",
    "brier",
    "perplexity",
    "latency",
    "seconds",
    "ece",
    "pinball",
)

# Probabilities are kept this far from 0 and 1 before a logarithm is taken, as scikit-learn does for float64.
EPSILON = 2.220446049250313e-16
# Groups of scores behind the calibration error, of equal width.
BINS = 10


def guess_direction(name: str) -> Direction | None:
    """Return which way is better for the metric `name`, by its last part; None when the name does not say."""
    last = name.replace(":", ".").split(".")[-1].lower()
    if last in DIRECTIONS:
        return DIRECTIONS[last]
    words = set(last.replace("-", "_").split("_"))
    lower, higher = bool(words & set(_LOWER)), bool(words & set(_HIGHER))
    return None if lower == higher else "lower" if lower else "higher"


def compute_metrics(
    kind: TaskKind,
    actual: Array,
    score: Array,
    *,
    threshold: float = 0.5,
    quantile: float | None = None,
) -> dict[str, float]:
    """Return the metrics of predictions, by name.

    For classification `actual` holds 0 and 1 and `score` the probability of 1; a row counts as positive from `threshold` on.
    For regression both hold numbers; `quantile` is the level of predicted quantiles and adds their loss. A `score` of rows x runs
    gives the mean over the runs. Metrics that need both classes are left out when only one is there. Empty input gives an empty
    result. Precision, recall and F1 are 0 where their denominator is 0.
    """
    if len(actual) == 0:
        return {}
    if score.ndim == 2:
        runs = [compute_metrics(kind, actual, run, threshold=threshold, quantile=quantile) for run in score.T]
        return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}
    if kind == "regression":
        found = {"mae": _mean_absolute(actual, score), "r2": _r2(actual, score), "rmse": _rmse(actual, score)}
        if quantile is not None:
            found["quantile_loss"] = float(pinball_losses(actual, score, quantile).mean())
        return found
    counts = confusion_counts(actual, score, threshold)
    found = {
        "accuracy": ratio(counts[0] + counts[3], sum(counts)),
        "brier": float(((score - actual) ** 2).mean()),
        "calibration_error": calibration_error(actual, score),
        "f1": ratio(2 * counts[0], 2 * counts[0] + counts[1] + counts[2]),
        "log_loss": float(log_losses(actual, score).mean()),
        "precision": ratio(counts[0], counts[0] + counts[1]),
        "recall": ratio(counts[0], counts[0] + counts[2]),
    }
    if 0 < actual.sum() < len(actual):
        found["average_precision"] = average_precision(actual, score)
        found["roc_auc"] = roc_auc(actual, score)
    return found


def calibration_error(actual: Array, score: Array) -> float:
    """Return the expected calibration error: how far mean score and share of positive rows are apart, over ten bins of scores.

    The bins have equal width; each weighs as much as it has rows (Naeini, Cooper & Hauskrecht 2015, AAAI; Guo et al. 2017,
    arXiv:1706.04599, with the probability of the positive class). A finite number of rows makes it larger than zero for a perfect
    model: compare it on the same rows only.
    """
    import numpy as np

    gaps = np.bincount(calibration_bins(score), weights=actual - score, minlength=BINS)
    return float(abs(gaps).sum() / len(actual))


def calibration_bins(score: Array) -> Array:
    """Return the bin, 0 to 9, of each score; scores outside of 0 to 1 fall into the outermost bins."""
    import numpy as np

    bins: Array = np.clip(np.floor(score * BINS), 0, BINS - 1).astype(np.intp)
    return bins


def pinball_losses(actual: Array, score: Array, quantile: float) -> Array:
    """Return the quantile loss of each row: too low costs `quantile` a unit, too high 1 - `quantile` (Koenker & Bassett 1978)."""
    import numpy as np

    error = actual - score
    losses: Array = np.maximum(quantile * error, (quantile - 1) * error)
    return losses


def ratio(part: float, whole: float) -> float:
    """Return part / whole, 0 for an empty whole."""
    return float(part / whole) if whole else 0.0


def confusion_counts(actual: Array, score: Array, threshold: float) -> tuple[int, int, int, int]:
    """Return the numbers of true positives, false positives, false negatives and true negatives."""
    positive, said = actual > 0.5, score >= threshold
    hits = int((positive & said).sum())
    return (
        hits,
        int(said.sum()) - hits,
        int(positive.sum()) - hits,
        len(actual) - int((positive | said).sum()),
    )


def log_losses(actual: Array, score: Array) -> Array:
    """Return the negative log likelihood of each row."""
    import numpy as np

    sure = np.clip(score, EPSILON, 1 - EPSILON)
    losses: Array = -np.where(actual > 0.5, np.log(sure), np.log1p(-sure))
    return losses


def roc_auc(actual: Array, score: Array) -> float:
    """Return the area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half.

    Computed from mid-ranks (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    """
    positive = actual > 0.5
    ranks = mid_ranks(score)
    n_positive = int(positive.sum())
    n_negative = len(actual) - n_positive
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def mid_ranks(values: Array) -> Array:
    """Return the rank of each value from 1 on; equal values share the mean of their ranks."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Array = (last - (counts - 1) / 2)[inverse]
    return middle


def average_precision(actual: Array, score: Array) -> float:
    """Return the mean precision over the steps of recall, equal scores taken together (as scikit-learn defines it)."""
    import numpy as np

    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(actual[order] > 0.5)
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    precision = hits[ends] / (ends + 1)
    steps = np.diff(np.append(0, hits[ends])) / hits[-1]
    return float((precision * steps).sum())


def _mean_absolute(actual: Array, score: Array) -> float:
    return float(abs(actual - score).mean())


def _rmse(actual: Array, score: Array) -> float:
    return float(((actual - score) ** 2).mean() ** 0.5)


def _r2(actual: Array, score: Array) -> float:
    spread = float(((actual - actual.mean()) ** 2).sum())
    return 1.0 - float(((actual - score) ** 2).sum()) / spread if spread else 0.0
