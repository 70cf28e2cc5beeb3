"""A real run as its watchers see it: events, history, costs, and what a comparison says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mlops_kit.artifacts.run_history import durations, read_records
from mlops_kit.project.compare import compare_commits
from mlops_kit.report.run_events import EVENTS, OPTIONAL
from tests.support.shapes import write
from tests.support.world import edit, git, run_kit

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    "dvc.yaml": """\
stages:
  one: {cmd: 'echo from one; cp raw.txt one.txt', deps: [raw.txt], outs: [one.txt]}
  two: {cmd: cp one.txt two.txt, deps: [one.txt], metrics: [two.txt: {cache: false}]}
""",
    "raw.txt": "1\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that ran twice, with other data the second time; both states are committed."""
    folder = tmp_path_factory.mktemp("watched") / "p"
    write(folder, FILES)
    git(folder, "init", "-q", "-b", "main")
    for name in ("first", "second"):
        run_kit("run", "--events", str(folder.parent / f"{name}.jsonl"), "--json", cwd=folder)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", name)
        edit(folder / "raw.txt", "1", "12")
    git(folder, "checkout", "-q", "raw.txt")
    return folder


def events(root: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root.parent / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_events_of_a_run_are_those_that_are_documented(root: Path) -> None:
    for one in events(root, "first"):
        named = EVENTS[one["event"]].keys()
        assert named - OPTIONAL <= one.keys() - {"event", "at"} <= named
    names = [one["event"] for one in events(root, "first")]
    assert (names[0], names[-1]) == ("run_started", "run_finished")
    assert {"event": "stage_output", "stage": "one", "text": "from one"}.items() <= next(
        one for one in events(root, "first") if one.get("text") == "from one"
    ).items()


@pytest.mark.slow
def test_the_second_run_knows_what_to_expect(root: Path) -> None:
    started = events(root, "second")[0]
    assert started["waiting"] == ["one", "two"]
    assert started["expected"].keys() == {"one", "two"}
    assert durations(root).keys() == {"one", "two"}
    assert [run.ran for run in read_records(root)[1]] == [2, 2]


@pytest.mark.slow
def test_each_stage_has_a_cost_under_its_key(root: Path) -> None:
    found = {one["key"] for one in events(root, "second") if one["event"] == "stage_finished"}
    for key in found:
        file = root / ".dvc/cache/mlops-kit/costs" / key[:2] / f"{key}.json"
        assert json.loads(file.read_text())["key"] == key
    assert len(found) == 2


@pytest.mark.slow
def test_a_comparison_says_what_the_change_cost(root: Path) -> None:
    made = compare_commits(root, "HEAD~1", "HEAD")
    assert made.cost is not None
    assert (made.cost.stages, made.cost.unknown, {row.name for row in made.costs}) == (2, 0, {"one", "two"})


@pytest.mark.slow
def test_the_history_makes_no_diff(root: Path) -> None:
    assert git(root, "status", "--porcelain") == ""
