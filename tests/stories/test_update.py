"""A project goes from the previous version to this one: it ran before, it is edited in ten places, it runs after, and compare knows why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.previous import edit_ten_places, lost, make_previous_project, run_previous
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow


def commit(project: Path, message: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", message)


def test_a_project_of_the_previous_version_is_updated_without_loss_and_reruns_exactly_what_was_said(
    tmp_path: Path,
) -> None:
    project = make_previous_project(tmp_path)
    edit_ten_places(project)
    run_previous(tmp_path / "previous", "run", cwd=project)
    commit(project, "Ours, and a first run")

    said = json.loads(run_kit("update", "--json", cwd=project).stdout)
    assert lost(project) == []
    assert {file["outcome"] for file in said["files"]} <= {"updated", "merged"}
    direct = {stage["stage"] for stage in said["stages"]}
    assert {"evaluate", "train", "retrain"} <= direct
    assert "up to date" in run_kit("generate", "--check", cwd=project).stdout

    report = json.loads(run_kit("run", "--json", cwd=project).stdout)
    ran = {stage["stage"] for stage in report["ran"]}
    assert direct <= ran <= direct | set(said["following"])
    assert not {"acquire", "count"} & ran, "nothing of theirs changed"
    assert report["metrics"]["roc_auc"] > 0.55

    shown = run_kit("compare", "HEAD", cwd=project).stdout
    assert "evaluate ran because its contract rose 1 -> 2 (mlops-kit 0.0.9 ->" in " ".join(shown.split())
    commit(project, "Update mlops-kit")
    assert "nothing to do" in run_kit("update", cwd=project).stdout
    assert json.loads(run_kit("run", "--json", cwd=project).stdout)["ran"] == []
