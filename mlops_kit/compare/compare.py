"""Two sides into one comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.predictions import PredictionTable
from mlops_kit.artifacts.side import Side, Unreadable
from mlops_kit.compare.changes import compare_contract, compare_stages, compare_values
from mlops_kit.compare.data import compare_data, compare_labels
from mlops_kit.compare.kpis import direction_of, judge_kpis
from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.model import Comparison, LabelChange, MetricDiff, SliceDiff, ValueChange, Verdict
from mlops_kit.compare.noise import fold_noise
from mlops_kit.compare.pipeline import build_pipeline
from mlops_kit.compare.plots import pair_plots
from mlops_kit.compare.reuse import reuse_warning
from mlops_kit.compare.statistics import Interval, Scores, difference_intervals
from mlops_kit.compare.statistics.holm import at_level, holm_levels
from mlops_kit.compare.verdict import judge, margins_for
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import numpy as np

    from mlops_kit.spec.model import Kpis

SLICE_MIN_ROWS = 100
SLICE_METRICS = {"classification": ("roc_auc", "accuracy"), "regression": ("rmse",)}


@dataclass(frozen=True)
class Shared:
    """The test rows that both sides predict."""

    old: PredictionTable
    new: PredictionTable
    """Both cut to the shared rows, in the same order."""
    notes: tuple[str, ...]


def compare_sides(
    base: Side | None, head: Side, *, project: str, production: Side | None = None, looks: int = 0
) -> Comparison:
    """Return everything that can be said about `head` against `base` (None when there is nothing to compare with).

    `production` is the side whose model is in production, for the promises against it; None when there is none. `looks` is how often the
    test set was measured on before. Raises UsageError for a promise about a metric that does not exist.
    """
    unreadable = [replace(item, side="base") for item in (base.unreadable if base else ())]
    unreadable += [replace(item, side="head") for item in head.unreadable]
    notes = [*(base.notes if base else ()), *head.notes]
    confidence = head.kpis.confidence if head.kpis else 0.95
    shared, identical = _share(base, head, unreadable, notes)
    short = frozenset(name.rpartition(":")[2] for name in _names(base, head))
    intervals = _intervals(shared, confidence, short) if shared else {}
    levels = metric_levels(intervals, head.kpis, confidence)
    if shared and (warning := reuse_warning(looks, len(shared.new.key))):
        notes.append(warning)
    folded = _fold(base, head, notes)
    hidden = {change.name for change in folded}
    diffs = [
        _diff(name, base, head, intervals, shared, identical=identical, levels=levels)
        for name in _names(base, head)
        if name not in hidden
    ]
    slices = _slice_values(head, unreadable)
    against = _production_diffs(production, head, confidence, unreadable, notes)
    stages = compare_stages(base.stages, head.stages) if base else ()
    drawn = pair_plots(base.plots if base else (), head.plots)
    return Comparison(
        project=project,
        base=base.info if base else None,
        head=head.info,
        metrics=tuple(diffs),
        slices=_slice_diffs(shared, head.kpis, confidence) if shared else (),
        kpis=judge_kpis(
            head.kpis,
            head.metrics,
            slices=slices,
            diffs=diffs if base else None,
            production=against,
        )
        if head.kpis and not unreadable
        else (),
        kpi_changes=compare_contract(base.kpi_values, head.kpi_values) if base else (),
        params=tuple(
            change for change in compare_values(base.params, head.params) if change.name not in hidden
        )
        if base
        else (),
        stages=stages,
        unreadable=tuple(unreadable),
        confidence=confidence,
        notes=tuple(dict.fromkeys((*notes, *drawn.notes))),
        folded=folded,
        data=compare_data(base.data, head.data) if base else (),
        labels=_label_change(base, head) if base else None,
        pipeline=build_pipeline(base.stages, head.stages, stages) if base else (),
        plots=drawn.plots,
        pictures=drawn.pictures,
    )


def _label_change(base: Side, head: Side) -> LabelChange | None:
    if len(head.label_key) < 2:
        return None
    files = [next((file for file in side.data.values() if file.is_labels), None) for side in (base, head)]
    return compare_labels(files[0], files[1], head.label_key[:-1], head.label_key[-1])


def _production_diffs(
    production: Side | None, head: Side, confidence: float, unreadable: list[Unreadable], notes: list[str]
) -> list[MetricDiff] | None:
    """Return the differences between the model in production and the head, None when nothing is in production."""
    if production is None:
        return None
    unreadable.extend(replace(item, side="production") for item in production.unreadable)
    shared, identical = _share(production, head, unreadable, notes)
    short = frozenset(name.rpartition(":")[2] for name in _names(production, head))
    intervals = _intervals(shared, confidence, short) if shared else {}
    levels = metric_levels(intervals, head.kpis, confidence)
    return [
        _diff(name, production, head, intervals, shared, identical=identical, levels=levels)
        for name in _names(production, head)
    ]


def _fold(base: Side | None, head: Side, notes: list[str]) -> tuple[ValueChange, ...]:
    """Return the metrics and parameters that differ by machine noise alone, and note them."""
    if base is None:
        return ()
    kpis = head.kpis
    promised = frozenset({kpi.metric for kpi in kpis.kpis} | set(kpis.metrics)) if kpis else frozenset()
    found = [
        change
        for old, new in ((base.metrics, head.metrics), (base.params, head.params))
        for names in [fold_noise(old, new, promised)]
        for change in compare_values(old, new)
        if change.name in names
    ]
    if found:
        shown = ", ".join(change.name for change in found[:5]) + (", …" if len(found) > 5 else "")
        notes.append(f"folded as machine noise: {shown}")
    return tuple(found)


def _names(base: Side | None, head: Side) -> list[str]:
    return sorted({*(base.metrics if base else ()), *head.metrics})


def _share(
    base: Side | None, head: Side, unreadable: list[Unreadable], notes: list[str]
) -> tuple[Shared | None, bool]:
    """Return the shared rows of both sides' predictions, and whether the predictions are the same file."""
    if base is None or base.predictions is None or head.predictions is None:
        return None, False
    if base.predictions.digest == head.predictions.digest:
        return None, True
    tables: list[PredictionTable] = []
    for name, side in (("base", base), ("head", head)):
        assert side.predictions is not None
        try:
            tables.append(side.predictions.load())
        except BadDataError as error:
            unreadable.append(Unreadable(name, "predictions", error.message, error.fix or "mlops-kit run"))
    if len(tables) < 2:
        return None, False
    shared = share_rows(*tables)
    notes.extend(shared.notes)
    return shared, False


