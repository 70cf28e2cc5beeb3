"""Which stages are run again: by name, in turn, or because they changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import UsageError
from mlops_kit.outside import git
from mlops_kit.project.reproduce.choose import choose_changed, choose_named, choose_sample
from mlops_kit.project.reproduce.sources import Revision, StageSource, read_revision
from tests.support.shapes import start, write

LOCK = "schema: '2.0'\nstages:\n  a:\n    cmd: do a\n    outs:\n    - path: a.txt\n      md5: {}\n  b:\n    cmd: do b\n"
PIPELINE = "stages:\n  a:\n    cmd: do a\n    outs: [a.txt]\n  b:\n    cmd: do b\n"


def revision(*names: str) -> Revision:
    return Revision("1" * 40, tuple(StageSource(name, ("true",), "", (), {}, ()) for name in names), {})


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 10**6))
def test_every_stage_is_drawn_in_turn(stages: int, count: int, day: int) -> None:
    made = revision(*(f"s{number}" for number in range(stages)))
    days = -(-stages // count)
    drawn = {stage.name for one in range(days) for stage in choose_sample(made, count, day + one)}
    assert len(choose_sample(made, count, day)) == min(count, stages)
    assert drawn == {stage.name for stage in made.stages}


def test_name_of_a_foreach_stands_for_all_of_its_stages() -> None:
    made = revision("fit@a", "fit@b", "fitness")
    assert [stage.name for stage in choose_named(made, ["fit"])] == ["fit@a", "fit@b"]
    with pytest.raises(UsageError, match="no stage `fi`"):
        choose_named(made, ["fi"])


def test_changed_stages_are_those_with_another_record(tmp_path: Path) -> None:
    root = start(tmp_path / "repo")
    for digest in ("0" * 32, "1" * 32):
        write(root, {"dvc.yaml": PIPELINE, "dvc.lock": LOCK.format(digest)})
        git.commit_all(root, "state")
    found, base = choose_changed(root, read_revision(root, git.resolve(root, "HEAD")))
    assert [stage.name for stage in found] == ["a"]
    assert base == git.resolve(root, "HEAD~1")


def test_record_in_a_working_folder_is_read_relative_to_it(tmp_path: Path) -> None:
    root = start(tmp_path / "repo")
    pipeline = "stages:\n  a:\n    cmd: do\n    wdir: work\n    deps: [../../in.txt]\n    params: [../p.yaml: [x]]\n    outs: [out.txt]\n"
    lock = (
        "schema: '2.0'\nstages:\n  a:\n    cmd: do\n    deps:\n    - path: ../../in.txt\n      md5: 11111111111111111111111111111111\n"
        "    params:\n      ../p.yaml:\n        x: 1\n    outs:\n    - path: out.txt\n      md5: 22222222222222222222222222222222\n"
    )
    write(root, {"sub/dvc.yaml": pipeline, "sub/dvc.lock": lock})
    git.commit_all(root, "state")
    (stage,) = read_revision(root, git.resolve(root, "HEAD")).stages
    assert (stage.name, stage.wdir, stage.problem) == ("sub/dvc.yaml:a", "sub/work", "")
    assert [one.path for one in stage.deps] == ["in.txt"]
    assert [one.path for one in stage.outs] == ["sub/work/out.txt"]
    assert stage.params == {"sub/p.yaml:x": 1}


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ("schema: '2.0'\nstages: {}\n", "no run of it is recorded"),
        (LOCK.replace("do a", "do other").format("0" * 32), "its command is not the one"),
        (LOCK.replace("a.txt", "other.txt").format("0" * 32), "no content of its output a.txt"),
    ],
)
def test_record_that_does_not_fit_the_pipeline_is_a_problem(tmp_path: Path, lock: str, problem: str) -> None:
    root = start(tmp_path / "repo")
    write(root, {"dvc.yaml": PIPELINE, "dvc.lock": lock})
    git.commit_all(root, "state")
    found = read_revision(root, git.resolve(root, "HEAD")).stages[0]
    assert problem in found.problem
    assert found.mend
