"""Every metric of two sides: how it differs, and what can be said of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_kit.artifacts.side import Side
from mlops_kit.compare.kpis import direction_of
from mlops_kit.compare.model import MetricDiff, Verdict
from mlops_kit.compare.shared import Sharing, intervals_of
from mlops_kit.compare.verdict import judge, margins_for

if TYPE_CHECKING:
    from mlops_kit.compare.statistics import Interval
    from mlops_kit.spec.model import Kpis


def metric_diffs(
    base: Side | None,
    head: Side,
    sharing: Sharing,
    confidence: float,
    *,
    hidden: frozenset[str] = frozenset(),
) -> list[MetricDiff]:
    """Return every metric of either side but the `hidden` ones, by name, with a verdict where there are shared rows."""
    names = sorted({*(base.metrics if base else ()), *head.metrics})
    short = frozenset(name.rpartition(":")[2] for name in names)
    intervals = intervals_of(sharing.shared, confidence, short) if sharing.shared else {}
    levels = metric_levels(intervals, head.kpis, confidence)
    return [_diff(name, base, head, sharing, intervals, levels) for name in names if name not in hidden]


def metric_levels(
    intervals: Mapping[str, Interval], kpis: Kpis | None, confidence: float
) -> dict[str, float]:
    """Return the level that the p value of each metric has to reach.

    Metrics with a promise in kpis.yaml were named beforehand and stand for themselves. All others are one family (Holm).
    """
    if not intervals:
        return {}
    from mlops_kit.compare.statistics.holm import holm_levels

    alpha = 1 - confidence
    promised = {kpi.metric.rpartition(":")[2] for kpi in kpis.kpis if kpi.slice is None} if kpis else set()
    others = {name: interval.p or 0.0 for name, interval in sorted(intervals.items()) if name not in promised}
    return {name: alpha for name in intervals if name in promised} | holm_levels(others, alpha)


def _diff(
    name: str,
    base: Side | None,
    head: Side,
    sharing: Sharing,
    intervals: Mapping[str, Interval],
    levels: Mapping[str, float],
) -> MetricDiff:
    old = base.metrics.get(name) if base else None
    new = head.metrics.get(name)
    diff = MetricDiff(name, old, new, direction_of(head.kpis, name), Verdict.NO_ERROR_BAR)
    if old is None or new is None:
        where = "base" if old is None else "head"
        return replace(
            diff,
            verdict=Verdict.CANNOT_TELL,
            reason=f"the {where} does not have it" if base else "nothing to compare with",
        )
    short, shared = name.rpartition(":")[2], sharing.shared
    if old == new and (sharing.identical or short not in intervals):
        return replace(diff, verdict=Verdict.SAME, reason="identical")
    if shared is not None and shared.rows < 2:
        return replace(diff, verdict=Verdict.CANNOT_TELL, reason="no shared test rows")
    if short not in intervals or shared is None:
        return replace(diff, reason="only two numbers exist, no per-row predictions")
    if not _describes(intervals[short], old, new):
        if old == new:
            return replace(diff, verdict=Verdict.SAME, reason="identical")
        reason = f"the predictions change by {intervals[short].change:.4g}: not what the metric file measures"
        return replace(diff, reason=reason)
    declared = head.kpis.metrics.get(name) if head.kpis else None
    margins = margins_for(short, old, declared.min_effect if declared else 0.0)
    return judge(diff, intervals[short], shared.rows, margins, level=levels[short])


def _describes(interval: Interval, old: float, new: float) -> bool:
    """Return whether an interval from predictions is about the values of the metric file.

    The same name can stand for training rows, another threshold or another average: then the two changes are farther apart than the
    interval is wide. Metrics that were rounded, or measured on a few rows more, stay within it.
    """
    apart = abs((new - old) - (interval.change if interval.change is not None else new - old))
    return apart <= max(interval.high - interval.low, 1e-9 * max(1.0, abs(old)))
