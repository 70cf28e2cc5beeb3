from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_kit.artifacts.costs import cost_key, keep_cost, read_costs
from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.recorded_costs import fetch_recorded_costs
from mlops_kit.artifacts.run_history import StageRun
from tests.support.http_store import http_store
from tests.support.shapes import write
from tests.support.world import git

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "dvc.yaml": "stages: {a: {cmd: x, deps: [raw], outs: [b]}}\n",
    "dvc.lock": "schema: '2.0'\nstages: {a: {cmd: x, deps: [{path: raw, md5: 0cc175b9c0f1b6a831c399e269772661}]}}\n",
}


def project(root: Path, url: str) -> str:
    """Write a project whose remote is at `url`; return the key of its one recorded run."""
    write(root, {**FILES, ".dvc/config": f"[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n"})
    git(root, "init", "-q")
    git(root, "add", "-A")
    return cost_key(read_pipelines(root).locked["a"].entry)


@pytest.mark.slow
def test_a_cost_comes_from_a_remote_behind_a_network(tmp_path: Path) -> None:
    with http_store(tmp_path / "served") as url:
        key = project(tmp_path / "p", url)
        cost = StageRun("a", "ran", 1.0, 7.5, key=key)
        keep_cost(tmp_path / "served", cost)
        fetch_recorded_costs(tmp_path / "p", tmp_path / "p")
    assert read_costs(tmp_path / "p", [key]) == {key: cost}


@pytest.mark.slow
def test_a_remote_that_does_not_answer_is_no_error(tmp_path: Path) -> None:
    with http_store(tmp_path / "served") as url:
        key = project(tmp_path / "p", url)
    fetch_recorded_costs(tmp_path / "p", tmp_path / "p")
    assert read_costs(tmp_path / "p", [key]) == {}
