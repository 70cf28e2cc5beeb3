"""A damaged dvc.lock is named, with the command that mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.artifacts.lock_damage import find_damage
from mlops_kit.errors import SpecError
from tests.support.shapes import write
from tests.support.world import git

LOCK = """\
schema: '2.0'
stages:
  one:
    cmd: cp in out
    deps:
    - path: in
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
    params:
      params.yaml:
        depth: 3
    outs:
    - path: out
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
"""
PIPELINE = "stages:\n  one: {cmd: cp in out, deps: [in], outs: [out], params: [depth]}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> other\n", r"merge conflict \(line 1\)"),
        (LOCK[:200], "ends in the middle"),
        (LOCK[: LOCK.index("      md5")], r"ends in the middle \(line 7\)"),
        (LOCK[: LOCK.index("    - path: out")], "ends in the middle"),
        (LOCK.replace("size: 2", "size: \0"), "no DVC command"),
    ],
)
def test_damaged_lock_is_refused_with_what_is_wrong(git_repo: Path, content: str, said: str) -> None:
    write(git_repo, {"dvc.yaml": PIPELINE, "dvc.lock": LOCK})
    git(git_repo, "add", "-A")
    write(git_repo, {"dvc.lock": content})
    with pytest.raises(SpecError, match=said) as error:
        read_pipelines(git_repo)
    assert ("merge resolve" if "merge" in said else "git checkout -- dvc.lock") in error.value.fix


def test_damaged_lock_that_git_does_not_have_is_to_be_removed(git_repo: Path) -> None:
    write(git_repo, {"dvc.yaml": PIPELINE, "dvc.lock": ""})
    with pytest.raises(SpecError) as error:
        read_pipelines(git_repo)
    assert error.value.fix.startswith("rm dvc.lock")


@given(length=st.integers(0, len(LOCK)))
def test_lock_cut_off_anywhere_is_damaged_or_reads_as_whole_entries(length: int) -> None:
    content = LOCK[:length].encode()
    if find_damage(content):
        return
    stages = read_lock(content, "", "dvc.lock")
    assert all(digest for stage in stages.values() for digest in (*stage.deps.values(), *stage.outs.values()))


def test_whole_lock_is_not_damaged() -> None:
    assert find_damage(LOCK.encode()) == ""
    assert find_damage(b"schema: '2.0'\nstages: {}\n") == ""
