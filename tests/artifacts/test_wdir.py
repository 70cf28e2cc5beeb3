"""Stages with a `wdir`: what a lock records is relative to it, in a folder that only dvc.yaml names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.artifacts.dvcfiles import move_stages, read_lock
from mlops_kit.artifacts.freshness import Freshness
from mlops_kit.artifacts.inventory import read_inventory
from tests.support.shapes import SHAPES

LOCK = """\
schema: '2.0'
stages:
  train:
    cmd: x
    deps: [{path: ../shared/a.csv, md5: aa}, {path: 's3://b/c', etag: cc}]
    params: {params.yaml: {depth: 2}}
    outs: [{path: m.json, md5: bb, size: 3}]
  other:
    cmd: y
    outs: [{path: n.json, md5: dd}]
"""


def test_paths_of_a_lock_move_to_the_folder_of_the_stage() -> None:
    read = read_lock(LOCK, "pipe", "pipe/dvc.lock")
    stages = move_stages(read, "pipe", {"pipe/dvc.yaml:train": "pipe/work"})
    train = stages["pipe/dvc.yaml:train"]
    assert train.outs == {"pipe/work/m.json": "bb"}
    assert train.sizes == {"pipe/work/m.json": (3, None)}
    assert train.params == {"pipe/work/params.yaml:depth": 2}
    assert train.deps["pipe/shared/a.csv"] == "aa"
    assert stages["pipe/dvc.yaml:other"] == read["pipe/dvc.yaml:other"]


@pytest.mark.slow
def test_stage_below_wdir_is_found_up_to_date_and_in_its_place(tmp_path: Path) -> None:
    root = SHAPES["wdir, metrics in the cache"].build(tmp_path / "repo")
    assert [out.path for out in read_inventory(root).outs] == ["pipe/work/m.json"]
    assert not Freshness(root).stages()[0].would_run
    (root / "pipe/work/m.json").unlink()
    assert Freshness(root).stages()[0].would_run
