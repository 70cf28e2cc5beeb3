"""The intervals of all metrics of two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import average_precision, roc_auc
from mlops_kit.compare.statistics import drawing
from mlops_kit.compare.statistics.arrange import Paired, compare_sides, pair, sort_rows, swap
from mlops_kit.compare.statistics.cells import draw_confusions, mcnemar_p
from mlops_kit.compare.statistics.delong import delong_interval, mean_placements
from mlops_kit.compare.statistics.fixed import exact_mean, sum_groups
from mlops_kit.compare.statistics.gaps import draw_calibration_errors, exact_gaps, shrink_gaps
from mlops_kit.compare.statistics.ranking import Ranking, influence_on_average_precision, influence_on_roc_auc
from mlops_kit.compare.statistics.seeds import add_seeds, p_of
from mlops_kit.compare.statistics.sums import COUNTED, Layout, lay_out, options_for, values_of
from mlops_kit.compare.statistics.values import RESAMPLES, SEED, Interval, Scores
from mlops_kit.spec.kinds import TaskKind

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

METRICS: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "average_precision", "brier", "calibration_error", "f0_5", "f1", "f2", "log_loss", "precision", "recall", "roc_auc"),
    "regression": ("mae", "quantile_loss", "r2", "rmse"),
}  # fmt: skip
ON_REQUEST = frozenset({"f0_5", "f2"})
"""Only where `only` names them: compute_metrics does not report them."""
RANKED = ("average_precision", "roc_auc")
RARE, RARE_GROUPS = 300, 50
"""With fewer positive (or negative) rows, or groups that have one, rows are drawn for a ranking metric whatever it costs. Above, on many
rows, its first-order law is off by about 2 % of the interval's width at 250 rows and at 100 groups, 5 % at 60 groups."""


@dataclass(frozen=True)
class _Estimate:
    """What is known of one metric before seeds: its value for each run, and where the bootstrap's difference lies."""

    old: tuple[float, ...]
    new: tuple[float, ...]
    low: float
    high: float
    p: float | None = None

    @property
    def change(self) -> float:
        return sum(self.new) / len(self.new) - sum(self.old) / len(self.old)


@dataclass(frozen=True)
class _Question:
    """The rows, and what is asked of them."""

    paired: Paired
    confidence: float
    resamples: int
    threshold: float
    quantile: float | None


def difference_intervals(
    kind: TaskKind,
    old: Scores,
    new: Scores,
    *,
    threshold: float = 0.5,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    only: frozenset[str] | None = None,
    groups: Array | None = None,
    quantile: float | None = None,
) -> dict[str, Interval]:
    """Return, for each metric of `kind` (or those in `only`), the interval of its difference new - old at level `confidence`.

    Both sides hold the same rows in the same order. `groups` names the group of each row: rows of a group are drawn together.
    Ranking metrics are left out when a class is missing, the quantile loss without the level `quantile` of the predicted quantiles.
    """
    paired = pair(old, new, groups)
    names = _wanted(kind, paired, only, quantile)
    if _identical(paired):
        return {name: Interval(0.0, 0.0, 0.0, 1.0) for name in names}
    place = compare_sides(paired)
    question = _Question(swap(paired) if place > 0 else paired, confidence, resamples, threshold, quantile)
    found = {}
    for name, estimate in sorted(_estimate(names, question).items()):
        interval = Interval(estimate.low, estimate.high, estimate.change, estimate.p)
        if place == 0:  # swapping the sides changes nothing, so the interval is its own mirror image
            half = (interval.high - interval.low) / 2
            interval = Interval(-half, half, 0.0, 1.0)
        if interval.p is None:
            interval = replace(interval, p=p_of(estimate.change, interval.low, interval.high, confidence))
        interval = add_seeds(interval, estimate.old, estimate.new, confidence)
        found[name] = _mirror(interval) if place > 0 else interval
    return found


def _mirror(interval: Interval) -> Interval:
    return replace(interval, low=-interval.high, high=-interval.low, change=-(interval.change or 0.0))


def _identical(paired: Paired) -> bool:
    import numpy as np

    return paired.same_labels and paired.single and bool(np.array_equal(paired.old.score, paired.new.score))


