"""What can be said of a difference, and what a comparison means for the exit code.

The rule, for a difference D with its interval [low, high] at the level of kpis.yaml (95 % if unset):

* *better* or *worse* needs three things.
  1. The interval, widened by half (by more for some metrics, SEED_ALLOWANCES), excludes zero. An interval over test rows says nothing about the
     randomness of training: two models that differ in the seed alone differ a little for real. Unwidened, 200 pairs of random forests
     that differed in the seed alone were called better or worse by F1 in 10 % of cases at a nominal 5 %; widened, in at most 5 % by
     every metric (tests/compare/test_calibration.py, benchmarks/calibration.py). Where the predictions hold several runs, their
     spread is measured and part of the interval, and nothing is widened.
  2. The p value reaches its level. A metric that kpis.yaml promises something about was named before anybody looked: it is judged by
     itself, at 5 %. The other metrics are a family, all slices are another one, and in each family the levels are Holm's, so that the
     chance of any false call in it stays 5 %. The p value of accuracy is McNemar's, which knows when few rows differ, that of others
     the level at which their interval touches zero: p and interval do not contradict each other, and there is one verdict.
  3. |D| is at least the smallest difference that matters. On large test sets any difference excludes zero; 0.005 for metrics between
     0 and 1, 1 % of the base value for others, or the project's own `min_effect`.
* *same within noise*: the interval lies within the equivalence margin (0.02, or 4 % of the base value; never less than min_effect):
  whatever the difference is, it is small. Also when D is real but smaller than what matters.
* *cannot tell*: none of these, and the number of rows that would settle it: see `rows_needed`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_kit.compare.metrics import DIRECTIONS
from mlops_kit.compare.model import Comparison, MetricDiff, Verdict
from mlops_kit.errors import ExitCode

if TYPE_CHECKING:
    from mlops_kit.compare.statistics import Interval

UNBOUNDED = frozenset({"log_loss", "mae", "quantile_loss", "rmse"})
MIN_EFFECT = 0.005
MIN_EFFECT_RELATIVE = 0.01
MARGIN = 0.02
MARGIN_RELATIVE = 0.04
SEED_ALLOWANCE = 1.5
POWER = 0.8
NORMAL_95 = 1.96
# Where the threshold falls among the scores moves with the seed for all rows together, which rows drawn one by one cannot show.
# Recall feels it most: at 1.3 it called 12 % of pairs that differed in the seed alone. Errors of regressions are told apart finely, so
# that seeds show: at 1.5 RMSE and R2 called 8 % of pairs of forests (benchmarks/calibration.py).
SEED_ALLOWANCES = {"mae": 1.8, "precision": 1.8, "quantile_loss": 1.8, "r2": 2.0, "recall": 2.2, "rmse": 2.0}


@dataclass(frozen=True)
class Margins:
    """Sizes of differences, in the metric's unit."""

    min_effect: float
    """Smallest difference that matters."""
    equivalence: float
    """Largest difference that still counts as the same when the interval contains zero."""


def margins_for(name: str, old: float, min_effect: float) -> Margins:
    """Return the margins of metric `name` whose base value is `old`; `min_effect` 0 takes the default."""
    relative = name in UNBOUNDED or name not in DIRECTIONS
    effect = min_effect or (MIN_EFFECT_RELATIVE * abs(old) if relative else MIN_EFFECT)
    return Margins(effect, max(effect, MARGIN_RELATIVE * abs(old) if relative else MARGIN))