def share_rows(old: PredictionTable, new: PredictionTable) -> Shared:
    """Return both tables cut to the rows whose key is in both, and what that left out, in words."""
    import numpy as np

    keys, in_old, in_new = np.intersect1d(old.key, new.key, assume_unique=True, return_indices=True)
    cut = (_cut(old, in_old), _cut(new, in_new))
    notes = []
    if len(keys) < max(len(old.key), len(new.key)):
        notes.append(
            f"{len(keys):,} test rows are shared; the base has {len(old.key):,}, the head {len(new.key):,}"
        )
    changed = int((cut[0].actual != cut[1].actual).sum())
    if changed:
        notes.append(
            f"the labels of {changed:,} of {len(keys):,} shared test rows differ; each side is measured against its own"
        )
    return Shared(*cut, tuple(notes))


def _cut(table: PredictionTable, rows: np.ndarray[Any, Any]) -> PredictionTable:
    return replace(
        table,
        key=table.key[rows],
        actual=table.actual[rows],
        score=table.score[rows],
        group=None if table.group is None else table.group[rows],
        slices={name: values[rows] for name, values in table.slices.items()},
    )


def _intervals(shared: Shared, confidence: float, only: frozenset[str] | None = None) -> dict[str, Interval]:
    if len(shared.old.key) < 2:
        return {}
    kind: Any = shared.new.task
    sides = (Scores(shared.old.actual, shared.old.score), Scores(shared.new.actual, shared.new.score))
    return difference_intervals(
        kind,
        *sides,
        threshold=shared.new.threshold,
        confidence=confidence,
        only=only,
        groups=shared.new.group,
        quantile=shared.new.quantile,
    )


