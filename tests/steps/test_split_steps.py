"""The label, feature and split steps, called as functions on small tables."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from mlops_kit.spec.model import Schema, Task
from mlops_kit.steps.data import split_group, split_hash, split_time
from mlops_kit.steps.data.features_calendar import FeaturesParams, features
from mlops_kit.steps.labels.label_column import LabelParams, label
from tests.support.rows import daily, rows, table_of

TASK = Task("classification", "late", ("id",), "when", "who")


def test_label_features_and_split_go_together(tmp_path: Path) -> None:
    clean = rows(
        tmp_path, daily(100, who=[f"w{n % 30}" for n in range(100)], delay=[n % 9 for n in range(100)])
    )
    labels = rows(tmp_path, table_of(label(clean, task=TASK, params=LabelParams("delay", at_least=6)).labels))
    made = rows(tmp_path, table_of(features(clean, task=TASK, params=FeaturesParams())))
    for module in (split_time, split_hash, split_group):
        done = module.split(made, labels, task=TASK, schema=Schema({}), params=module.SplitParams())
        assert table_of(done.train).num_rows + table_of(done.test).num_rows == 100
        assert table_of(done.train).column_names[-4:] == ["month", "weekday", "hour", "late"]
        assert done.leakage_report["telling_columns"] == {"delay": 1.0}


def test_a_split_by_time_without_a_time_goes_by_the_key(tmp_path: Path) -> None:
    timeless = Task("classification", "late", ("id",))
    tests = []
    for count in (300, 600):
        table = daily(count)
        given = table.select(["id"]).append_column("late", pa.array([n % 2 for n in range(count)], pa.int8()))
        made = split_time.split(
            rows(tmp_path, table), rows(tmp_path, given), task=timeless, schema=Schema({}), params=split_time.SplitParams(0.3)
        )  # fmt: skip
        tests.append({row for row in table_of(made.test)["id"].to_pylist() if row < "r0300"})
    assert tests[0] == tests[1]
    assert len(tests[0]) == pytest.approx(90, abs=30)
