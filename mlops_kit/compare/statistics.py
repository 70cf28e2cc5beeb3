"""Intervals of the difference of two models on the same test rows.

The paired bootstrap (Efron & Tibshirani 1993, chapter 16; paired use: Koehn 2004, ACL W04-3250) draws test rows with replacement,
the same rows for both models, and reads the metric's difference off each draw. Metrics that are functions of sums over rows cost
one matrix product a draw; the area under the ROC curve with equal labels uses the exact paired variance of DeLong, DeLong &
Clarke-Pearson (1988, doi:10.2307/2531595) by mid-ranks (Sun & Xu 2014, doi:10.1109/LSP.2014.2337313).

The draws depend on nothing but the number of rows, and rows are in the order of their keys: the same two sides give the same
interval everywhere, and swapped sides give its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import log_losses, mid_ranks
from mlops_kit.spec.model import TaskKind

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RESAMPLES = 1000
SEED = 20130101


@dataclass(frozen=True)
class Scores:
    """One model's predictions on shared rows, in the order of the rows' keys."""

    actual: Array
    """True values of the rows on this side (0 and 1, or numbers)."""
    score: Array
    """Probability of the positive class, or predicted value."""


@dataclass(frozen=True)
class Interval:
    """An interval of new - old, in the metric's unit."""

    low: float
    high: float


def difference_intervals(
    kind: TaskKind,
    old: Scores,
    new: Scores,
    *,
    threshold: float = 0.5,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    only: frozenset[str] | None = None,
) -> dict[str, Interval]:
    """Return, for each metric of `kind` (or those in `only`), the interval of its difference new - old at level `confidence`.

    Both sides hold the same rows in the same order. Metrics that need both classes are left out when a class is missing.
    """
    import numpy as np

    same_labels = bool(np.array_equal(old.actual, new.actual))
    parts = (_row_parts(kind, old, threshold), _row_parts(kind, new, threshold))
    ranked = _ranked_metrics(kind, old, new)
    ranked = {name: sides for name, sides in ranked.items() if only is None or name in only}
    summed = {name: function for name, function in _FROM_SUMS[kind].items() if only is None or name in only}
    names = sorted([*summed, *ranked])
    draws = np.empty((resamples, len(names)))
    rng = np.random.default_rng(SEED)
    count = len(old.actual)
    for number in range(resamples):
        weights = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        sums = [dict(zip(part[0], weights @ part[1], strict=True)) for part in parts]
        values = {name: function(sums[1]) - function(sums[0]) for name, function in summed.items()}
        for name, sides in ranked.items():
            if name != "roc_auc" or not same_labels:
                values[name] = sides[1].weighted(weights) - sides[0].weighted(weights)
        draws[number] = [values.get(name, 0.0) for name in names]
    tail = (1 - confidence) / 2
    edges = np.quantile(draws, [tail, 1 - tail], axis=0)
    found = {name: Interval(float(edges[0, i]), float(edges[1, i])) for i, name in enumerate(names)}
    if "roc_auc" in ranked and same_labels:
        found["roc_auc"] = delong_interval(old.actual, old.score, new.score, confidence=confidence)
    return found


def delong_interval(actual: Array, old: Array, new: Array, *, confidence: float = 0.95) -> Interval:
    """Return the normal interval of the difference of two areas under the ROC curve on the same rows.

    `actual` holds 0 and 1, `old` and `new` are scores. The variance is DeLong's, from each row's placement among the other class.
    """
    import numpy as np

    positive = actual > 0.5
    placements = [_placements(positive, score) for score in (old, new)]
    difference = placements[1][0].mean() - placements[0][0].mean()
    on_positive = placements[1][0] - placements[0][0]
    on_negative = placements[1][1] - placements[0][1]
    variance = _variance_of_mean(on_positive) + _variance_of_mean(on_negative)
    half = normal_quantile(1 - (1 - confidence) / 2) * float(np.sqrt(variance))
    return Interval(float(difference - half), float(difference + half))


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def _variance_of_mean(values: Array) -> float:
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else 0.0


