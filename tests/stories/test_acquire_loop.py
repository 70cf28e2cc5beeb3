"""New data arrives overnight: a scheduled run fetches it, pushes the data, and keeps one pull request with the data diff.

Real git, real DVC, real workflow runs (act) on loopback. The tests build on each other: one worker runs them in their order.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.acquiring import acquiring_project, arrive
from tests.support.forge import Forge
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow
REPO = "acme/arriving"


class Box:
    """A forge with a project whose source is a folder outside of it."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self.forge, self.folder = forge, folder
        self.project = acquiring_project(
            folder / "project", months=0, params=f"acquire: {{paths: ['{folder}/inbox/*.csv']}}\n"
        )
        edit(
            self.project / "mlops.yaml",
            "steps:",
            f"ci: {{install: 'true', command: {sys.executable} -m mlops_kit}}\nsteps:",
        )
        arrive(folder, 1)
        run_kit("generate", cwd=self.project)
        run_kit("acquire", cwd=self.project)
        run_kit("run", cwd=self.project)
        git(self.project, "add", "-A")
        git(self.project, "commit", "-qm", "January")
        run_kit("push", "--no-git", cwd=self.project)
        git(self.project, "remote", "add", "origin", forge.clone_url(REPO, "alice"))
        git(self.project, "push", "-q", "origin", "main")
        forge.wait_idle()

    def overnight(self) -> str:
        """Let the night pass and return the log of the acquisition."""
        self.forge.schedule(REPO)
        run = self.forge.runs("schedule")[-1]
        assert run.conclusion == "success", run.log[-6000:]
        return run.log

    def tip(self, branch: str) -> str:
        url = self.forge.clone_url(REPO, "alice")
        return git(self.project, "ls-remote", url, f"refs/heads/{branch}").partition("\t")[0]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("acquire-story")
    with Forge(folder / "forge") as forge:
        forge.create_repo(REPO)
        yield Box(forge, folder)


def test_new_month_becomes_a_pull_request_with_the_data_diff(box: Box) -> None:
    arrive(box.folder, 2)
    box.overnight()
    [pull] = box.forge.pulls(REPO)
    assert (pull.title, pull.head, pull.user) == (
        "Data: data/raw 1 partition added (2013-02, 3 rows)",
        "mlops/acquire",
        "github-actions[bot]",
    )
    assert "1 partition added &#40;2013&#45;02, 3 rows&#41;" in pull.body
    assert pull.head_sha == box.tip("mlops/acquire")


def test_data_is_on_the_remote_before_anybody_merges(box: Box) -> None:
    [pull] = box.forge.pulls(REPO)
    fresh = box.folder / "fresh"
    subprocess.run(
        ["git", "clone", "-q", "-b", pull.head, box.forge.clone_url(REPO, "alice"), str(fresh)], check=True
    )
    run_kit("pull", cwd=fresh)
    assert sorted(path.name for path in (fresh / "data/raw").glob("*.parquet")) == [
        "2013-01.parquet",
        "2013-02.parquet",
    ]


def test_pull_request_gets_its_run_and_the_comment_with_the_data(box: Box) -> None:
    [pull] = box.forge.pulls(REPO)
    runs = box.forge.runs("workflow_dispatch")
    assert [run.conclusion for run in runs] == ["success"], runs[-1].log[-5000:]
    [comment] = box.forge.comments(pull.number)
    assert "data/raw&#58; 1 partition added" in comment.body, comment.body[:3000]


def test_second_night_updates_the_same_pull_request_and_tells_of_rewritten_history(box: Box) -> None:
    arrive(box.folder, 1, rows=5)
    arrive(box.folder, 3)
    box.forge.schedule(REPO)
    run = box.forge.runs("schedule")[-1]
    assert run.conclusion == "failure", "history that was rewritten is never silently green"
    [pull] = box.forge.pulls(REPO)
    assert pull.edits == 1
    assert "2 partitions added (2013-02 to 2013-03, 6 rows)" in pull.title
    assert "the source has rewritten 2013&#45;01" in pull.body
    git(box.project, "fetch", "-q", "origin", "mlops/acquire")
    assert git(box.project, "rev-parse", "FETCH_HEAD^") == git(box.project, "rev-parse", "main")
    assert [comment.edits for comment in box.forge.comments(pull.number)] == [1]


def test_every_request_was_as_the_host_describes_it(box: Box) -> None:
    assert box.forge.state.violations == []