def _wanted(kind: TaskKind, paired: Paired, only: frozenset[str] | None, quantile: float | None) -> list[str]:
    sides = (paired.old.actual, paired.new.actual)
    left_out = set() if quantile is not None else {"quantile_loss"}
    if kind == "classification" and not all(0 < (actual > 0.5).sum() < len(actual) for actual in sides):
        left_out |= set(RANKED)
    if only is None:
        left_out |= ON_REQUEST
    return [name for name in METRICS[kind] if name not in left_out and (only is None or name in only)]


def _estimate(names: Sequence[str], question: _Question) -> dict[str, _Estimate]:
    """Return the estimate of every metric, each by its own way of drawing."""
    paired, found = question.paired, {}
    if "roc_auc" in names and paired.same_labels:
        found["roc_auc"] = _area(question)
    counted = [name for name in names if name in COUNTED and paired.codes is None and paired.single]
    found |= _counted(counted, question)
    rest = [name for name in names if name not in found]
    drawn = [name for name in rest if _needs_rows(name, paired)]
    if drawn:
        found |= _row_by_row(drawn, replace(question, paired=sort_rows(paired)))
    for number, name in enumerate(METRICS["classification"] + METRICS["regression"]):
        if name in rest and name not in drawn:
            found[name] = (_by_influence if name in RANKED else _by_sums)(name, question, [SEED, number])
    return found


def _needs_rows(name: str, paired: Paired) -> bool:
    """Return whether every row (or group) is to be drawn: few of them, or a class too small for the first-order law of a ranking."""
    rows = len(paired.old.actual)
    if name not in RANKED:
        return paired.units <= drawing.ROW_BY_ROW
    if rows <= drawing.ROW_BY_ROW:
        return True
    return any(
        _units_with(chosen, paired.codes) < (RARE if paired.codes is None else RARE_GROUPS)
        for side in (paired.old, paired.new)
        for chosen in (side.actual > 0.5, side.actual < 0.5)
    )


def _units_with(chosen: Array, codes: Array | None) -> int:
    """Return how many rows are chosen, or how many groups have a chosen row."""
    import numpy as np

    return int(chosen.sum()) if codes is None else int((np.bincount(codes[chosen]) > 0).sum())


def _area(question: _Question) -> _Estimate:
    paired = question.paired
    positive = paired.old.actual > 0.5
    interval = delong_interval(
        paired.old.actual,
        paired.old.score,
        paired.new.score,
        confidence=question.confidence,
        codes=paired.codes,
    )
    old, new = (
        tuple(exact_mean(mean_placements(positive, run)[0]) for run in side.score.T)
        for side in (paired.old, paired.new)
    )
    return _Estimate(old, new, interval.low, interval.high, interval.p)


def _counted(names: Sequence[str], question: _Question) -> dict[str, _Estimate]:
    """Return the metrics of confusion counts: the observed counts give the values, multinomial ones the law."""
    import numpy as np

    if not names:
        return {}
    paired = question.paired
    old, new = (Scores(side.actual, side.score[:, 0]) for side in (paired.old, paired.new))
    drawn = draw_confusions(old, new, threshold=question.threshold, resamples=question.resamples, seed=[SEED])
    layout = lay_out(["accuracy"], paired, options_for(paired, question.threshold, None))
    seen = layout.columns.sum(axis=0)[None, :]
    found = {}
    for name in names:
        before, after = values_of(name, layout, seen)
        draws = COUNTED[name](drawn[1]) - COUNTED[name](drawn[0])
        p = None
        if name == "accuracy" and paired.same_labels:
            p = mcnemar_p(old.actual, old.score >= question.threshold, new.score >= question.threshold)
        found[name] = _from_draws(before, after, np.asarray(draws), question, p=p)
    return found


