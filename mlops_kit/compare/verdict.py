"""What can be said of a difference, and what a comparison means for the exit code.

The rule, for a difference D with its interval [low, high] at the level of kpis.yaml (95 % if unset), taken for each metric by itself:

* *better* or *worse* needs two things: the interval, widened by half (more for precision and recall), excludes zero, and |D| is at least the smallest
  difference that matters. Neither is cosmetic. An interval over test rows says nothing about the randomness of training: two models
  that differ in the seed alone differ a little for real. Unwidened, 200 pairs of random forests that differed in the seed alone were
  called better or worse by F1 in 10 % of cases at a nominal 5 %; widened, in at most 5 % by every metric (tests/compare/
  test_calibration.py). On large test sets, where any difference excludes zero, the smallest difference that matters takes over: 0.005
  for metrics between 0 and 1, 1 % of the base value for others, or the project's own `min_effect`.
* *same within noise*: the interval lies within the equivalence margin (0.02, or 4 % of the base value; never less than min_effect):
  whatever the difference is, it is small. Also when D is real but smaller than what matters.
* *cannot tell*: the interval contains zero and reaches beyond the margin. The number of rows that would settle it follows from the
  width, which shrinks with the square root of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlops_kit.compare.metrics import DIRECTIONS
from mlops_kit.compare.model import Comparison, MetricDiff, Verdict
from mlops_kit.compare.statistics import Interval
from mlops_kit.errors import ExitCode

UNBOUNDED = frozenset({"log_loss", "mae", "rmse"})
MIN_EFFECT = 0.005
MIN_EFFECT_RELATIVE = 0.01
MARGIN = 0.02
MARGIN_RELATIVE = 0.04
SEED_ALLOWANCE = 1.5
# Where the threshold falls among the scores moves with the seed for all rows together, which rows drawn one by one cannot show.
# Recall feels it most: at 1.3 it called 12 % of pairs that differed in the seed alone.
SEED_ALLOWANCES = {"precision": 1.8, "recall": 2.2}


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


def judge(diff: MetricDiff, interval: Interval, rows: int, margins: Margins) -> MetricDiff:
    """Return `diff` with its verdict from the interval over `rows` shared test rows."""
    change = diff.change or 0.0
    judged = replace(diff, low=interval.low, high=interval.high, rows=rows, min_effect=margins.min_effect)
    if interval.low == interval.high == 0.0:
        return replace(judged, verdict=Verdict.SAME, reason="identical on every shared row")
    allowance = SEED_ALLOWANCES.get(diff.name.rpartition(":")[2], SEED_ALLOWANCE)
    wide = Interval(
        change - allowance * (change - interval.low), change + allowance * (interval.high - change)
    )
    if wide.low <= 0 <= wide.high:
        return _undecided(judged, interval, rows, margins)
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


def _undecided(diff: MetricDiff, interval: Interval, rows: int, margins: Margins) -> MetricDiff:
    reach = max(-interval.low, interval.high)
    if reach <= margins.equivalence:
        inside = interval.low <= 0 <= interval.high
        reason = (
            "the interval contains zero and is narrow"
            if inside
            else "the interval hardly excludes zero, another seed could too"
        )
        return replace(diff, verdict=Verdict.SAME, reason=reason)
    half = (interval.high - interval.low) / 2
    needed = max(rows + 1, round(rows * (half / margins.equivalence) ** 2))
    return replace(
        diff,
        verdict=Verdict.CANNOT_TELL,
        rows_needed=needed,
        reason=f"too few test rows: about {needed:,} would settle it",
    )


def exit_code(comparison: Comparison) -> ExitCode:
    """Return 4 when something could not be read, else 3 on a KPI breach, else 0."""
    if comparison.unreadable:
        return ExitCode.UNREADABLE
    return ExitCode.KPI_BREACH if comparison.breached else ExitCode.OK
