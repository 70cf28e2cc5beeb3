"""Items go out and answers come back, in a real project."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.cli.edge import run_guarded
from mlops_kit.errors import BadDataError, RefusedError, UsageError
from mlops_kit.labels.delivery.manifest import open_exports, read_manifest
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.project.labelling.export import export_items
from mlops_kit.project.labelling.import_ import Options, import_answers
from tests.support.world import git

FILES = {
    "mlops.yaml": "version: 1\nproject: {name: tiny}\ntask: {kind: classification, target: late, key: [id]}\nsteps: {}\n",
    "schema.yaml": "columns:\n  id: {type: integer}\n  note: {type: string}\n  name: {type: string, pii: true}\n",
    "labels/labels.yaml": """\
version: 1
tasks:
  late:
    type: class
    classes: [late, on_time]
    where: id < 30
    acceptance: {min_gold_items: 3, min_complete: 0.9}
    queue: {gold: 0.2}
annotators:
  agency: {source: vendor}
""",
    "labels/guidelines.md": "# How\n\nVersion 3.\n",
    "dvc.yaml": "{}\n",
    ".gitignore": "/data\n/labels/people.yaml\n",
}
NOW = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "data").mkdir()
    rows = {
        "id": list(range(40)),
        "note": ["=1+1", "ä", *"n" * 38],
        "name": [f"Person {at}" for at in range(40)],
    }
    pq.write_table(pa.table(rows), root / "data/clean.parquet")
    git(root, "init", "-q")
    git(root, "add", "-A")
    return root


def _true(item: str) -> str:
    return "late" if int(item) % 2 else "on_time"


def gold(root: Path, items: range) -> None:
    events = [
        LabelEvent(
            str(at), "late", _true(str(at)), "boss", "2026-11-01T00:00:00.000Z", role="gold", batch="gold"
        )
        for at in items
    ]
    (root / "labels/events").mkdir(parents=True, exist_ok=True)
    (root / "labels/events/gold.jsonl").write_text("".join(map(event_line, events)), encoding="utf-8")


def out(root: Path, name: str = "todo.csv", batch: str = "b1", **more: object) -> Path:
    export_items(root, root / name, batch=batch, now=NOW, **more)  # type: ignore[arg-type]
    return root / name


def fill(path: Path, to: str, answer: Callable[[str], str], **cells: str) -> Path:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    for row in rows:
        row.update(value=answer(row["item"]), **cells)
    with path.with_name(to).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path.with_name(to)


def events(root: Path, batch: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (root / f"labels/events/{batch}.jsonl").read_text().splitlines()]


def test_export_hides_persons_and_formulas_and_records_what_went_out(project: Path) -> None:
    done = export_items(project, project / "todo.csv", batch="b1", budget=10, now=NOW)
    text = (project / "todo.csv").read_text(encoding="utf-8")
    manifest = read_manifest(project, "b1")
    assert manifest is not None
    assert manifest.exported is not None
    assert (done.items, done.hidden, done.guideline) == (10, ("name",), "3")
    assert "Person" not in text
    assert ",'=1+1," in text
    assert (len(manifest.items), manifest.exported["guideline"]) == (10, "3")


def test_export_again_changes_nothing_and_what_is_out_stays_out(project: Path) -> None:
    first = out(project, budget=10).read_bytes()
    assert not export_items(project, project / "todo.csv", batch="b1", now=NOW).changed
    assert first == (project / "todo.csv").read_bytes()
    second = export_items(project, project / "more.csv", batch="b2", now=NOW)
    assert (second.items, second.waiting) == (20, 10)
    with pytest.raises(UsageError, match="30 items of late are in exports"):
        export_items(project, project / "none.csv", now=NOW)


def test_export_never_writes_over_another_file_or_batch(project: Path) -> None:
    (project / "todo.csv").write_text("mine")
    with pytest.raises(RefusedError, match="holds something else"):
        out(project)
    assert (project / "todo.csv").read_text() == "mine"


def test_gold_questions_are_among_the_items_and_nothing_in_the_file_says_which(project: Path) -> None:
    gold(project, range(30, 40))  # not items of the task: `where` leaves them out
    assert export_items(project, project / "a.csv", budget=5, now=NOW).gold == 0
    gold(project, range(10))
    done = export_items(project, project / "b.json", budget=10, now=NOW)
    items = json.loads((project / "b.json").read_text(encoding="utf-8"))["items"]
    assert (done.gold, len(items)) == (2, 10)
    assert {tuple(each) for each in items} == {("item", "content", "data", "answers")}
    assert sum(int(each["item"]) < 10 for each in items) == 2


def test_queue_says_which_items_go_out_in_which_order_and_what_the_model_thinks(project: Path) -> None:
    (project / "labels/queue").mkdir()
    lines = [
        {
            "item": "7",
            "content": "x",
            "strategy": "random",
            "prelabel": {"value": "late", "probability": 0.75},
        },
        {"item": "99", "content": "x", "strategy": "random"},
        {"item": "3", "content": "x", "strategy": "random"},
    ]
    (project / "labels/queue/late.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = export_items(project, project / "todo.csv", now=NOW)
    rows = list(csv.DictReader(io.StringIO((project / "todo.csv").read_text(encoding="utf-8-sig"))))
    assert [(row["item"], row["suggestion"], row["probability"]) for row in rows] == [
        ("7", "late", "0.75"),
        ("3", "", ""),
    ]
    assert (done.gone, done.suggested) == (1, 1)


def test_answers_come_back_once_however_often_they_are_imported(project: Path) -> None:
    back = fill(out(project), "done.csv", _true, annotator="a1", seconds="4")
    first = import_answers(project, back, now=NOW)
    before = {path: path.read_bytes() for path in (project / "labels").rglob("*") if path.is_file()}
    second = import_answers(project, back, now=NOW + dt.timedelta(days=1))
    after = {path: path.read_bytes() for path in (project / "labels").rglob("*") if path.is_file()}
    assert (first.verdict, first.taken.accepted, first.again) == ("accepted", 30, False)
    assert (second.verdict, second.taken.accepted, second.taken.have, second.again) == (
        "accepted",
        0,
        30,
        True,
    )
    assert before == after
    assert open_exports(project, "late") == ()  # the delivery has another name than the export
    told = events(project, first.batch)[0]
    assert (told["guideline"], told["seconds"], told["value"]) == ("3", 4.0, "on_time")
    assert told["content"] == read_manifest(project, "b1").items["0"]  # type: ignore[union-attr]


def test_answers_without_a_time_in_a_longer_file_are_not_new_answers(project: Path) -> None:
    todo = out(project)
    import_answers(
        project,
        fill(todo, "half.csv", lambda item: _true(item) if int(item) < 28 else "", annotator="a1"),
        now=NOW,
    )
    whole = import_answers(
        project, fill(todo, "all.csv", _true, annotator="a1"), now=NOW + dt.timedelta(hours=1)
    )
    assert (
        len(
            {
                str(told["id"])
                for path in (project / "labels/events").iterdir()
                for told in events(project, path.stem)
            }
        )
        == 30
    )
    assert whole.taken.came == 30


def test_rejected_delivery_stays_outside_with_its_reason_until_it_is_forced(project: Path) -> None:
    gold(project, range(10))
    todo = out(project)
    bad = fill(
        todo, "bad.csv", lambda item: "late" if _true(item) == "on_time" else "on_time", annotator="agency"
    )
    rejected = import_answers(project, bad, Options(batch="b1-agency"), now=NOW)
    manifest = read_manifest(project, "b1-agency")
    assert rejected.verdict == "rejected"
    assert manifest is not None
    assert manifest.deliveries[0]["verdict"] == "rejected"
    assert "gold" in manifest.deliveries[0]["checks"][0]["name"]
    assert not (project / "labels/events/b1-agency.jsonl").exists()
    assert (project / "labels/refused/b1-agency.jsonl").exists()
    assert import_answers(project, bad, Options(batch="b1-agency"), now=NOW).again
    forced = import_answers(project, bad, Options(batch="b1-agency", force="gold was wrong"), now=NOW)
    manifest = read_manifest(project, "b1-agency")
    assert (forced.verdict, forced.taken.accepted) == ("forced", forced.taken.came)
    assert manifest is not None
    assert (manifest.deliveries[0]["verdict"], manifest.deliveries[0]["reason"]) == (
        "forced",
        "gold was wrong",
    )


def test_names_of_persons_become_pseudonyms_that_git_never_sees(project: Path) -> None:
    back = fill(out(project), "done.csv", _true, annotator="Ann.Other@example.org")
    done = import_answers(project, back, Options(source="vendor"), now=NOW)
    (pseudonym,) = done.annotators
    assert pseudonym.startswith("vendor-")
    assert "Ann" not in git(project, "status", "--porcelain", "-uall").replace("todo.csv", "")
    texts = [
        path.read_text()
        for path in (project / "labels").rglob("*")
        if path.is_file() and path.name != "people.yaml"
    ]
    assert not any("Ann" in text or "example.org" in text for text in texts)
    again = import_answers(project, back, Options(batch="other", source="vendor"), now=NOW)
    assert again.annotators == {pseudonym: 30}


def test_names_of_persons_are_refused_where_git_would_take_them(project: Path) -> None:
    (project / ".gitignore").write_text("/data\n")
    back = fill(out(project), "done.csv", _true, annotator="Ann Other")
    with pytest.raises(RefusedError, match="does not ignore"):
        import_answers(project, back, now=NOW)


def test_answers_of_nobody_are_no_answers(project: Path) -> None:
    back = fill(out(project), "done.csv", _true)
    with pytest.raises(UsageError, match="30 answers do not say who gave them, the first at line 2"):
        import_answers(project, back, now=NOW)
    assert import_answers(project, back, Options(annotator="a1", dry_run=True), now=NOW).verdict == "accepted"
    assert not (project / "labels/events").exists()


def test_command_line_takes_a_delivery_and_says_so_with_its_exit_code(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ["--repo", str(project), "--json"]
    assert run_guarded(["label", "export", "--to", str(project / "t.json"), "--batch", "b1", *here]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == 30
    gold(project, range(10))
    flat = [{"item": str(at), "value": "late", "annotator": "agency", "batch": "b1"} for at in range(30)]
    (project / "back.json").write_text(json.dumps(flat))
    assert run_guarded(["label", "import", str(project / "back.json"), *here]) == 5
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["answers"]) == ("rejected", "b1")
    assert run_guarded(["label", "import", str(project / "back.json"), "--force-accept", "ok", *here]) == 0


def test_queued_item_that_has_answers_goes_out_again_only_where_its_strategy_asks_for_that(
    project: Path,
) -> None:
    answers = [
        LabelEvent(str(at), "late", "late", "a1", "2026-11-01T00:00:00.000Z", batch="old") for at in range(4)
    ]
    (project / "labels/events").mkdir()
    (project / "labels/events/old.jsonl").write_text("".join(map(event_line, answers)))
    (project / "labels/queue").mkdir()
    strategies = ["random", "review", "uncertain", "mislabelled", "random"]
    lines = [
        {"item": str(at), "content": "x", "strategy": strategy} for at, strategy in enumerate(strategies)
    ]
    (project / "labels/queue/late.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    manifest = out(project) and read_manifest(project, "b1")
    assert manifest is not None
    assert list(manifest.items) == ["1", "3", "4"]


def test_bad_answers_go_by_the_rules_for_events_with_counts_and_nothing_is_lost(project: Path) -> None:
    (project / "labels/labels.yaml").write_text(
        FILES["labels/labels.yaml"] + "  gone: {active: false}\nroster: closed\n"
    )
    todo = out(project, batch="b1")
    back = fill(todo, "done.csv", _true, annotator="agency")
    lines = back.read_text().splitlines()
    lines[1:6] = [lines[at].replace(before, after) for at, (before, after) in enumerate(
        [("b1,0,", "b1,77,"), ("late,agency", "sooner,agency"), (",agency", ",stranger"), (",agency", ",gone"), ("agency,", "agency,2999-01-01")], 1)]  # fmt: skip
    back.write_text(
        "\n".join([*lines, lines[7], lines[8].replace("late", "on_time"), "b1,9,cut", '"b1,3']) + "\n"
    )
    changed = pq.read_table(project / "data/clean.parquet").to_pylist()
    changed[29]["note"] = "other"
    pq.write_table(pa.Table.from_pylist(changed), project / "data/clean.parquet")
    done = import_answers(project, back, Options(force="look at the rules"), now=NOW)
    taken = done.taken
    held = ("unknown_item", "changed_content", "outside_task", "future_clock", "not_in_roster", "inactive")
    assert dict(taken.held) == dict.fromkeys(held, 1)
    assert (dict(taken.refused), taken.have) == ({"bad_field": 2}, 1)
    kept = [
        line
        for folder in ("events", "held", "refused")
        for line in (project / f"labels/{folder}/{done.batch}.jsonl").read_text().splitlines()
    ]
    assert len(kept) + taken.have == taken.came + len(done.bad) == 34


def test_folder_gets_the_files_of_its_form_and_the_guidelines_without_their_front_matter(
    project: Path,
) -> None:
    (project / "labels/guidelines.md").write_text("---\nreview: []\n---\n# How\n\nVersion 3.\n")
    (project / "outbox").mkdir()
    out(project, "outbox", form="label-studio")
    assert {path.name for path in (project / "outbox").iterdir()} == {"b1.json", "b1.xml", "guidelines.md"}
    assert (project / "outbox/guidelines.md").read_text() == "# How\n\nVersion 3.\n"
    (first, *_) = json.loads((project / "outbox/b1.json").read_text(encoding="utf-8"))
    assert set(first["data"]) == {"row", "mlops_kit"}
    assert set(first["data"]["row"]) == {"id", "note"}


def test_several_people_may_answer_one_export_in_deliveries_of_their_own(project: Path) -> None:
    todo = out(project)
    first = import_answers(project, fill(todo, "fox.csv", _true), Options(annotator="fox"), now=NOW)
    second = import_answers(
        project, fill(todo, "owl.csv", _true, reason="sure"), Options(annotator="owl"), now=NOW
    )
    assert first.batch != second.batch
    assert (first.answers, second.answers) == ("b1", "b1")
    found = {check.name: check for check in second.checks}["agreement with earlier votes"]
    assert (found.value, found.count) == (1.0, 30)


@pytest.mark.parametrize("name", ["../up", "con", "a b", "x.", "", "é"])
def test_batch_whose_name_is_no_file_everywhere_is_refused(project: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a batch"):
        out(project, batch=name or " ")
    assert not (project / "labels/batches").exists()


def test_damaged_manifest_is_told_with_its_file(project: Path) -> None:
    back = fill(out(project), "done.csv", _true, annotator="a1")
    (project / "labels/batches/b1.json").write_text('{"batch": "b1", "task"')
    with pytest.raises(BadDataError, match="b1.json: no manifest of a batch"):
        import_answers(project, back, now=NOW)