def judge(
    diff: MetricDiff, interval: Interval, rows: int, margins: Margins, *, level: float = 0.05
) -> MetricDiff:
    """Return `diff` with its verdict from the interval over `rows` shared test rows.

    `level` is what the p value has to reach: 1 - confidence, or less by Holm's correction.
    """
    change = diff.change or 0.0
    judged = replace(
        diff, low=interval.low, high=interval.high, rows=rows, min_effect=margins.min_effect, p=interval.p
    )
    if interval.low == interval.high == 0.0:
        return replace(judged, verdict=Verdict.SAME, reason="identical on every shared row")
    measured = interval.change if interval.change is not None else change
    allowance = allowance_for(diff.name, interval)
    low = measured - allowance * (measured - interval.low)
    high = measured + allowance * (interval.high - measured)
    if low <= 0 <= high:
        return _undecided(judged, interval, rows, margins)
    if interval.p is not None and interval.p > level:
        return _undecided(judged, interval, rows, margins, because=f"p {interval.p:.2g} is above {level:.2g}")
    if abs(change) < margins.min_effect:
        return replace(
            judged,
            verdict=Verdict.SAME,
            reason=f"a real difference, but smaller than what matters ({margins.min_effect:.3g})",
        )
    if diff.direction is None:
        return replace(
            judged,
            verdict=Verdict.CANNOT_TELL,
            reason="which way is better is not known; say it in kpis.yaml: metrics",
        )
    better = (change > 0) == (diff.direction == "higher")
    return replace(
        judged, verdict=Verdict.BETTER if better else Verdict.WORSE, reason="the interval excludes zero"
    )


def allowance_for(name: str, interval: Interval) -> float:
    """Return by how much the interval of metric `name` is widened for training seeds: not at all where they are measured."""
    return 1.0 if interval.seeds else SEED_ALLOWANCES.get(name.rpartition(":")[2], SEED_ALLOWANCE)


def _undecided(
    diff: MetricDiff, interval: Interval, rows: int, margins: Margins, *, because: str = ""
) -> MetricDiff:
    reach = max(-interval.low, interval.high)
    inside = interval.low <= 0 <= interval.high
    if reach <= margins.equivalence:
        hardly = because or "another seed could too"
        reason = "contains zero and is narrow" if inside else f"hardly excludes zero, {hardly}"
        return replace(diff, verdict=Verdict.SAME, reason=f"the interval {reason}")
    if interval.seeds:
        reason = "too few test rows or runs of the training"
        return replace(diff, verdict=Verdict.CANNOT_TELL, reason=reason)
    needed = rows_needed(diff, interval, rows, margins)
    reason = f"too few test rows: about {needed:,} would settle it"
    return replace(diff, verdict=Verdict.CANNOT_TELL, rows_needed=needed, reason=reason)


def rows_needed(diff: MetricDiff, interval: Interval, rows: int, margins: Margins) -> int:
    """Return about how many test rows would settle the verdict with a chance of 80 %, if the true difference is the one measured.

    The half width h of the interval shrinks with the square root of the rows. A change c is settled when it is told from zero,
    |c| >= a h with a the allowance for seeds, or found the same, |c| + h <= the equivalence margin; measured again it is normal around
    the truth with h / 1.96. At the latest h = margin / (1 + a) settles every change.
    """
    from statistics import NormalDist

    change = abs(interval.change if interval.change is not None else diff.change or 0.0)
    half = (interval.high - interval.low) / 2
    allowance = allowance_for(diff.name, interval)
    factor = 1.0
    while factor < 1e6 and (width := half / factor**0.5) > margins.equivalence / (1 + allowance):
        again = NormalDist(change, width / NORMAL_95)
        told, same = allowance * width, max(0.0, margins.equivalence - width)
        open_chance = again.cdf(told) - again.cdf(same) + again.cdf(-same) - again.cdf(-told)
        if open_chance <= 1 - POWER:
            break
        factor *= 1.02
    return max(rows + 1, round(rows * factor))


def exit_code(comparison: Comparison) -> ExitCode:
    """Return 4 when something could not be read, else 3 on a KPI breach, else 0."""
    if comparison.unreadable:
        return ExitCode.UNREADABLE
    return ExitCode.KPI_BREACH if comparison.breached else ExitCode.OK
