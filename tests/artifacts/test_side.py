"""Reading one side: everything it names is read, or named as unreadable with the command that mends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.artifacts.side import read_side
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.model import Verdict
from mlops_kit.compare.verdict import exit_code
from mlops_kit.errors import ExitCode, SpecError, UnreadableSideError
from mlops_kit.outside import git
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.compare import compare_commits, find_base

PIPELINE = """\
stages:
  train:
    cmd: python train.py
    params: [train.depth]
    outs:
      - predictions.parquet: {type: predictions}
    metrics:
      - out/metrics.json: {cache: false}
      - cached.json
metrics: [top.yaml]
"""
TRAIN = """\
import json, random, pyarrow as pa, pyarrow.parquet as pq, yaml
depth = yaml.safe_load(open("params.yaml"))["train"]["depth"]
rng = random.Random(0)
actual = [float(rng.random() < 0.5) for _ in range(400)]
score = [min(1.0, max(0.0, 0.5 + 0.1 * depth * (a - 0.5) + rng.gauss(0, 0.2))) for a in actual]
pq.write_table(pa.table({"id": [f"{n:04}" for n in range(400)], "actual": actual, "score": score}), "predictions.parquet")
import os; os.makedirs("out", exist_ok=True)
json.dump({"val": {"roc_auc": 0.6 + depth / 100, "loss": 1.0 / depth}, "note": "text"}, open("out/metrics.json", "w"))
json.dump({"rows": 400}, open("cached.json", "w"))
"""


def commit(root: Path, message: str) -> str:
    return git.commit_all(root, message)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("foreign") / "repo"
    root.mkdir()
    git.init_repository(root, "main")

    def dvc(*args: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "dvc", *args, "-q"],
            cwd=root,
            check=True,
            env=dvc_environment(),
            capture_output=True,
        )

    dvc("init")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "train.py").write_text(TRAIN)
    (root / "top.yaml").write_text("f1: 0.5\n")
    for depth in (1, 4):
        (root / "params.yaml").write_text(f"train: {{depth: {depth}}}\n")
        dvc("repro")
        commit(root, f"depth {depth}")
    return root


@pytest.fixture
def repo(built: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-r", str(built), str(tmp_path / "repo")], check=True)
    return tmp_path / "repo"


def test_commit_and_work_tree_are_read_the_same_way(repo: Path) -> None:
    committed, here = read_side(repo, "HEAD"), read_side(repo, None)
    assert (
        committed.metrics == here.metrics == {"val.roc_auc": 0.64, "val.loss": 0.25, "rows": 400.0, "f1": 0.5}
    )
    assert committed.params == here.params == {"params.yaml:train.depth": 4}
    assert committed.predictions is not None
    assert here.predictions is not None
    assert committed.predictions.digest == here.predictions.digest
    assert committed.unreadable == here.unreadable == ()


def test_comparison_of_a_repository_that_is_none_of_ours(repo: Path) -> None:
    made = compare_commits(repo, "HEAD~1", "HEAD")
    by_name = {diff.name: diff for diff in made.metrics}
    assert by_name["val.roc_auc"].change == pytest.approx(0.03)
    assert by_name["f1"].verdict is Verdict.SAME
    assert [(change.name, change.old, change.new) for change in made.params] == [
        ("params.yaml:train.depth", 1, 4)
    ]
    assert made.stages[0].reasons == ("train.depth",)
    assert exit_code(made) is ExitCode.OK


def test_blob_that_is_gone_is_unreadable_and_exit_4(repo: Path) -> None:
    digest = read_side(repo, "HEAD~1").predictions
    assert digest is not None
    digest.path.unlink()
    made = compare_commits(repo, "HEAD~1", "HEAD")
    assert [(item.side, item.what) for item in made.unreadable] == [("base", "predictions.parquet")]
    assert "dvc repro" in made.unreadable[0].fix
    assert exit_code(made) is ExitCode.UNREADABLE


def test_remote_that_is_a_folder_is_read_too(repo: Path, tmp_path: Path) -> None:
    (repo / ".dvc/cache").rename(tmp_path / "elsewhere")
    assert read_side(repo, "HEAD").predictions is None
    (repo / ".dvc/config").write_text("['remote \"r\"']\n    url = ../../elsewhere\n")
    assert read_side(repo, "HEAD").predictions is not None


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        ("out/metrics.json", "{broken", "out/metrics.json"),
        ("out/metrics.json", '{"auc": NaN}', "out/metrics.json: auc"),
        ("params.yaml", "train: [", "params.yaml"),
        ("dvc.lock", "<<<<<<< HEAD\n", "dvc.lock"),
        ("dvc.yaml", "stages: [\n", "dvc.yaml"),
    ],
)
def test_file_that_cannot_be_understood_is_named(repo: Path, path: str, content: str, what: str) -> None:
    (repo / path).write_text(content)
    side = read_side(repo, None)
    assert what in [item.what for item in side.unreadable]
    assert all(item.reason and item.fix for item in side.unreadable)
    commit(repo, "broken")
    assert what in [item.what for item in read_side(repo, "HEAD").unreadable]


def test_declared_metric_that_is_missing_is_never_left_out(repo: Path) -> None:
    (repo / "top.yaml").unlink()
    assert [item.what for item in read_side(repo, None).unreadable] == ["top.yaml"]


def test_broken_contract_stops_at_the_head_and_is_noted_at_the_base(repo: Path) -> None:
    (repo / "kpis.yaml").write_text("kpis: [{metric: f1}]\n")
    with pytest.raises(SpecError):
        read_side(repo, None)
    commit(repo, "bad contract")
    assert "cannot be used" in read_side(repo, "HEAD").notes[0]


def test_edit_of_the_contract_is_shown(repo: Path) -> None:
    (repo / "kpis.yaml").write_text("kpis: [{metric: f1, min: 0.4}]\n")
    commit(repo, "contract")
    (repo / "kpis.yaml").write_text("kpis: [{metric: f1, min: 0.6}]\n")
    made = compare_commits(repo, "HEAD")
    assert [(change.name, change.old, change.new) for change in made.kpi_changes] == [("f1.min", 0.4, 0.6)]
    assert exit_code(made) is ExitCode.KPI_BREACH


def test_pipelines_in_sub_folders_and_same_names_are_kept_apart(repo: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "sub/dvc.yaml").write_text("stages:\n  s:\n    cmd: x\n    metrics: [{m.json: {cache: false}}]\n")
    (repo / "sub/m.json").write_text(json.dumps({"f1": 0.9}))
    commit(repo, "sub")
    assert {"top:f1": 0.5, "m:f1": 0.9}.items() <= read_side(repo, "HEAD").metrics.items()


def test_repository_whose_dvc_root_is_a_sub_folder(repo: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git.init_repository(outer, "main")
    subprocess.run(["cp", "-r", str(repo), str(outer / "ml")], check=True)
    subprocess.run(["rm", "-rf", str(outer / "ml/.git")], check=True)
    commit(outer, "all")
    assert read_side(outer / "ml", "HEAD").metrics["val.roc_auc"] == 0.64


def test_first_commit_has_nothing_to_compare_with(repo: Path) -> None:
    made = compare_sides(None, read_side(repo, "HEAD"), project="p")
    assert made.base is None
    assert {diff.reason for diff in made.metrics} == {"nothing to compare with"}


def test_default_base(repo: Path) -> None:
    tip = git.resolve(repo, "HEAD")
    assert git.resolve(repo, find_base(repo, None) or "") == git.resolve(repo, "HEAD~1")
    (repo / "params.yaml").write_text("train: {depth: 9}\n")
    assert find_base(repo, None) == "HEAD"
    subprocess.run(["git", "switch", "-qc", "branch"], cwd=repo, check=True)
    commit(repo, "on the branch")
    assert find_base(repo, None) == tip


def shallow(repo: Path, place: Path, *options: str) -> Path:
    subprocess.run(["git", "clone", "-q", "--depth=1", *options, f"file://{repo}", str(place)], check=True)
    return place


def test_shallow_clone_gets_the_one_commit_it_lacks(repo: Path, tmp_path: Path) -> None:
    for number in range(5):
        (repo / "top.yaml").write_text(f"f1: 0.{number + 1}\n")
        commit(repo, "more")
    clone = shallow(repo, tmp_path / "clone")
    made = compare_commits(clone, "HEAD~1", "HEAD")
    assert {diff.name: diff.old for diff in made.metrics}["f1"] == 0.4
    assert git.find_commit(clone, "HEAD~1")
    assert git.find_commit(clone, "HEAD~2") is None


def test_shallow_clone_of_a_branch_finds_where_it_left_main(repo: Path, tmp_path: Path) -> None:
    fork = git.resolve(repo, "HEAD")
    subprocess.run(["git", "switch", "-qc", "topic"], cwd=repo, check=True)
    for number in range(40):
        (repo / "note").write_text(str(number))
        commit(repo, "on the branch")
    subprocess.run(["git", "switch", "-q", "main"], cwd=repo, check=True)
    clone = shallow(repo, tmp_path / "clone", "--branch=topic")
    assert find_base(clone, "HEAD") == fork


def test_shallow_clone_whose_origin_is_gone_names_what_mends_it(repo: Path, tmp_path: Path) -> None:
    clone = shallow(repo, tmp_path / "shallow")
    repo.rename(tmp_path / "moved")
    for base in ("HEAD~1", None):
        with pytest.raises(UnreadableSideError, match="shallow|does not exist") as caught:
            compare_commits(clone, base)
        assert "git fetch" in caught.value.fix


@pytest.mark.parametrize("hostile", ["--output=x", "-h", "", "HEAD; rm -rf /", "HEAD\nHEAD", "a" * 5000])
def test_hostile_revision_runs_nothing(repo: Path, hostile: str) -> None:
    before = sorted(path.name for path in repo.iterdir())
    with pytest.raises(Exception, match="revision"):
        git.resolve(repo, hostile)
    assert sorted(path.name for path in repo.iterdir()) == before
