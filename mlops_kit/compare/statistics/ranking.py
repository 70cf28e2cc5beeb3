"""Average precision and the area under the ROC curve, on drawn rows and by each row's influence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.compare.statistics.sums import safe_ratio

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Ranking:
    """The rows of one run from the highest score down, sorted once: a draw costs a running sum.

    Both metrics need the counts at the scores of positive rows only, so that rows below the lowest of these are left out.
    """

    def __init__(self, actual: Array, score: Array) -> None:
        import numpy as np

        order = np.argsort(-score, kind="stable")
        positive = actual[order] > 0.5
        step = np.append(np.diff(score[order]) != 0, True)
        tie = np.cumsum(step) - step  # number of the group of equal scores
        ends = np.flatnonzero(step)
        hits = np.bincount(tie[positive], minlength=len(ends))
        kept = np.flatnonzero(hits)  # groups with a positive row
        self._ends = ends[kept]
        self._before = np.append(-1, ends)[kept]
        self._order = order[: self._ends[-1] + 1]
        self._positive_rows = order[positive]
        self._positive_ends = np.cumsum(hits[kept]) - 1

    def average_precision(self, weights: Array) -> Array:
        """Return the metric for each line of `weights` (draws x rows), 0 where no positive row is drawn."""
        _, at_end, positives, steps = self._counts(weights)
        precision = safe_ratio(positives, at_end)
        return safe_ratio((precision * steps).sum(axis=1), positives[:, -1])

    def roc_auc(self, weights: Array) -> Array:
        """Return the metric for each line of `weights` (draws x rows), 0 where a class is missing."""
        import numpy as np

        before, at_end, positives, steps = self._counts(weights)
        negatives = weights.sum(axis=1) - positives[:, -1]
        above = before - (positives - steps)
        tied = at_end - before - steps
        wins = (steps * (negatives[:, None] - above - tied / 2)).sum(axis=1)
        return safe_ratio(wins, positives[:, -1].astype(np.float64) * negatives)

    def _counts(self, weights: Array) -> tuple[Array, Array, Array, Array]:
        """Return, at each score of a positive row: rows above it, rows down to it, positive rows down to it, positive rows at it."""
        import numpy as np

        running = np.cumsum(weights[:, self._order], axis=1)
        positives = np.cumsum(weights[:, self._positive_rows], axis=1)[:, self._positive_ends]
        before = np.where(self._before >= 0, running[:, self._before], 0)
        return before, running[:, self._ends], positives, np.diff(positives, axis=1, prepend=0)


def influence_on_average_precision(actual: Array, score: Array) -> Array:
    """Return the derivative of average precision by the weight of each row, at equal weights.

    A row changes the precision at every positive row that scores no higher, and, being positive, adds its own. The derivatives add
    up to zero; sums of them over drawn rows are the first-order law of the bootstrap (Efron 1982, chapter 6).
    """
    import numpy as np

    _, tie = np.unique(-score, return_inverse=True)
    positive = actual > 0.5
    rows = np.bincount(tie)
    hits = np.bincount(tie[positive], minlength=len(rows))
    down, hits_down = np.cumsum(rows), np.cumsum(hits)
    precision = hits_down / down
    total = hits_down[-1]
    value = (precision * hits).sum() / total
    below = np.cumsum((hits / down)[::-1])[::-1]  # from this score down
    below_precision = np.cumsum((hits * precision / down)[::-1])[::-1]
    influence: Array = (positive * (precision - value + below)[tie] - below_precision[tie]) / total
    return influence


def influence_on_roc_auc(actual: Array, score: Array) -> Array:
    """Return the derivative of the area under the ROC curve by the weight of each row: its placement among the other class."""
    import numpy as np

    from mlops_kit.compare.statistics.delong import placements

    positive = actual > 0.5
    on_positive, on_negative = placements(positive, score)
    influence = np.empty(len(score))
    influence[positive] = (on_positive - on_positive.mean()) / len(on_positive)
    influence[~positive] = (on_negative - on_negative.mean()) / len(on_negative)
    return influence