def _placements(positive: Array, score: Array) -> tuple[Array, Array]:
    """Return for each positive row the share of negative rows below it, for each negative row the share of positive rows above it."""
    ranks = mid_ranks(score)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    own_positive, own_negative = mid_ranks(score[positive]), mid_ranks(score[~positive])
    return (ranks[positive] - own_positive) / n_negative, 1 - (ranks[~positive] - own_negative) / n_positive


def _row_parts(kind: TaskKind, side: Scores, threshold: float) -> tuple[list[str], Array]:
    """Return what each row adds to the sums behind the metrics: names, and an array of rows x names."""
    import numpy as np

    actual, score = side.actual, side.score
    if kind == "regression":
        error = actual - score
        parts = {
            "n": np.ones_like(actual),
            "abs": abs(error),
            "square": error**2,
            "y": actual,
            "yy": actual**2,
        }
    else:
        positive, said = actual > 0.5, score >= threshold
        parts = {
            "n": np.ones_like(score),
            "tp": positive & said,
            "fp": ~positive & said,
            "fn": positive & ~said,
            "log": log_losses(actual, score),
            "square": (score - actual) ** 2,
        }
    return list(parts), np.column_stack([part.astype(np.float64) for part in parts.values()])


def _safe(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


_FROM_SUMS: dict[str, dict[str, Any]] = {
    "classification": {
        "accuracy": lambda s: 1 - (s["fp"] + s["fn"]) / s["n"],
        "brier": lambda s: s["square"] / s["n"],
        "f1": lambda s: _safe(2 * s["tp"], 2 * s["tp"] + s["fp"] + s["fn"]),
        "log_loss": lambda s: s["log"] / s["n"],
        "precision": lambda s: _safe(s["tp"], s["tp"] + s["fp"]),
        "recall": lambda s: _safe(s["tp"], s["tp"] + s["fn"]),
    },
    "regression": {
        "mae": lambda s: s["abs"] / s["n"],
        "r2": lambda s: 1 - _safe(s["square"], s["yy"] - s["y"] ** 2 / s["n"]),
        "rmse": lambda s: (s["square"] / s["n"]) ** 0.5,
    },
}


class _Ranking:
    """Rows sorted by score once, so that each draw costs cumulative sums only."""

    def __init__(self, side: Scores) -> None:
        import numpy as np

        self._order = np.argsort(-side.score, kind="stable")
        sorted_score = side.score[self._order]
        self._positive = side.actual[self._order] > 0.5
        self._ends = np.flatnonzero(np.append(np.diff(sorted_score) != 0, True))

    def _steps(self, weights: Array) -> tuple[Array, Array]:
        """Return the cumulative weights of positive and of negative rows at the end of each group of equal scores."""
        import numpy as np

        drawn = weights[self._order]
        positive = np.cumsum(drawn * self._positive)[self._ends]
        total = np.cumsum(drawn)[self._ends]
        return positive, total - positive


class _Auc(_Ranking):
    def weighted(self, weights: Array) -> float:
        import numpy as np

        positive, negative = self._steps(weights)
        gained = np.diff(negative, prepend=0.0)
        below = (positive + np.append(0.0, positive[:-1])) / 2
        return _safe(float((gained * below).sum()), float(positive[-1] * negative[-1]))


class _AveragePrecision(_Ranking):
    def weighted(self, weights: Array) -> float:
        import numpy as np

        positive, negative = self._steps(weights)
        total = positive + negative
        precision = np.divide(positive, total, out=np.zeros_like(positive), where=total > 0)
        return _safe(float((precision * np.diff(positive, prepend=0.0)).sum()), float(positive[-1]))


def _ranked_metrics(kind: TaskKind, old: Scores, new: Scores) -> dict[str, tuple[Any, Any]]:
    both = all(0 < side.actual.sum() < len(side.actual) for side in (old, new))
    if kind != "classification" or not both:
        return {}
    return {
        "average_precision": (_AveragePrecision(old), _AveragePrecision(new)),
        "roc_auc": (_Auc(old), _Auc(new)),
    }
