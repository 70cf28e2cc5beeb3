"""The forge itself: triggers, permissions, GitHub's description, an independent client."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.forge import Forge, ForgeTools
from tests.support.forge.openapi import Description
from tests.support.forge.triggers import allows, is_triggered, matches, token_permissions
from tests.support.world import clone, git


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        (["main"], "main", True),
        (["rel/*"], "rel/1", True),
        (["rel/*"], "rel/1/2", False),
        (["**"], "a/b", True),
        (["**", "!docs/**"], "docs/x", False),
        (["v?"], "v", True),
    ],
)
def test_patterns_match_as_on_github(patterns: list[str], value: str, expected: bool) -> None:
    assert matches(patterns, value) is expected


@pytest.mark.parametrize(
    ("on", "event", "payload", "ref", "expected"),
    [
        ("push", "push", {}, "refs/heads/x", True),
        ({"push": {"branches": ["main"]}}, "push", {}, "refs/heads/x", False),
        ({"push": {"branches": ["main"]}}, "push", {}, "refs/tags/v1", False),
        ({"push": {"tags": ["v*"]}}, "push", {}, "refs/tags/v1", True),
        (
            {"pull_request": None},
            "pull_request",
            {"action": "closed", "pull_request": {"base": {"ref": "main"}}},
            "",
            False,
        ),
        (
            {"workflow_run": {"workflows": ["A"], "types": ["completed"]}},
            "workflow_run",
            {"action": "completed", "workflow_run": {"name": "A"}},
            "",
            True,
        ),
        (
            {"workflow_run": {"workflows": ["B"]}},
            "workflow_run",
            {"action": "completed", "workflow_run": {"name": "A"}},
            "",
            False,
        ),
        ({"push": {"paths": ["*.py"]}}, "push", {}, "refs/heads/x", False),
    ],
)
def test_triggers_filter_as_on_github(
    on: Any, event: str, payload: dict[str, Any], ref: str, expected: bool
) -> None:
    assert is_triggered(on, event, payload, ref, ["README.md"]) is expected


def test_token_of_a_fork_can_only_read() -> None:
    workflow = {
        "permissions": "write-all",
        "jobs": {"a": {"permissions": {"contents": "write", "actions": "read"}}, "b": {}},
    }
    assert token_permissions(workflow, fork=False) == {"contents": 2, "actions": 1, "*": 2}
    assert token_permissions(workflow, fork=True) == {"contents": 1, "actions": 1, "*": 1}
    assert not allows({"*": 1}, "POST", "/repos/a/b/issues/1/comments")
    assert allows({"pull-requests": 2}, "POST", "/repos/a/b/issues/1/comments")


@pytest.mark.slow
def test_description_finds_what_is_wrong_with_a_request() -> None:
    description = Description(ForgeTools.find().openapi)
    operation = description.find("POST", "/repos/a/b/issues/3/comments")
    assert operation is not None
    assert description.check_request(operation, {"body": "fine"}) == []
    assert description.check_request(operation, {"body": 3})
    assert description.check_request(operation, {"bodyy": "x"})
    assert description.find("POST", "/repos/a/b/nonsense") is None
    value, errors = description.complete(operation, 201, {"id": 5, "body": "x", "user": {"login": "a"}})
    assert errors == []
    assert value["created_at"]


WORKFLOW = """\
name: A
on: [push]
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@v7
        with: {persist-credentials: false}
      - run: |
          echo "file: $(cat x.txt)"
          echo "### summary" >> "$GITHUB_STEP_SUMMARY"
          git push origin HEAD:refs/heads/other || echo "push refused"
          test ! -e fail.txt
"""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Forge, Path]]:
    root = tmp_path_factory.mktemp("forge")
    with Forge(root / "forge") as running:
        running.create_repo("acme/demo", secrets={"KEY": "s3cr3t"})
        work = clone(running.clone_url("acme/demo", "alice"), root / "work", "alice")
        (work / ".github/workflows").mkdir(parents=True)
        (work / ".github/workflows/a.yml").write_text(WORKFLOW)
        (work / "x.txt").write_text("hello")
        git(work, "checkout", "-q", "-B", "main")
        git(work, "add", "-A")
        git(work, "commit", "-qm", "first")
        git(work, "push", "-q", "origin", "main")
        running.wait_idle(120)
        yield running, work


@pytest.mark.slow
def test_push_really_runs_the_workflow(forge: tuple[Forge, Path]) -> None:
    running, _ = forge
    [run] = running.runs("push")
    assert run.conclusion == "success", run.log
    assert "file: hello" in run.log
    assert run.summary.strip() == "### summary"
    assert "push refused" in run.log, "the token may only read"
    assert (
        "github-actions[bot]",
        "PUSH",
        "acme/demo",
    ) in running.state.denied or "could not read Username" in run.log


@pytest.mark.slow
def test_failing_job_is_a_failed_run_and_strangers_cannot_push(forge: tuple[Forge, Path]) -> None:
    running, work = forge
    (work / "fail.txt").write_text("")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "fail")
    git(work, "push", "-q", "origin", "main")
    running.wait_idle(120)
    assert running.runs("push")[-1].conclusion == "failure"
    url = running.clone_url("acme/demo", "alice").replace("user-alice", "wrong")
    assert subprocess.run(
        ["git", "push", "-q", url, "main"],
        cwd=work,
        capture_output=True,
        env={"GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin"},
    ).returncode


@pytest.mark.slow
def test_independent_client_understands_the_forge(forge: tuple[Forge, Path]) -> None:
    from github import Auth, Github

    running, work = forge
    git(work, "checkout", "-qb", "topic")
    git(work, "commit", "-q", "--allow-empty", "-m", "topic")
    git(work, "push", "-q", "origin", "topic")
    client = Github(base_url=f"{running.url}/api/v3", auth=Auth.Token(running.add_user("alice")))
    pull = client.get_repo("acme/demo").create_pull(base="main", head="topic", title="T", body="B")
    comment = pull.create_issue_comment("hello")
    comment.edit("changed")
    assert [c.body for c in pull.get_issue_comments()] == ["changed"]
    running.wait_idle(120)
    assert pull.merge().merged
    running.wait_idle(120)
    client.close()
    assert running.state.violations == []


LONG = """\
name: Long
on: [push]
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          echo $$ > "PLACE"
          sleep 600
"""


@pytest.mark.slow
def test_closing_the_forge_ends_the_steps_that_still_run(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    with Forge(tmp_path / "forge") as running:
        running.create_repo("acme/long")
        work = clone(running.clone_url("acme/long", "alice"), tmp_path / "work", "alice")
        (work / ".github/workflows").mkdir(parents=True)
        (work / ".github/workflows/a.yml").write_text(LONG.replace("PLACE", str(place)))
        git(work, "checkout", "-q", "-B", "main")
        git(work, "add", "-A")
        git(work, "commit", "-qm", "first")
        git(work, "push", "-q", "origin", "main")
        step = psutil.Process(wait_for_number(place))
    assert step.wait(30) is None or not step.is_running()


def wait_for_number(path: Path) -> int:
    """Return the number in a file as soon as it is there."""
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.1)
    return int(path.read_text())
