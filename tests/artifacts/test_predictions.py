"""Per-row predictions: what they carry besides scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlops_kit.artifacts.predictions import feature_columns, make_predictions, read_predictions
from mlops_kit.artifacts.tables import write_parquet
from mlops_kit.errors import BadDataError
from mlops_kit.spec.model import Task

TASK = Task("classification", "late", ("id",), group="customer")


def table(**columns: list[object]) -> pa.Table:
    base = {"id": [3, 1, 2], "customer": ["a", "b", "a"], "actual": [1, 0, 1], "score": [0.9, 0.2, 0.7]}
    return pa.table(base | columns)


def test_group_runs_and_quantile_come_back_sorted_by_key(tmp_path: Path) -> None:
    rows = table(score_2=[0.8, 0.1, 0.6])
    made = make_predictions(
        rows, task=TASK, threshold=0.5, slices=("customer",), runs=("score_2",), quantile=0.9
    )
    write_parquet(made, tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet")
    assert found.group is not None
    assert list(found.group) == list(found.slices["customer"]) == ["b", "a", "a"]
    assert np.array_equal(found.score, [[0.2, 0.1], [0.7, 0.6], [0.9, 0.8]])
    assert found.quantile == 0.9


def test_plain_predictions_have_none_of_them(tmp_path: Path) -> None:
    task = Task("regression", "y", ("id",))
    write_parquet(make_predictions(table(), task=task, threshold=0.0, slices=()), tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet")
    assert (found.group, found.quantile, found.score.ndim) == (None, None, 1)


def test_rows_without_a_group_are_refused() -> None:
    with pytest.raises(BadDataError, match="1 rows have no `customer`") as caught:
        make_predictions(table(customer=["a", None, "b"]), task=TASK, threshold=0.5, slices=())
    assert "group" in caught.value.fix


def test_metadata_that_names_a_missing_column_is_refused(tmp_path: Path) -> None:
    made = make_predictions(table(), task=TASK, threshold=0.5, slices=())
    write_parquet(made.drop_columns(["customer"]), tmp_path / "p.parquet")
    with pytest.raises(BadDataError, match="customer"):
        read_predictions(tmp_path / "p.parquet")


def test_group_is_no_feature() -> None:
    assert feature_columns(["id", "customer", "age", "late"], TASK) == ["age"]
