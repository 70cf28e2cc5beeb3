"""git's log and objects: one process each, hostile names are text, and ending early leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_kit.errors import UnreadableSideError, UsageError
from mlops_kit.outside import gitlog
from mlops_kit.outside.gitlog import Walk, locate, walk_commits
from mlops_kit.outside.gitobjects import ObjectReader
from tests.support.histories import import_history
from tests.support.world import git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    import_history(tmp_path / "r", ({"sub/a": str(number)} for number in range(200)))
    return tmp_path / "r"


def test_place_of_a_sub_folder_of_a_branch(repo: Path) -> None:
    place = locate(repo / "sub")
    assert place == gitlog.Place("sub/", shallow=False, head=git(repo, "rev-parse", "HEAD"), branch="main")


def test_place_before_the_first_commit_and_detached(git_repo: Path, repo: Path) -> None:
    assert locate(git_repo) == gitlog.Place("", shallow=False, head="", branch="")
    git(repo, "checkout", "-q", "--detach")
    assert locate(repo).branch == ""
    assert locate(repo).head


def test_place_outside_of_a_repository(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="not in a git repository"):
            locate(folder)


def test_log_is_listed_newest_first_with_parents_and_trees(repo: Path) -> None:
    commits = list(walk_commits(repo, Walk()))
    assert len(commits) == 200
    assert commits[0].sha == git(repo, "rev-parse", "HEAD")
    assert commits[0].tree == git(repo, "rev-parse", "HEAD^{tree}")
    assert [c.parents for c in commits[:-1]] == [(c.sha,) for c in commits[1:]]
    assert commits[-1].parents == ()
    assert (commits[0].date, commits[0].subject) == ("2026-01-01T03:19:00+00:00", "commit 199")


def test_names_and_subjects_of_strangers_are_data(repo: Path) -> None:
    subject = "-> x, tag: refs/tags/y \x1b[31m \x01 “ü”"
    git(repo, "commit", "-q", "--allow-empty", "-m", subject)
    for name in ("v1,2", "a/b"):
        git(repo, "tag", name)
    git(repo, "update-ref", "refs/exps/x", "HEAD")
    newest = next(walk_commits(repo, Walk()))
    assert newest.subject == subject
    assert set(newest.refs) == {"refs/heads/main", "refs/tags/v1,2", "refs/tags/a/b"}


@pytest.mark.parametrize("name", ["-x", "--all", "--output=x", "", " ", "HEAD\n--all", "a\0b"])
def test_revision_that_looks_like_something_else_is_refused(repo: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not a revision"):
        list(walk_commits(repo, Walk((name,))))


def test_revision_that_does_not_exist_is_unreadable(repo: Path) -> None:
    with pytest.raises(UnreadableSideError, match="nowhere"):
        list(walk_commits(repo, Walk(("nowhere",))))


def test_configuration_of_the_user_does_not_change_what_is_read(repo: Path) -> None:
    before = list(walk_commits(repo, Walk()))
    for key, value in (("log.showSignature", "true"), ("color.ui", "always"), ("log.decorate", "no")):
        git(repo, "config", key, value)
    assert list(walk_commits(repo, Walk())) == before


def test_objects_are_read_in_order_and_missing_ones_are_none(repo: Path) -> None:
    names = git(repo, "rev-list", "HEAD").split()
    absent = "0" * 40
    with ObjectReader(repo) as objects:
        found = objects.read([*(f"{name}^{{tree}}" for name in names), absent, names[0]])
    assert [item.kind if item else None for item in found] == ["tree"] * 200 + [None, "commit"]
    assert found[0] is not None
    assert found[0].id == git(repo, "rev-parse", "HEAD^{tree}")


def test_ending_early_ends_git(repo: Path) -> None:
    commits = walk_commits(repo, Walk())
    next(commits)
    commits.close()
    with ObjectReader(repo):
        pass
    assert subprocess.run(["pgrep", "-f", f"git.*{repo}"], capture_output=True).stdout == b""


def test_versions_of_a_file_are_listed_once(tmp_path: Path) -> None:
    lines = [
        {"dvc.lock": "a"},
        {"sub/dvc.lock": "b"},
        {"dvc.lock": "c"},
        {"dvc.lock": "a"},
        {"x.dvc.lock": "d"},
    ]
    import_history(tmp_path / "r", lines)
    versions = gitlog.file_versions(tmp_path / "r", "HEAD", "dvc.lock")
    assert sorted(path for path, _ in versions) == ["dvc.lock", "dvc.lock", "sub/dvc.lock"]
    assert gitlog.file_versions(tmp_path / "r/sub", "HEAD", "dvc.lock") == [
        pair for pair in versions if pair[0] == "sub/dvc.lock"
    ]


def test_many_long_names_at_once_do_not_block(repo: Path) -> None:
    names = [f"HEAD:{'x' * 3000}{number}" for number in range(300)]
    with ObjectReader(repo) as objects:
        assert objects.read(names) == [None] * 300