def _row_by_row(names: Sequence[str], question: _Question) -> dict[str, _Estimate]:
    """Return the metrics from draws of every row (or group), one set of draws for all of them."""
    import numpy as np

    paired = question.paired
    summed = [name for name in names if name not in RANKED]
    ranked = [name for name in names if name in RANKED]
    layout = (
        lay_out(summed, paired, options_for(paired, question.threshold, question.quantile))
        if summed
        else None
    )
    sides = (
        [[Ranking(side.actual, run) for run in side.score.T] for side in (paired.old, paired.new)]
        if ranked
        else []
    )
    sums = np.zeros((question.resamples, layout.columns.shape[1] if layout else 0))
    draws = {name: np.zeros((question.resamples, 2)) for name in ranked}
    for batch, weights in drawing.draw_weights(
        paired.units, question.resamples, [SEED], rows=len(paired.old.actual) if ranked else None
    ):
        if layout:
            sums[batch] = weights.astype(np.float64) @ layout.columns  # exact in any order, see fixed.py
        if ranked:
            on_rows = weights.astype(np.int32)
            on_rows = on_rows if paired.codes is None else on_rows[:, paired.codes]
            for name in ranked:
                for number, side in enumerate(sides):
                    draws[name][batch, number] = sum(getattr(run, name)(on_rows) for run in side) / len(side)
    found = {name: _summed(name, layout, sums, question) for name in summed if layout}
    for name in ranked:
        before, after = _ranked_values(name, paired)
        found[name] = _from_draws(before, after, draws[name][:, 1] - draws[name][:, 0], question)
    return found


def _by_sums(name: str, question: _Question, seed: list[int]) -> _Estimate:
    paired = question.paired
    if name == "calibration_error" and paired.codes is None and paired.single:
        draws = draw_calibration_errors(paired.old, paired.new, question.resamples, seed)
        before, after = ([abs(exact_gaps(s)).sum() / len(s.actual)] for s in (paired.old, paired.new))
        return _from_draws(before, after, draws, question, centred=True)
    layout = lay_out([name], paired, options_for(paired, question.threshold, question.quantile))
    return _summed(name, layout, drawing.draw_sums(layout.columns, question.resamples, seed), question)


def _by_influence(name: str, question: _Question, seed: list[int]) -> _Estimate:
    """Return a ranking metric from its first-order law: the value plus the influence of the drawn rows."""
    import numpy as np

    paired = question.paired
    influence = influence_on_average_precision if name == "average_precision" else influence_on_roc_auc
    old, new = (
        sum(influence(side.actual, run) for run in side.score.T) / side.score.shape[1]
        for side in (paired.old, paired.new)
    )
    column = sum_groups(np.asarray(new - old), paired.codes, paired.units)
    before, after = _ranked_values(name, paired)
    moved = drawing.draw_sums(column[:, None], question.resamples, seed)[:, 0]
    return _from_draws(before, after, float(np.mean(after) - np.mean(before)) + moved, question)


def _ranked_values(name: str, paired: Paired) -> tuple[list[Any], list[Any]]:
    function = average_precision if name == "average_precision" else roc_auc
    old, new = ([function(side.actual, run) for run in side.score.T] for side in (paired.old, paired.new))
    return old, new


def _summed(name: str, layout: Layout, sums: Array, question: _Question) -> _Estimate:
    import numpy as np

    seen = layout.columns.sum(axis=0)
    before, after = values_of(name, layout, seen[None, :])
    if name == "calibration_error":
        gaps = layout.columns_named("gap")
        sums = sums.copy()
        sums[:, gaps] = shrink_gaps(sums[:, gaps], seen[gaps])
    old, new = values_of(name, layout, sums)
    draws = sum(new) / len(new) - sum(old) / len(old)
    return _from_draws(before, after, np.asarray(draws), question, centred=name == "calibration_error")


def _from_draws(
    before: Sequence[Any],
    after: Sequence[Any],
    draws: Array,
    question: _Question,
    *,
    centred: bool = False,
    p: float | None = None,
) -> _Estimate:
    """Return the estimate with the percentile interval of `draws`.

    `centred` moves the draws so that their mean is the measured change: for the calibration error, whose draws lie around estimates of
    the true gaps.
    """
    import numpy as np

    tail = (1 - question.confidence) / 2
    low, high = (float(edge) for edge in np.quantile(draws, [tail, 1 - tail], method="weibull"))
    made = _Estimate(
        tuple(float(np.squeeze(v)) for v in before), tuple(float(np.squeeze(v)) for v in after), low, high, p
    )
    if centred:
        shift = made.change - float(draws.mean())
        made = replace(made, low=low + shift, high=high + shift)
    return made
