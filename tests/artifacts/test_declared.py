"""What pipelines declare: in DVC's own order, and what DVC itself has to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_kit.artifacts.declared import read_pipelines

PIPELINE = """\
stages:
  last:
    cmd: cat data/b/two three > last
    deps: [three, data]
    outs: [last]
  one:
    cmd: echo 1 > data/a/one
    outs: [data/a/one]
  two:
    cmd: [mkdir -p data/b, echo 2 > data/b/two]
    deps: [in]
    outs: [{data/b/two: {cache: false, persist: true}}]
  three:
    cmd: cat params.yaml > three
    params: [deep.value]
    outs: [three]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def _dvc_order(root: Path) -> list[str]:
    from dvc.repo import Repo
    from dvc.repo.reproduce import get_active_graph, plan_repro

    with Repo(str(root)) as repo:
        return [stage.addressing for stage in plan_repro(get_active_graph(repo.index.graph))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library of DVC
def test_order_is_the_one_of_dvc(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "sub").mkdir()
    (repository / "sub/dvc.yaml").write_text(
        "stages:\n  end: {cmd: cat ../last > end, deps: [../last, ../in], outs: [end]}\n  begin: {cmd: echo > x, outs: [x]}\n",
        encoding="utf-8",
    )
    (repository / "params.yaml").write_text("deep: {value: 1}\n", encoding="utf-8")
    (repository / ".dvc/config").touch()
    (repository / ".dvc/tmp").mkdir()
    (repository / "in.dvc").write_text("outs:\n- path: in\n", encoding="utf-8")
    monkeypatch.chdir(repository)
    assert list(read_pipelines(repository).stages) == _dvc_order(repository)


def test_stage_is_read_as_it_is_written(repository: Path) -> None:
    stage = read_pipelines(repository).stages["two"]
    assert stage.commands == ("mkdir -p data/b", "echo 2 > data/b/two")
    assert stage.listed
    (out,) = stage.outs
    assert (out.path, out.cached, out.persist) == ("data/b/two", False, True)
    assert read_pipelines(repository).stages["three"].params == {"params.yaml": ("deep.value",)}


def test_inputs_name_the_writers_of_what_lies_in_a_folder(repository: Path) -> None:
    found = read_pipelines(repository)
    assert found.before("last") == ("three", "one", "two")
    assert found.closure(["last"]) == {"last", "one", "two", "three"}


def test_two_writers_of_a_path_and_circles_are_problems(repository: Path) -> None:
    (repository / "dvc.yaml").write_text(
        "stages:\n  a: {cmd: x, deps: [two], outs: [one]}\n  b: {cmd: x, deps: [one], outs: [two]}\n  c: {cmd: x, outs: [one/more]}\n",
        encoding="utf-8",
    )
    problems = read_pipelines(repository).problems
    assert any("a -> b -> a" in problem for problem in problems)
    assert any("lies in one" in problem for problem in problems)


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        ("{cmd: x, deps: ['s3://bucket/key'], outs: [one]}", "not a file of this machine"),
        ("{cmd: x, outs: [../one]}", "outside of the repository"),
    ],
)
def test_unusual_stages_are_handed_to_dvc(repository: Path, stage: str, why: str) -> None:
    (repository / "dvc.yaml").write_text(f"stages:\n  a: {stage}\n", encoding="utf-8")
    assert why in read_pipelines(repository).stages["a"].handed
