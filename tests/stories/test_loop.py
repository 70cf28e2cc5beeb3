"""The loop that people come for: push, CI retrains, one honest comment; forks get a comment and nothing else.

Real git, real DVC, real workflow runs (act), a real package installation, on loopback. The tests of this file build on each other: one worker
runs them, in their order (`--dist loadfile`).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.artifacts.canonical.archives import gzip_bytes
from tests.support.forge import Forge
from tests.support.world import build_wheel, ci_environment, clone, edit, git, pin_to_installed, run_kit

pytestmark = pytest.mark.slow
REPO = "acme/flights"
SECRET = "s3cr3t-deploy-key"


class Box:
    """A forge with a project in it."""

    def __init__(self, forge: Forge, folder: Path) -> None:
        self.forge = forge
        self.folder = folder
        run_kit("init", "flights", "--yes", cwd=folder)
        self.project = folder / "flights"
        pin_to_installed(self.project)
        git(self.project, "add", "-A")
        git(self.project, "commit", "-q", "--amend", "--no-edit")
        git(self.project, "remote", "add", "origin", forge.clone_url(REPO, "alice"))

    def commit(self, message: str) -> None:
        git(self.project, "config", "user.name", "alice")
        git(self.project, "config", "user.email", "alice@localhost")
        git(self.project, "add", "-A")
        git(self.project, "commit", "-qm", message)

    def push(self, branch: str) -> None:
        git(self.project, "push", "-q", "origin", branch)
        self.forge.wait_idle()

    def branch(self, name: str) -> None:
        git(self.project, "switch", "-q", "main")
        git(self.project, "switch", "-qc", name)

    def pull_request(self, head: str, title: str, user: str = "alice") -> int:
        number = self.forge.open_pull_request(REPO, head=head, title=title, user=user)
        self.forge.wait_idle()
        return number


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("story")
    build_wheel(folder / "wheels")
    with Forge(folder / "forge", env=ci_environment(folder / "wheels", folder / "environment")) as forge:
        forge.create_repo(REPO, secrets={"DEPLOY_KEY": SECRET})
        yield Box(forge, folder)


def job_log(box: Box, number: int) -> str:
    return "\n".join(run.log[-4000:] for run in box.forge.runs(number=number))


def test_push_to_main_retrains_in_ci(box: Box) -> None:
    box.push("main")
    [run] = box.forge.runs("push")
    assert run.conclusion == "success", run.log[-5000:]
    assert run.jobs == {"Reproduce": "success", "mlops-kit": "success"}, "nothing to comment on"
    assert "First result" in run.summary
    assert "12 ran here in " in run.summary


def test_better_parameter_gets_one_comment_with_an_interval(box: Box) -> None:
    box.branch("smaller-trees")
    edit(box.project / "params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 5")
    box.commit("Smaller trees")
    box.push("smaller-trees")
    number = box.pull_request("smaller-trees", "Smaller trees")
    [comment] = box.forge.comments(number)
    assert comment.user == "github-actions[bot]"
    assert "### 🟡 Mixed&#58; some metrics are worse" in comment.body, comment.body[:2000]
    assert "interval" in comment.body.split("\n\n")[1]
    assert [run.conclusion for run in box.forge.runs(number=number)] == ["success"]
    assert ", 7 ran here in " in comment.body, "train and what follows, not the data"


def test_second_push_edits_the_same_comment(box: Box) -> None:
    edit(box.project / "params.yaml", "max_iter: 60", "max_iter: 90")
    box.commit("And more of them")
    box.push("smaller-trees")
    [comment] = box.forge.comments(1)
    assert comment.edits == 1
    assert git(box.project, "rev-parse", "HEAD")[:9] in comment.body
    assert "max&#95;iter" in comment.body


def test_shuffled_labels_are_worse_and_red(box: Box) -> None:
    box.branch("shuffled")
    path = box.project / "data/source/flights.csv.gz"
    rows = list(csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    labels = [row[-1] for row in rows[1:]]
    random.Random(0).shuffle(labels)
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(
        [rows[0], *([*row[:-1], label] for row, label in zip(rows[1:], labels, strict=True))]
    )
    path.write_bytes(gzip_bytes(made.getvalue().encode()))
    box.commit("New labels")
    box.push("shuffled")
    number = box.pull_request("shuffled", "New labels")
    [comment] = box.forge.comments(number)
    assert "### 🔴 Worse, and a KPI is breached" in comment.body, comment.body[:2000]
    [run] = box.forge.runs(number=number)
    assert run.conclusion == "failure"
    assert run.jobs["Reproduce"] == "failure"


def test_branch_that_edits_the_readme_reruns_nothing(box: Box) -> None:
    box.branch("docs")
    (box.project / "README.md").write_text("# Flights\n")
    box.commit("Shorter")
    box.push("docs")
    number = box.pull_request("docs", "Shorter")
    [comment] = box.forge.comments(number)
    assert "No metric changed" in comment.body
    assert " ran here in " not in comment.body


def test_fork_gets_its_comment_without_secrets(box: Box) -> None:
    fork = box.forge.fork(REPO, "bob")
    folder = clone(box.forge.clone_url(fork, "bob"), box.folder / "bob", "bob")
    git(folder, "switch", "-qc", "patch")
    edit(folder / "params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 6")
    git(folder, "commit", "-qam", "From a fork")
    git(folder, "push", "-q", "origin", "patch")
    number = box.pull_request("bob:patch", "From a fork", "bob")
    [run] = box.forge.runs(number=number)
    assert run.is_fork
    assert run.conclusion == "success", run.log[-3000:]
    assert SECRET not in run.log
    [comment] = box.forge.comments(number)
    assert comment.user == "github-actions[bot]"
    assert "roc&#95;auc" in comment.body
    assert [r.conclusion for r in box.forge.runs("workflow_run") if r.head_sha][-1] == "success"


HOSTILE_WORKFLOW = """\
name: MLOps
on: [pull_request]
permissions: write-all
jobs:
  reproduce:
    name: Reproduce
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - run: |
          echo "secret=[${{ secrets.DEPLOY_KEY }}]"
          python3 steal.py
          git push origin HEAD:refs/heads/main || echo "push refused"
          mkdir report && cp hostile.json report/report.json
        env:
          TOKEN: ${{ github.token }}
      - uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f
        with: {name: report, path: report/}
