"""Files of labelling by git's ids: the work tree's are those of its commit, and names of persons are never among them."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.label_files import committed_labels, label_files
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.outside import git
from tests.support.label_commits import event, label_project, write_batch


def test_work_tree_has_the_ids_of_its_commit(tmp_path: Path) -> None:
    root = label_project(tmp_path / "p")
    (root / "labels" / "people.yaml").write_text("ann-1: Ms Secret\n")
    here = label_files(root, WorkTree(root), "")
    there = committed_labels(root, git.resolve(root, "HEAD"))
    assert {path: (file.id, file.size) for path, file in here.items()} == {
        path: (file.id, file.size) for path, file in there.items()
    }
    assert sorted(here) == ["labels/events/one.jsonl", "labels/guidelines.md", "labels/labels.yaml"]


def test_file_that_git_does_not_know_and_parquet_by_its_pointer_are_among_them(tmp_path: Path) -> None:
    root = label_project(tmp_path / "p")
    write_batch(root, "two", event("d", "late"))
    for name in ("big.parquet", "big.parquet.dvc"):
        (root / "labels" / "events" / name).write_text("")
    found = label_files(root, WorkTree(root), "")
    assert [path for path in found if "two" in path or "big" in path] == [
        "labels/events/big.parquet.dvc",
        "labels/events/two.jsonl",
    ]


def test_project_without_labels_has_none(tmp_path: Path) -> None:
    root = label_project(tmp_path / "p")
    git_root = tmp_path / "none"
    git_root.mkdir()
    assert label_files(git_root, WorkTree(root), "") == {}
