from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.artifacts.costs import FOLDER, cost_key, keep_cost, read_costs
from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.run_history import StageRun
from tests.support.tiny import tiny_project

KEY = "ab" * 32
COST = StageRun("train", "ran", 10.0, 2.5, 2.25, 1 << 30, 100, 200, warm=True, key=KEY, machine="2 x CPU")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def test_a_cost_comes_back_by_its_key(project: Path) -> None:
    assert keep_cost(project / ".dvc/cache", COST)
    assert read_costs(project, [KEY, "cd" * 32, ""]) == {KEY: COST}


def test_a_cost_without_a_key_is_not_kept(project: Path) -> None:
    assert not keep_cost(project / ".dvc/cache", StageRun("train", "ran", 10.0, key="../../x"))
    assert not list(project.rglob("*.json"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stage":"train"}', " " * 20_000, "[" * 9_000])
def test_what_is_no_cost_is_passed_over(project: Path, content: str) -> None:
    keep_cost(project / ".dvc/cache", COST)
    (project / ".dvc/cache" / FOLDER / "ab" / f"{KEY}.json").write_text(content, encoding="utf-8")
    assert read_costs(project, [KEY]) == {}


def test_a_cost_under_another_key_is_passed_over(project: Path) -> None:
    keep_cost(project / ".dvc/cache", COST)
    file = project / ".dvc/cache" / FOLDER / "ab" / f"{KEY}.json"
    file.rename(file.with_name(f"ab{'0' * 62}.json"))
    assert read_costs(project, [f"ab{'0' * 62}"]) == {}


@pytest.mark.slow
def test_the_key_is_that_of_the_run_cache(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tiny_project(tmp_path, tmp_path_factory)
    keys = {cost_key(stage.entry) for stage in read_pipelines(root).locked.values()} - {""}
    assert keys == {folder.name for folder in (root / ".dvc/cache/runs").glob("*/*")}
    assert len(keys) == 2
