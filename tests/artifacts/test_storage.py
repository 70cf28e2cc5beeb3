"""Saving: nothing half-written, wrong values refused with the file named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.artifacts.kinds import KINDS, load_artifact, save_artifact
from mlops_kit.artifacts.storage import READERS, WRITERS
from mlops_kit.errors import BadDataError


def test_every_kind_has_a_reader_and_a_writer() -> None:
    assert set(KINDS) == set(READERS) == {*WRITERS, "LabelEvents"}  # which people write, and no stage


def test_failed_write_keeps_the_last_good_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    save_artifact("Metrics", {"auc": 0.7}, path)
    with pytest.raises(BadDataError):
        save_artifact("Metrics", {"auc": float("nan")}, path)
    assert load_artifact("Metrics", path) == {"auc": 0.7}
    assert [p.name for p in tmp_path.iterdir()] == ["m.json"]


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    save_artifact("Bundle", {"old.txt": "1", "sub/x": b"2"}, tmp_path / "bundle")
    save_artifact("Bundle", {"new.txt": "3"}, tmp_path / "bundle")
    assert [p.name for p in (tmp_path / "bundle").rglob("*")] == ["new.txt"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_folder_member_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadDataError, match="leaves the folder"):
        save_artifact("Manifests", {name: "x"}, tmp_path / "d" / "m")


@pytest.mark.parametrize(
    ("kind", "value"), [("Metrics", {"a": "high"}), ("Metrics", {"a": True}), ("Text", 3), ("Curve", {})]
)
def test_value_of_the_wrong_kind_is_refused(tmp_path: Path, kind: str, value: object) -> None:
    with pytest.raises(BadDataError):
        save_artifact(kind, value, tmp_path / "x")


@pytest.mark.parametrize("kind", ["Table", "Metrics", "Model", "Partitions", "Bundle"])
def test_missing_artifact_names_the_file_and_the_command(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BadDataError, match="nowhere") as caught:
        load_artifact(kind, tmp_path / "nowhere")
    assert caught.value.fix.startswith("mlops-kit run")


def test_damaged_parquet_names_the_command_that_restores_it(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 this is no parquet PAR1")
    with pytest.raises(BadDataError, match="not a readable Parquet file") as caught:
        load_artifact("Arrow", path)
    assert "dvc checkout" in caught.value.fix


def test_frame_and_arrow_read_the_same_file(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"k": [2, 1], "name": ["b", None]})
    save_artifact("Table", frame, tmp_path / "t.parquet")
    assert load_artifact("Arrow", tmp_path / "t.parquet").column("k").to_pylist() == [2, 1]
    pd.testing.assert_frame_equal(load_artifact("Table", tmp_path / "t.parquet"), frame)
