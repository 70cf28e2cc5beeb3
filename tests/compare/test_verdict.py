"""What is said of a difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mlops_kit.compare.differences import metric_levels
from mlops_kit.compare.metrics import roc_auc
from mlops_kit.compare.model import MetricDiff, Verdict
from mlops_kit.compare.statistics import Interval, delong_interval
from mlops_kit.compare.verdict import judge, margins_for
from mlops_kit.spec.model import Kpi, Kpis


def judged(interval: Interval, *, name: str = "accuracy", level: float = 0.05) -> MetricDiff:
    change = interval.change or 0.0
    diff = MetricDiff(name, 0.7, 0.7 + change, "higher", Verdict.NO_ERROR_BAR)
    return judge(diff, interval, 1000, margins_for(name, 0.7, 0.0), level=level)


def test_p_value_above_its_level_is_no_verdict_and_says_why() -> None:
    clear = Interval(0.02, 0.04, 0.03, p=0.01)
    assert judged(clear).verdict is Verdict.BETTER
    held = judged(clear, level=0.005)
    assert held.verdict is Verdict.CANNOT_TELL
    assert held.p == 0.01
    narrow = judged(Interval(0.006, 0.012, 0.009, p=0.06))
    assert narrow.verdict is Verdict.SAME
    assert narrow.reason == "the interval hardly excludes zero, p 0.06 is above 0.05"


def test_measured_seeds_need_no_allowance() -> None:
    close = Interval(0.005, 0.055, 0.03, p=0.02)
    assert judged(close).verdict is Verdict.CANNOT_TELL
    assert judged(Interval(0.005, 0.055, 0.03, p=0.02, seeds=True)).verdict is Verdict.BETTER


def test_too_few_runs_name_no_number_of_rows() -> None:
    unclear = judged(Interval(-0.02, 0.08, 0.03, p=0.3, seeds=True))
    assert unclear.verdict is Verdict.CANNOT_TELL
    assert unclear.rows_needed is None
    assert "runs" in unclear.reason


@pytest.mark.parametrize("scale", [1.0, 0.85, 0.6])
def test_rows_needed_would_settle_it_in_most_cases(scale: float) -> None:
    """A true difference that is nil, and one that matters: with the rows named, about 80 % of repetitions settle."""

    def compare(rng: np.random.Generator, rows: int) -> MetricDiff:
        truth = rng.normal(size=rows)
        actual = (rng.random(rows) < expit(1.5 * truth)).astype(float)
        old, new = (expit(1.5 * truth + rng.normal(scale=s, size=rows)) for s in (1.0, scale))
        diff = MetricDiff(
            "roc_auc", roc_auc(actual, old), roc_auc(actual, new), "higher", Verdict.NO_ERROR_BAR
        )
        return judge(diff, delong_interval(actual, old, new), rows, margins_for("roc_auc", 0.8, 0.0))

    rng = np.random.default_rng(0)
    change = np.mean([compare(rng, 20_000).change or 0.0 for _ in range(10)])
    width = np.mean([(d.high or 0.0) - (d.low or 0.0) for d in (compare(rng, 300) for _ in range(50))])
    typical = Interval(float(change - width / 2), float(change + width / 2), float(change), 0.5)
    diff = MetricDiff("roc_auc", 0.8, float(0.8 + change), "higher", Verdict.NO_ERROR_BAR)
    needed = judge(diff, typical, 300, margins_for("roc_auc", 0.8, 0.0)).rows_needed
    assert needed is not None
    settled = [compare(rng, needed).verdict is not Verdict.CANNOT_TELL for _ in range(150)]
    assert 0.7 <= np.mean(settled) <= 0.92


def test_promised_metrics_stand_alone_and_others_are_a_family() -> None:
    intervals = {
        name: Interval(0.0, 0.1, 0.05, p) for name, p in (("f1", 0.04), ("brier", 0.02), ("recall", 0.03))
    }
    kpis = Kpis(kpis=(Kpi("f1", min=0.5), Kpi("recall", slice="origin", min=0.1)))
    assert metric_levels(intervals, kpis, 0.95) == pytest.approx({"f1": 0.05, "brier": 0.025, "recall": 0.05})
    assert metric_levels(intervals, None, 0.95)["f1"] == pytest.approx(0.05 / 3)
