"""The KPI contract, judged."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_kit.compare.kpis import judge_kpis
from mlops_kit.compare.model import KpiStatus, MetricDiff, Verdict
from mlops_kit.errors import UsageError
from mlops_kit.spec.model import Kpi, Kpis, Metric


def judge(kpi: Kpi, metrics: dict[str, float], **options: Any) -> list[KpiStatus]:
    return [result.status for result in judge_kpis(Kpis(kpis=(kpi,)), metrics, **options)]


@pytest.mark.parametrize(
    ("kpi", "value", "status"),
    [
        (Kpi("auc", min=0.7), 0.7, KpiStatus.PASS),
        (Kpi("auc", min=0.7), 0.699, KpiStatus.FAIL),
        (Kpi("auc", max=0.7), 0.71, KpiStatus.FAIL),
        (Kpi("auc", min=0.1, max=0.7), 0.5, KpiStatus.PASS),
    ],
)
def test_bounds_are_inclusive(kpi: Kpi, value: float, status: KpiStatus) -> None:
    assert judge(kpi, {"auc": value}) == [status]


def test_unknown_metric_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no metric `roc_acu`") as caught:
        judge(Kpi("roc_acu", min=0.5), {"roc_auc": 0.7})
    assert "roc_auc" in caught.value.fix


def diff(old: float, new: float, low: float | None, high: float | None) -> MetricDiff:
    return MetricDiff("auc", old, new, "higher", Verdict.NO_ERROR_BAR, low, high)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (diff(0.70, 0.695, None, None), KpiStatus.PASS),
        (diff(0.70, 0.68, None, None), KpiStatus.FAIL),
        (diff(0.70, 0.68, -0.04, 0.001), KpiStatus.PASS),
        (diff(0.70, 0.68, -0.03, -0.01), KpiStatus.FAIL),
        (diff(0.68, 0.70, 0.01, 0.03), KpiStatus.PASS),
    ],
)
def test_worsening_fails_only_beyond_allowance_and_noise(change: MetricDiff, status: KpiStatus) -> None:
    kpi = Kpi("auc", max_worsening=0.01)
    kpis = Kpis(metrics={"auc": Metric("higher")}, kpis=(kpi,))
    results = judge_kpis(kpis, {"auc": change.new or 0.0}, diffs=[change])
    assert results[-1].status is status


def test_worsening_without_a_base_is_skipped_with_the_reason() -> None:
    results = judge_kpis(Kpis(kpis=(Kpi("auc", max_worsening=0.01),)), {"auc": 0.7})
    assert results[-1].status is KpiStatus.SKIP
    assert "no base" in results[-1].reason


def test_slices_are_judged_one_by_one_and_small_ones_skipped() -> None:
    slices = [
        {"column": "origin", "value": "EWR", "rows": 500, "metrics": {"auc": 0.7}},
        {"column": "origin", "value": "LGA", "rows": 500, "metrics": {"auc": 0.5}},
        {"column": "origin", "value": "XXX", "rows": 5, "metrics": {}},
    ]
    assert judge(Kpi("auc", slice="origin", min=0.6), {}, slices=slices) == [
        KpiStatus.PASS,
        KpiStatus.FAIL,
        KpiStatus.SKIP,
    ]
    assert judge(Kpi("auc", slice="origin=EWR", min=0.6), {}, slices=slices) == [KpiStatus.PASS]
    assert judge(Kpi("auc", slice="carrier", min=0.6), {}, slices=slices) == [KpiStatus.SKIP]
