from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_kit import split_by_hash, split_by_time
from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.data.splitting import telling
from mlops_kit.data.splitting.sets import SplitRows
from mlops_kit.spec.model import Schema, Task
from tests.support.rows import daily, rows, table_of

TASK = Task("classification", "late", ("id",), "when")
COUNT = 400


def split(folder: Path, table: pa.Table, target: list[Any] | None = None, task: Task = TASK) -> SplitRows:
    values = pa.array([n % 2 for n in range(table.num_rows)] if target is None else target)
    given = rows(folder, pa.table({"id": table["id"], task.target: values}))
    method = split_by_time if task.time else split_by_hash
    return method(rows(folder, table), given, task=task, schema=Schema({}))


def noise(seed: int) -> list[float]:
    found: list[float] = np.random.default_rng(seed).normal(size=COUNT).tolist()
    return found


def test_clean_data_give_no_warning(tmp_path: Path) -> None:
    made = split(tmp_path, daily(COUNT, x=noise(1), y=noise(2)))
    assert made.leakage_report["warnings"] == []
    assert (
        made.leakage["warnings"] == made.leakage["identical_rows"] == made.leakage["time_overlap_rows"] == 0
    )
    assert made.leakage_report["label_share"] == {"train": 0.5, "test": 0.5}


def test_the_same_rows_again_are_found_exactly_and_nearly(tmp_path: Path) -> None:
    x, y = noise(1), noise(2)
    x[390:400], y[390:400] = x[0:10], y[0:10]
    x[380:390], y[380:390] = [v * (1 + 1e-9) for v in x[10:20]], y[10:20]
    name = ["Ann "] * 200 + [" ann"] * 200
    same = split(tmp_path, daily(COUNT, x=x, y=y))
    worded = split(tmp_path, daily(COUNT, x=x, y=y, name=name))
    assert (same.leakage["identical_rows"], same.leakage["near_identical_rows"]) == (10, 20)
    assert (worded.leakage["identical_rows"], worded.leakage["near_identical_rows"]) == (0, 20)
    assert any("the same features as" in text for text in same.leakage_report["warnings"])


def test_a_key_and_a_group_on_both_sides_are_counted(tmp_path: Path) -> None:
    table = daily(COUNT, x=noise(1), who=[f"w{n % 100}" for n in range(COUNT)])
    keyed = table.set_column(0, "id", pa.array([f"r{n % 390}" for n in range(COUNT)]))
    given = rows(
        tmp_path, pa.table({"id": [f"r{n}" for n in range(390)], "late": [n % 2 for n in range(390)]})
    )
    task = Task("classification", "late", ("id",), "when", "who")
    made = split_by_time(rows(tmp_path, keyed), given, task=task, schema=Schema({}))
    assert (made.leakage["same_key"], made.leakage["same_group"]) == (10, 100)
    assert table_of(made.test).num_rows == 100


def test_days_that_a_model_has_seen_are_counted(tmp_path: Path) -> None:
    task = Task("classification", "late", ("id",), "when")
    table, given = daily(COUNT, x=noise(1)), daily(COUNT).select(["id"])
    labels = rows(tmp_path, given.append_column("late", pa.array([n % 2 for n in range(COUNT)])))
    made = split_by_hash(rows(tmp_path, table), labels, task=task, schema=Schema({}))
    oldest = min(table_of(made.test)["when"].to_pylist())
    late = sum(when >= oldest for when in table_of(made.train)["when"].to_pylist())
    assert made.leakage["time_overlap_rows"] == late > 200
    assert "days that it has seen" not in made.leakage_report["warnings"][0] or late


@pytest.mark.parametrize(
    ("leak", "found"),
    [
        ([float(n % 2) for n in range(COUNT)], True),
        ([-(n % 2) for n in range(COUNT)], True),
        ([None if n % 2 else float(n) for n in range(COUNT)], True),
        ([n % 2 + 2 * (n % 4 == 0) for n in range(COUNT)], True),  # 0 and 2 against 1: a code, not an order
        ([f"c{n % 6}" for n in range(COUNT)], True),
        ([f"c{n}" for n in range(COUNT)], False),  # an identifier tells nothing about other rows
        ([n % 3 for n in range(COUNT)], False),
        ([None] * COUNT, False),
    ],
)
def test_a_feature_that_gives_the_label_away_is_named(tmp_path: Path, leak: list[Any], found: bool) -> None:
    made = split(tmp_path, daily(COUNT, x=noise(1), leak=pa.array(leak)))
    assert list(made.leakage_report["telling_columns"]) == (["leak"] if found else [])
    assert made.leakage["telling_columns"] == found


def test_the_area_is_that_of_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [round(v, 1) for v in noise(3)]
    target = [int(v + w > 0) for v, w in zip(values, noise(4), strict=True)]
    monkeypatch.setitem(telling.TELLING, "classification", 0.5)
    made = split(tmp_path, daily(COUNT, x=values), target)
    train = table_of(made.train)
    area = compute_metrics("classification", train["late"].to_numpy().astype(float), train["x"].to_numpy())[
        "roc_auc"
    ]
    named = made.leakage_report["telling_columns"]["x"]
    assert named == pytest.approx(area, abs=1e-12)


def test_a_number_in_other_units_gives_a_regression_away(tmp_path: Path) -> None:
    task = Task("regression", "late", ("id",), "when")
    made = split(tmp_path, daily(COUNT, x=[v**3 for v in noise(1)], y=noise(2)), noise(1), task)
    assert made.leakage_report["telling_columns"] == {"x": 1.0}
