"""What differs between data and labels, from footers and keys."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.datafiles import DataFile, collect_data
from mlops_kit.artifacts.dvcfiles import DeclaredOutput, LockedStage, read_dvc_file
from mlops_kit.artifacts.store import Store
from mlops_kit.compare.data import compare_data, compare_labels
from mlops_kit.compare.model import DataChange, LabelChange


def write(folder: Path, name: str, **columns: Any) -> DataFile:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / name)
    content = (folder / name).read_bytes()
    return DataFile(f"data/{name}", hashlib.md5(content).hexdigest(), len(content), None, folder / name)


def changes(old: DataFile | None, new: DataFile | None) -> tuple[DataChange, ...]:
    return compare_data({old.path: old} if old else {}, {new.path: new} if new else {})


def test_rows_and_columns_of_tables_are_told(tmp_path: Path) -> None:
    old = write(tmp_path / "old", "t.parquet", a=[1, 2], b=["x", "y"], gone=[1, 1])
    new = write(tmp_path / "new", "t.parquet", a=[1.0, 2.0, 3.0], b=["x", "y", "z"], fresh=[1, 2, 3])
    (made,) = changes(old, new)
    assert (made.kind, made.old_rows, made.new_rows) == ("changed", 2, 3)
    assert made.columns == ("removed gone", "added fresh (int64)", "a: int64 → double")


def test_the_same_content_is_no_change(tmp_path: Path) -> None:
    table = write(tmp_path / "old", "t.parquet", a=[1])
    assert changes(table, table) == ()


def test_added_and_removed_files_are_told(tmp_path: Path) -> None:
    table = write(tmp_path / "old", "t.parquet", a=[1])
    assert [made.kind for made in (*changes(None, table), *changes(table, None))] == ["added", "removed"]


@pytest.mark.parametrize("content", [None, b"", b"no table"])
def test_table_that_is_not_here_or_damaged_has_no_rows(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "t.parquet"
    if content is not None:
        place.write_bytes(content)
    (made,) = changes(
        DataFile("t.parquet", "a" * 32, 7, None, place), DataFile("t.parquet", "b" * 32, 9, None, None)
    )
    assert (made.old_rows, made.new_rows, made.old_size, made.new_size) == (None, None, 7, 9)


def test_label_changes_are_counted_by_key(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old", "labels.parquet", id=[1, 2, 3, 4], day=["a", "a", "b", "b"], y=[0, 1, 0, None]
    )
    new = write(
        tmp_path / "new",
        "labels.parquet",
        id=[4, 3, 2, 9, 8],
        day=["b", "b", "a", "a", "a"],
        y=[1, 1, 1, 0, 0],
    )
    assert compare_labels(old, new, ("id", "day"), "y") == LabelChange("data/labels.parquet", 4, 5, 2, 1, 2)


def test_labels_without_the_columns_of_the_task_are_left_out(tmp_path: Path) -> None:
    old = write(tmp_path / "old", "labels.parquet", id=[1], y=[0])
    new = write(tmp_path / "new", "labels.parquet", id=[1], y=[1])
    assert compare_labels(old, new, ("key",), "y") is None
    assert compare_labels(old, new, (), "y") is None


def test_tracked_data_and_tables_of_stages_are_data_and_models_are_not() -> None:
    tracked = read_dvc_file("outs:\n- path: raw\n  md5: 0123.dir\n  size: 10\n  nfiles: 3\n", "data/raw.dvc")
    stage = LockedStage("x", {}, {}, {"model.bin": "1", "clean.parquet": "2", "p.parquet": "3"})
    outputs = [
        DeclaredOutput("model.bin", "outs"),
        DeclaredOutput("clean.parquet", "outs"),
        DeclaredOutput("p.parquet", "outs", "predictions"),
    ]
    found = collect_data(outputs, {"s": stage}, tracked, lambda: Store(()))
    assert sorted(found) == ["clean.parquet", "data/raw"]
    assert (found["data/raw"].size, found["data/raw"].files) == (10, 3)
