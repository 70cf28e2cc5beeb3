"""Label Studio's real server: batches go there with predictions, and come back as what annotators said."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.labels.delivery.manifest import read_manifest
from mlops_kit.project.labelling.export import export_items
from mlops_kit.project.labelling.import_ import Imported, Options, import_answers
from tests.support.label_studio import StudioServer, studio_server
from tests.support.world import git

pytestmark = pytest.mark.slow

PIXEL = b"\x89PNG\r\n\x1a\n"
LABELS = """\
version: 1
tasks:
  late: {type: class, classes: [late, on_time], show: [id], question: "Was it <late>?", votes: 2, acceptance: {min_agreement: 0.5}}
  tags: {type: classes, classes: [a, b], show: [id]}
  delay: {type: number, min: 0, max: 100, show: [id]}
  places: {type: spans, classes: [place], show: [id], text: note}
  wings: {type: boxes, classes: [wing], show: [id], image: photo}
  free: {type: json, json_schema: labels/free.json, show: [id]}
"""
FILES = {
    "mlops.yaml": "version: 1\nproject: {name: tiny}\ntask: {kind: classification, target: late, key: [id]}\nsteps: {}\n",
    "schema.yaml": "columns:\n  id: {type: integer}\n  note: {type: string}\n  name: {type: string, pii: true}\n",
    "labels/labels.yaml": LABELS,
    "labels/free.json": '{"type": "object"}\n',
    "labels/guidelines.md": "# How\n\nVersion 3.\n",
    "labels/.gitignore": "/people.yaml\n",
    "dvc.yaml": "{}\n",
}
ANSWERS: dict[str, Any] = {
    "late": "late",
    "tags": ["b", "a"],
    "delay": 2.5,
    "places": [{"start": 14, "end": 18, "label": "place"}],
    "wings": [{"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4, "label": "wing"}],
    "free": {"a": [1, None]},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioServer]:
    with studio_server(tmp_path_factory.mktemp("studio") / "data") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: StudioServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
    root = tmp_path / "p"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "data").mkdir()
    notes = [f"😀 Ann flew to Oslo {at}" for at in range(3)]
    rows = {"id": list(range(3)), "note": notes, "name": ["Ann Other"] * 3, "photo": [PIXEL] * 3}
    pq.write_table(pa.table(rows), root / "data/clean.parquet")
    git(root, "init", "-q")
    git(root, "add", "-A")
    return root


def queue(root: Path, task: str) -> None:
    """Queue the items with the model's answers."""
    (root / "labels/queue").mkdir(exist_ok=True)
    lines = [
        {
            "item": str(at),
            "content": "",
            "strategy": "random",
            "prelabel": {"value": ANSWERS[task], "probability": 0.75},
        }
        for at in range(3)
    ]
    (root / f"labels/queue/{task}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def pull(root: Path, server: StudioServer, batch: str, **more: Any) -> Imported:
    return import_answers(root, server.url, Options(answers=batch, **more))


def events(root: Path, batch: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / f"labels/events/{batch}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("task", ANSWERS)
def test_prediction_that_the_server_takes_and_an_annotator_accepts_comes_back_as_the_same_value(
    project: Path, server: StudioServer, task: str
) -> None:
    queue(project, task)
    export_items(project, server.url, task=task, batch=f"b-{task}")
    for each in server.tasks(f"b-{task}"):
        (prediction,) = each["predictions"]
        assert "Ann Other" not in json.dumps(each)
        server.annotate(each["id"], prediction["result"])
    done = pull(project, server, f"b-{task}")
    assert (done.verdict, done.taken.accepted) == ("accepted", 3)
    assert [each["value"] for each in events(project, done.batch)] == [ANSWERS[task]] * 3
    assert {each["guideline"] for each in events(project, done.batch)} == {"3"}


def test_several_annotators_come_back_under_pseudonyms_and_what_they_change_later_too(
    project: Path, server: StudioServer
) -> None:
    export_items(project, server.url, task="late", batch="crew")
    ann, bob = server.add_user("ann"), server.add_user("bob")
    (project / "labels/people.yaml").write_text("fox: ann@localhost\n")
    tasks = server.tasks("crew")
    for at, each in enumerate(tasks):
        choice = {
            "from_name": "answer",
            "to_name": "row",
            "type": "choices",
            "value": {"choices": ["late" if at % 2 else "on_time"]},
        }
        server.annotate(each["id"], [choice], user=ann)
        server.annotate(each["id"], [choice] if at else [], user=bob, skip=not at)
    first = pull(project, server, "crew")
    assert first.annotators == {"fox": 3, f"studio-{bob}": 3}
    assert [check.verdict for check in first.checks if check.name == "agreement within"] == ["pass"]
    changed = server.tasks("crew")[1]["annotations"][0]
    server.ask("PATCH", f"/api/annotations/{changed['id']}/", {"result": [], "was_cancelled": False})
    second = pull(project, server, "crew")
    assert (second.taken.accepted, second.taken.have) == (1, 5)
    assert pull(project, server, "crew").again
    texts = [
        path.read_text()
        for path in (project / "labels").rglob("*")
        if path.is_file() and path.name != "people.yaml"
    ]
    assert not any("localhost" in text for text in texts)


def test_export_that_was_interrupted_goes_on_and_sends_nothing_twice(
    project: Path, server: StudioServer
) -> None:
    export_items(project, server.url, task="delay", batch="again")
    lost = server.tasks("again")[2]["id"]
    server.ask("DELETE", f"/api/tasks/{lost}/")
    done = export_items(project, server.url, task="delay", batch="again")
    assert done.changed
    assert sorted(each["data"]["mlops_kit"]["item"] for each in server.tasks("again")) == list("012")
    assert not export_items(project, server.url, task="delay", batch="again").changed


def test_unfinished_project_is_taken_in_parts_only_when_asked_for(
    project: Path, server: StudioServer
) -> None:
    export_items(project, server.url, task="delay", batch="slow")
    number = {"from_name": "answer", "to_name": "row", "type": "number", "value": {"number": 7}}
    server.annotate(server.tasks("slow")[0]["id"], [number])
    assert pull(project, server, "slow").verdict == "rejected"
    done = pull(project, server, "slow", partial=True)
    assert (done.verdict, done.taken.accepted) == ("accepted", 1)
    manifest = read_manifest(project, done.batch)
    assert manifest is not None
    assert [each["verdict"] for each in manifest.deliveries] == ["accepted"]


def test_json_that_the_server_exports_gives_the_same_events_as_asking_it(
    project: Path, server: StudioServer
) -> None:
    export_items(project, server.url, task="delay", batch="file")
    number = {"from_name": "answer", "to_name": "row", "type": "number", "value": {"number": 7}}
    for each in server.tasks("file"):
        server.annotate(each["id"], [number])
    asked = pull(project, server, "file")
    place = server.ask("GET", "/api/projects/?title=file")["results"][0]["id"]
    told = server.ask("GET", f"/api/projects/{place}/export?exportType=JSON")
    (project / "told.json").write_text(json.dumps(told))
    read = import_answers(project, project / "told.json", now=dt.datetime.now(dt.UTC))
    assert (asked.taken.accepted, read.taken.accepted, read.taken.have) == (3, 0, 3)


def test_server_that_refuses_is_told_with_what_to_do_and_no_token(
    project: Path, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "wrong-secret")
    with pytest.raises(OutsideError, match="answered 401") as told:
        export_items(project, server.url, task="late", batch="no")
    assert "wrong-secret" not in f"{told.value} {told.value.fix}"
    assert "--batch no" in told.value.fix
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    with pytest.raises(UsageError, match="LABEL_STUDIO_API_KEY is not set"):
        pull(project, server, "no")


def test_personal_access_token_is_exchanged_for_a_short_one(
    project: Path, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.ask("POST", "/api/token/")["token"])
    assert export_items(project, server.url, task="late", batch="personal").items == 3
