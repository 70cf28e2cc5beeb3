from __future__ import annotations

from mlops_kit.artifacts.metric_names import bind_kpis, spellings, unambiguous
from mlops_kit.spec.model import Kpi, Kpis, Metric

FOUND = [
    ("metrics/leakage.json", "same_key", 0.0),
    ("metrics/a.json", "rows", 1.0),
    ("metrics/b.json", "rows", 2.0),
    ("top/b.json", "rows", 3.0),
]


def test_a_name_that_repeats_gets_its_file_or_path() -> None:
    assert list(unambiguous(FOUND)) == ["same_key", "a:rows", "metrics/b:rows", "top/b:rows"]


def test_a_promise_may_name_the_file_where_it_need_not() -> None:
    kpis = Kpis(
        metrics={"leakage:same_key": Metric("lower")},
        kpis=(Kpi("leakage:same_key"), Kpi("a:rows"), Kpi("x:same_key")),
    )
    bound = bind_kpis(kpis, spellings(FOUND))
    assert [kpi.metric for kpi in bound.kpis] == ["same_key", "a:rows", "x:same_key"]
    assert list(bound.metrics) == ["same_key"]
