"""Metrics of slices: the rows of the test set with one value of a column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.predictions import PredictionTable
from mlops_kit.artifacts.side import Side
from mlops_kit.compare.kpis import direction_of
from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.model import MetricDiff, SliceDiff, Verdict
from mlops_kit.compare.shared import Shared, cut_rows, intervals_of
from mlops_kit.compare.verdict import judge, margins_for

if TYPE_CHECKING:
    from mlops_kit.compare.statistics import Interval
    from mlops_kit.spec.model import Kpis

SLICE_MIN_ROWS = 100
SLICE_METRICS = {"classification": ("roc_auc", "accuracy"), "regression": ("rmse",)}


def slice_values(head: Side) -> list[dict[str, Any]]:
    """Return the metrics of each slice of the head's predictions, for the promises about slices.

    Raises BadDataError when the predictions cannot be read.
    """
    wanted = {kpi.slice.partition("=")[0] for kpi in head.kpis.kpis if kpi.slice} if head.kpis else set()
    if not wanted or head.predictions is None:
        return []
    table = head.predictions.load()
    return [part for column in sorted(wanted & set(table.slices)) for part in slice_metrics(table, column)]


def slice_metrics(table: PredictionTable, column: str) -> list[dict[str, Any]]:
    """Return rows and metrics of each value of `column`, by value."""
    import numpy as np

    found = []
    for value in np.unique(table.slices[column]):
        rows = table.slices[column] == value
        metrics = _metrics(cut_rows(table, rows))
        found.append({"column": column, "value": str(value), "rows": int(rows.sum()), "metrics": metrics})
    return found


def _metrics(table: PredictionTable) -> dict[str, float]:
    kind: Any = table.task
    return compute_metrics(
        kind, table.actual, table.score, threshold=table.threshold, quantile=table.quantile
    )


def slice_diffs(shared: Shared, kpis: Kpis | None, confidence: float) -> tuple[SliceDiff, ...]:
    """Return the slices whose difference can be told, at Holm's levels over all slices and their metrics, largest change first."""
    import numpy as np

    from mlops_kit.compare.statistics.holm import at_level, holm_levels

    wanted = SLICE_METRICS[shared.new.task]
    parts: dict[tuple[str, str, str], tuple[MetricDiff, Interval, int]] = {}
    for column, values in shared.new.slices.items():
        for value in np.unique(values):
            rows = values == value
            if int(rows.sum()) < SLICE_MIN_ROWS:
                continue
            cut = Shared(cut_rows(shared.old, rows), cut_rows(shared.new, rows))
            old, new = _metrics(replace(cut.old, threshold=cut.new.threshold)), _metrics(cut.new)
            for name, interval in intervals_of(cut, confidence, frozenset(wanted)).items():
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
