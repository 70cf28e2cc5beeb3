"""Real merges, rebases and cherry-picks of what runs write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.errors import RefusedError
from mlops_kit.outside.git_merge import read_setting, write_setting
from mlops_kit.project.doctor import CHECKS
from mlops_kit.project.init import create_project
from mlops_kit.project.merging import (
    Installed,
    driver_command,
    install_driver,
    merge_file,
    resolve_conflicts,
)
from tests.support.shapes import write
from tests.support.tiny import dvc, tiny_project
from tests.support.world import clone, edit, git, run_kit

PIPELINE = """\
stages:
  one: {cmd: x, outs: [a.bin], metrics: [{"metrics/a b.json": {cache: false}}]}
  two: {cmd: x, outs: [b.bin], plots: [{"plots/ü.csv": {cache: false}}]}
"""


def put(root: Path, one: int, two: int) -> None:
    """Write what a run of both stages would leave; two runs of a stage differ in its number."""
    parts = [
        f"  {name}:\n    cmd: x\n    params:\n      params.yaml:\n        n: {n}\n"
        for name, n in (("one", one), ("two", two))
    ]
    metrics = json.dumps({"n": one, "rows": 3}, indent=1)
    write(
        root,
        {
            "dvc.lock": "schema: '2.0'\nstages:\n" + "".join(parts),
            "metrics/a b.json": metrics,
            "plots/ü.csv": f"x\n{two}\n",
        },
    )


def commit(root: Path, branch: str, one: int, two: int) -> None:
    git(root, "switch", "-qC", branch, "main")
    put(root, one, two)
    git(root, "commit", "-qam", branch)


@pytest.fixture
def forked(git_repo: Path) -> Path:
    """Return a repository with the driver, whose DVC project lies in a folder with a space, and where all branches left main behind."""
    root = git_repo / "my project"
    write(
        root, {"dvc.yaml": PIPELINE, ".dvc/config": "", "reports/notes.md": "mine\n", "params.yaml": "n: 0\n"}
    )
    put(root, 0, 0)
    install_driver(root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "main")
    for branch, one, two in (("left", 1, 0), ("right", 0, 1), ("both", 2, 2)):
        commit(root, branch, one, two)
    return root


def merge(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True)


def numbers(root: Path) -> dict[str, object]:
    stages = read_lock((root / "dvc.lock").read_bytes(), "", "dvc.lock")
    return {name: stage.params["params.yaml:n"] for name, stage in stages.items()}


def test_stages_of_both_sides_meet_without_conflict(forked: Path) -> None:
    git(forked, "switch", "-q", "left")
    done = merge(forked, "merge", "--no-edit", "right")
    assert done.returncode == 0, done.stdout + done.stderr
    assert numbers(forked) == {"one": 1, "two": 1}
    assert (forked / "plots/ü.csv").read_text() == "x\n1\n"


@pytest.mark.parametrize("act", [("merge", "--no-edit", "both"), ("rebase", "both"), ("cherry-pick", "both")])
def test_a_stage_that_both_sides_changed_is_left_out_and_named(forked: Path, act: tuple[str, ...]) -> None:
    git(forked, "switch", "-q", "left")
    done = merge(forked, *act)
    assert done.returncode == 0, done.stdout + done.stderr
    assert numbers(forked) == {"two": 2}
    assert json.loads((forked / "metrics/a b.json").read_text()) == {"rows": 3}
    assert "dvc.lock: both sides changed one; `mlops-kit run` brings it back" in done.stderr
    assert git(forked, "status", "--porcelain") == ""


def test_what_people_write_keeps_its_conflicts(forked: Path) -> None:
    (forked.parent / ".git/info/attributes").write_text("**/reports/** merge=mlops-kit\n")
    for branch in ("left", "both"):
        git(forked, "switch", "-q", branch)
        (forked / "reports/notes.md").write_text(f"{branch}\n")
        git(forked, "commit", "-qam", "notes")
    done = merge(forked, "merge", "left")  # on both
    assert done.returncode == 1, done.stderr
    assert "<<<<<<<" in (forked / "reports/notes.md").read_text()
    assert "no stage writes my project/reports/notes.md" in done.stderr


def test_a_clone_without_the_driver_has_ordinary_conflicts_that_doctor_and_resolve_mend(
    forked: Path, tmp_path: Path
) -> None:
    copy = clone(str(forked.parent), tmp_path / "copy", "Other")
    root = copy / forked.name
    check = next(check for check in CHECKS if check.id == "merging")
    assert check.run(root)[2] == "mlops-kit merge install"
    git(copy, "switch", "-q", "left")
    assert merge(copy, "merge", "origin/both").returncode == 1
    assert "<<<<<<<" in (root / "dvc.lock").read_text()
    assert check.run(root)[1:] == ("a merge left conflicts in what runs write", "mlops-kit merge resolve")
    assert resolve_conflicts(root).left == {}
    assert numbers(root) == {"two": 2}
    assert merge(copy, "commit", "--no-edit").returncode == 0
    assert not any(install_driver(root).attributes)
    assert check.run(root)[0].value == "ok"


@pytest.mark.parametrize(
    ("path", "merged"),
    [("m.json", True), ("log.txt", False), ("hand.json", False), ("c.bin", False), ("dir/x", True)],
)
def test_only_what_a_stage_writes_anew_is_merged(git_repo: Path, path: str, merged: bool) -> None:
    outs = (
        "[{m.json: {cache: false}}, {log.txt: {cache: false, persist: true}}, c.bin, {dir: {cache: false}}]"
    )
    write(git_repo, {"dvc.yaml": f"metrics: [hand.json]\nstages:\n  one: {{cmd: x, outs: {outs}}}\n"})
    if merged:
        assert merge_file(git_repo, path, b"", b"1", b"2").content == b"1"
    else:
        with pytest.raises(RefusedError, match="no stage writes"):
            merge_file(git_repo, path, b"", b"1", b"2")


def test_resolve_leaves_to_people_what_is_theirs(forked: Path) -> None:
    for branch, n in (("left", 1), ("both", 2)):
        git(forked, "switch", "-q", branch)
        (forked / "params.yaml").write_text(f"n: {n}\n")
        git(forked, "commit", "-qam", "params")
    git(forked, "config", "--remove-section", "merge.mlops-kit")
    assert merge(forked, "merge", "left").returncode == 1
    done = run_kit("merge", "resolve", "--json", cwd=forked, check=False)
    made = json.loads(done.stdout)
    assert (done.returncode, list(made["left"])) == (7, ["my project/params.yaml"])
    assert made["merged"]["my project/dvc.lock"] == ["one"]
    assert run_kit("merge", "resolve", cwd=forked, check=False).stdout.startswith(
        "! my project/params.yaml: no stage writes"
    )


@pytest.mark.parametrize("program", ["/gone/bin/python", "C:\\Program Files\\100% it's\\python.exe"])
def test_without_its_python_the_driver_is_an_ordinary_merge(forked: Path, program: str) -> None:
    write_setting(forked, "merge.mlops-kit.driver", driver_command(program))
    git(forked, "switch", "-q", "left")
    done = merge(forked, "merge", "both")
    assert done.returncode == 1
    assert "<<<<<<< ours" in (forked / "dvc.lock").read_text()
    git(forked, "merge", "--abort")
    check = next(check for check in CHECKS if check.id == "merging")
    assert check.run(forked)[1].endswith(program.replace("\\", "/"))


def test_the_driver_starts_from_a_path_with_every_sign_and_without_path(
    forked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = forked.parent.parent / 'it\'s 100% "odd" ü'
    odd.mkdir()
    (odd / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (odd / "python").chmod(0o755)
    write_setting(forked, "merge.mlops-kit.driver", driver_command(str(odd / "python")))
    programs = odd / "programs"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    assert merge(forked, "merge", "left").returncode == 0
    assert numbers(forked) == {"two": 2}
    assert read_setting(forked, "merge.mlops-kit.name")


def test_a_new_project_is_set_up_and_its_outputs_are_all_named(tmp_path: Path) -> None:
    root = create_project(tmp_path / "flights").root
    assert install_driver(root) == Installed(driver=False, attributes=())
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_run_brings_back_what_a_merge_left_out(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tiny_project(tmp_path, tmp_path_factory)
    run_kit("merge", "install", cwd=root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "attributes")
    for branch, word in (("left", "vierte"), ("right", "deux")):
        git(root, "switch", "-qC", branch, "main")
        edit(root / "join.py", "texts = [", f"# {word}\n" * (branch == "left") + "texts = [")
        edit(root / "raw.csv", "four" if branch == "left" else "two", word)
        run_kit("run", cwd=root)
        git(root, "commit", "-qam", branch)
    assert merge(root, "merge", "--no-edit", "left").returncode == 0
    assert read_lock((root / "dvc.lock").read_bytes(), "", "dvc.lock") == {}
    assert json.loads((root / "score.json").read_text()) == {}
    run_kit("run", cwd=root)
    assert "up to date" in dvc(root, "status").stdout
    assert (
        (root / "data/model.txt").read_text().count("deux")
        == (root / "data/model.txt").read_text().count("vierte")
        == 50
    )