def _diff(
    name: str,
    base: Side | None,
    head: Side,
    intervals: dict[str, Interval],
    shared: Shared | None,
    *,
    identical: bool,
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
    short = name.rpartition(":")[2]
    if old == new and (identical or short not in intervals):
        return replace(diff, verdict=Verdict.SAME, reason="identical")
    if shared is not None and len(shared.old.key) < 2 and base is not None and head.predictions is not None:
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
    return judge(diff, intervals[short], len(shared.old.key), margins, level=levels[short])


def _describes(interval: Interval, old: float, new: float) -> bool:
    """Return whether an interval from predictions is about the values of the metric file.

    The same name can stand for training rows, another threshold or another average: then the two changes are farther apart than the
    interval is wide. Metrics that were rounded, or measured on a few rows more, stay within it.
    """
    apart = abs((new - old) - (interval.change if interval.change is not None else new - old))
    return apart <= max(interval.high - interval.low, 1e-9 * max(1.0, abs(old)))


def metric_levels(
    intervals: Mapping[str, Interval], kpis: Kpis | None, confidence: float
) -> dict[str, float]:
    """Return the level that the p value of each metric has to reach.

    Metrics with a promise in kpis.yaml were named beforehand and stand for themselves. All others are one family (Holm).
    """
    alpha = 1 - confidence
    promised = {kpi.metric.rpartition(":")[2] for kpi in kpis.kpis if kpi.slice is None} if kpis else set()
    others = {name: interval.p or 0.0 for name, interval in sorted(intervals.items()) if name not in promised}
    return {name: alpha for name in intervals if name in promised} | holm_levels(others, alpha)


def _slice_values(head: Side, unreadable: list[Unreadable]) -> list[dict[str, Any]]:
    """Return the metrics of each slice of the head's predictions, for the promises about slices."""
    wanted = {kpi.slice.partition("=")[0] for kpi in head.kpis.kpis if kpi.slice} if head.kpis else set()
    if not wanted or head.predictions is None or unreadable:
        return []
    table = head.predictions.load()
    return [part for column in sorted(wanted & set(table.slices)) for part in slice_metrics(table, column)]


def slice_metrics(table: PredictionTable, column: str) -> list[dict[str, Any]]:
    """Return rows and metrics of each value of `column`, by value."""
    import numpy as np

    found = []
    for value in np.unique(table.slices[column]):
        rows = table.slices[column] == value
        metrics = _metrics(_cut(table, rows))
        found.append({"column": column, "value": str(value), "rows": int(rows.sum()), "metrics": metrics})
    return found


def _metrics(table: PredictionTable) -> dict[str, float]:
    kind: Any = table.task
    return compute_metrics(
        kind, table.actual, table.score, threshold=table.threshold, quantile=table.quantile
    )


def _slice_diffs(shared: Shared, kpis: Kpis | None, confidence: float) -> tuple[SliceDiff, ...]:
    """Return the slices whose difference can be told, at Holm's levels over all slices and their metrics, largest change first."""
    import numpy as np

    wanted = SLICE_METRICS[shared.new.task]
    parts: dict[tuple[str, str, str], tuple[MetricDiff, Interval, int]] = {}
    for column, values in shared.new.slices.items():
        for value in np.unique(values):
            rows = values == value
            if int(rows.sum()) < SLICE_MIN_ROWS:
                continue
            cut = Shared(_cut(shared.old, rows), _cut(shared.new, rows), ())
            old, new = _metrics(replace(cut.old, threshold=cut.new.threshold)), _metrics(cut.new)
            for name, interval in _intervals(cut, confidence, frozenset(wanted)).items():
                diff = MetricDiff(name, old[name], new[name], direction_of(kpis, name), Verdict.NO_ERROR_BAR)
                parts[column, str(value), name] = (diff, interval, int(rows.sum()))
    levels = holm_levels({key: interval.p or 0.0 for key, (_, interval, _) in parts.items()}, 1 - confidence)
    found = []
    for key, (diff, interval, count) in parts.items():
        fitted = at_level(interval, confidence=confidence, level=levels[key])
        margins = margins_for(diff.name, diff.old or 0.0, 0.0)
        judged = judge(diff, fitted, count, margins, level=levels[key])
        if judged.verdict in (Verdict.BETTER, Verdict.WORSE):
            found.append(SliceDiff(key[0], key[1], judged))
    return tuple(sorted(found, key=lambda part: (-abs(part.diff.change or 0.0), part.column, part.value)))
