"""Metrics of yes or no: exact draws from the joint confusion cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.statistics.values import Scores

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def draw_confusions(
    old: Scores, new: Scores, *, threshold: float, resamples: int, seed: list[int]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the draws of each side's `tp`, `fp`, `fn` and `n`.

    A row falls into one of 16 cells: its truth and what is said, on both sides. A bootstrap sample changes nothing but the cells'
    counts, and these are multinomial with the observed shares: this is the row bootstrap's own law, at a cost without the rows.
    """
    import numpy as np

    code = np.zeros(len(old.actual), dtype=np.intp)
    for bit, part in enumerate(
        (old.actual > 0.5, old.score >= threshold, new.actual > 0.5, new.score >= threshold)
    ):
        code |= part.astype(np.intp) << bit
    counts = np.bincount(code, minlength=16)
    cells = np.flatnonzero(counts)
    drawn = np.zeros((resamples, 16))
    drawn[:, cells] = np.random.default_rng(seed).multinomial(len(code), counts[cells] / len(code), resamples)
    return _of_side(drawn, 0), _of_side(drawn, 2)


def _of_side(drawn: Array, shift: int) -> dict[str, Array]:
    import numpy as np

    cell = np.arange(16) >> shift
    positive, said = (cell & 1).astype(bool), (cell & 2).astype(bool)
    named = {"tp": positive & said, "fp": ~positive & said, "fn": positive & ~said}
    return {name: drawn[:, chosen].sum(axis=1) for name, chosen in named.items()} | {"n": drawn.sum(axis=1)}


def mcnemar_p(actual: Array, old: Array, new: Array) -> float:
    """Return McNemar's p value for two columns of answers (bool) on the same rows, by the mid-p rule.

    Only rows where exactly one side is right count; under no difference either side is as likely to be that one (McNemar 1947,
    doi:10.1007/BF02295996). The mid-p binomial test keeps its level like the exact test without being as timid (Fagerland,
    Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91). It is valid for few such rows as for many: no chi-square is needed.
    """
    truth = actual > 0.5
    lost, won = int(((old == truth) & (new != truth)).sum()), int(((old != truth) & (new == truth)).sum())
    return mid_p(min(lost, won), lost + won)


def mid_p(fewer: int, total: int) -> float:
    """Return the two-sided mid-p value of `fewer` heads in `total` throws of a fair coin, `fewer` being the smaller side."""
    from scipy.special import bdtr

    if total == 0:
        return 1.0
    below = float(bdtr(fewer - 1, total, 0.5)) if fewer else 0.0
    at = float(bdtr(fewer, total, 0.5)) - below
    return min(1.0, 2 * below + at)


def confusion_columns(actual: Array, score: Array, threshold: float) -> Mapping[str, Array]:
    """Return what each row adds to `tp`, `fp` and `fn`: for rows in groups and for several runs, where cells are too many."""
    positive, said = actual > 0.5, score >= threshold
    return {"tp": positive & said, "fp": ~positive & said, "fn": positive & ~said}