"""
STEAL = """\
import json, os, urllib.request
url = os.environ["GITHUB_API_URL"] + "/repos/acme/flights/issues/1/comments"
request = urllib.request.Request(url, json.dumps({"body": "pwned"}).encode(),
    {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}, method="POST")
try:
    print("comment", urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print("comment", error.code)
"""
EVIL = "<img src=x onerror=alert(1)> [click](javascript:alert(1)) @everyone ![x](http://127.0.0.1/x.png) `rm` | \u202e"


def hostile_report() -> str:
    from mlops_kit.compare.model import Comparison, MetricDiff, SideInfo, Verdict
    from mlops_kit.report import json as report_json

    metric = MetricDiff(EVIL, 0.1, 0.9, "higher", Verdict.BETTER, 0.7, 0.9, 100, EVIL)
    return report_json.dumps(
        Comparison(
            EVIL,
            SideInfo(EVIL, "0" * 40, EVIL),
            SideInfo(EVIL, "1" * 40),
            (metric,),
            (),
            (),
            (),
            (),
            (),
            (),
            notes=(EVIL,),
        )
    )


def test_hostile_fork_gets_nothing_and_runs_nothing(box: Box) -> None:
    folder = box.folder / "bob"
    marker = box.folder / "PWNED"
    branch = f'x";touch${{IFS}}{marker};"'
    git(folder, "switch", "-q", "main")
    git(folder, "switch", "-qc", branch)
    (folder / ".github/workflows/mlops.yml").write_text(HOSTILE_WORKFLOW)
    (folder / "steal.py").write_text(STEAL)
    (folder / "hostile.json").write_text(hostile_report())
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "`id` $(id)")
    git(folder, "push", "-q", "origin", branch)
    main = git(folder, "ls-remote", box.forge.clone_url(REPO, "alice"), "refs/heads/main")
    number = box.pull_request(f"bob:{branch}", "$(id) `id` <script>", "bob")
    [run] = box.forge.runs(number=number)
    assert "secret=[]" in run.log
    assert SECRET not in run.log
    assert "comment 403" in run.log
    assert "push refused" in run.log
    assert git(folder, "ls-remote", box.forge.clone_url(REPO, "alice"), "refs/heads/main") == main
    assert not marker.exists()
    assert all("pwned" not in comment.body for comment in box.forge.state.comments)
    [comment] = box.forge.comments(number)
    for dangerous in ("<img", "](", "@everyone", "![", "\u202e", "javascript:alert(1))"):
        assert dangerous not in comment.body
    assert ("github-actions[bot]", "PUSH", REPO) in box.forge.state.denied


def test_every_request_was_as_github_describes_it(box: Box) -> None:
    assert box.forge.state.violations == []
    assert json.dumps([c.number for c in box.forge.state.comments]) == json.dumps(
        sorted({c.number for c in box.forge.state.comments})
    )
