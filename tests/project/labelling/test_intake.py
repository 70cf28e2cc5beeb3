"""A batch that comes is judged by the rules, written once, and counted; nothing of it is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_kit.errors import SpecError, UsageError
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.project.labelling.intake import Intake, take_batch
from tests.support.labelling import NOW, answer, labelling_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return labelling_project(tmp_path)


def _take(root: Path, *events: object, batch: str = "b1", mode: str = "take") -> Intake:
    return take_batch(root, batch, list(events), mode=mode, now=NOW)  # type: ignore[arg-type]


def _bytes(root: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted((root / "labels").rglob("*.jsonl"))}


def test_what_fits_is_accepted_and_stands_in_the_file_of_its_batch(root: Path) -> None:
    taken = _take(root, answer(0), answer(1, "on_time"), answer(1, "late", "owl"))
    assert (taken.came, taken.accepted, taken.have) == (3, 3, 0)
    assert taken.written == ("labels/events/b1.jsonl",)
    lines = (root / "labels/events/b1.jsonl").read_text().splitlines()
    assert [json.loads(line)["batch"] for line in lines] == ["b1"] * 3


def test_same_batch_twice_changes_nothing(root: Path) -> None:
    events = [answer(0), answer("nowhere"), {"item": "i1"}, "{torn", answer(2, "maybe")]
    first = _take(root, *events)
    before = _bytes(root)
    second = _take(root, *events)
    assert _bytes(root) == before
    assert (first.accepted, first.held, first.refused) == (
        1,
        {"unknown_item": 1, "outside_task": 1},
        {"not_json": 1, "bad_field": 1},
    )
    assert (second.came, second.have, second.accepted, second.written) == (5, 5, 0, ())


CASES: list[tuple[str, str, object]] = [
    ("unknown_item", "held", answer("i99")),
    ("changed_content", "held", answer(content="0123456789abcdef")),
    ("wrong_type", "refused", answer(value=3)),
    ("outside_task", "held", answer(value="maybe")),
    ("future_clock", "held", answer(time="2026-01-17T08:00:00Z")),
    ("bad_time", "refused", answer(time="2026-01-15 08:00")),
    ("unknown_task", "held", answer(task="new")),
    ("unlisted", "told", answer(annotator="yak")),
    ("inactive", "held", answer(annotator="crow")),
    ("other_tasks", "held", answer(annotator="bee")),
    ("abstained", "told", answer(value=None)),
    ("supersedes_unknown", "told", answer(supersedes="0" * 20)),
    ("bad_field", "refused", {**json.loads(event_line(answer())), "mood": "good"}),
    ("bad_field", "refused", {**json.loads(event_line(answer())), "item": 7}),
    ("bad_field", "refused", {**json.loads(event_line(answer())), "confidence": 1.5}),
    ("bad_id", "refused", {**json.loads(event_line(answer())), "value": "on_time"}),
    ("not_json", "refused", '{"item": "i1", "item": "i2"}'),
    ("not_json", "refused", b'{"item": "\xff"}'),
    ("not_json", "refused", '{"seconds": NaN}'),
]


@pytest.mark.parametrize(("rule", "place", "came"), CASES)
def test_rule_decides_and_nothing_is_lost(root: Path, rule: str, place: str, came: object) -> None:
    taken = _take(root, came)
    assert getattr(taken, place) == {rule: 1}
    assert taken.accepted == (place == "told")
    folder = "events" if place == "told" else place
    assert [path.parent.name for path in (root / "labels").rglob("*.jsonl")] == [folder]
    assert taken.examples[0].why


def test_closed_roster_holds_who_is_not_listed(root: Path) -> None:
    path = root / "labels/labels.yaml"
    path.write_text(path.read_text() + "roster: closed\n")
    assert _take(root, answer(annotator="yak")).held == {"not_in_roster": 1}


def test_supersession_that_contradicts_itself_is_held(root: Path) -> None:
    first = answer(0)
    _take(root, first)
    taken = _take(
        root,
        answer(1, supersedes=first.id),
        answer(0, "on_time", "owl", supersedes=first.id),
        answer(0, "on_time", "owl", supersedes=first.id, role="adjudication"),
        answer(0, "on_time", supersedes=first.id),
        batch="b2",
    )
    assert taken.held == {"supersedes_other_item": 1, "supersedes_other_annotator": 1}
    assert taken.accepted == 2
    assert taken.told == {"two_successors": 2}


def test_second_answer_counts_as_repeated_or_changed(root: Path) -> None:
    taken = _take(root, answer(0), answer(0, seconds=3.0), answer(1), answer(1, "on_time", seconds=1.0))
    assert taken.told == {"repeated_vote": 1, "changed_vote": 1}
    assert _take(root, answer(0, "on_time", seconds=9), batch="b2").told == {"changed_vote": 1}


def test_event_that_comes_twice_at_once_is_taken_once(root: Path) -> None:
    event = answer(0)
    taken = _take(root, event, replace(event, batch="other"), event_line(event))
    assert (taken.accepted, taken.have) == (1, 2)


def test_trying_writes_nothing_and_tells_the_same(root: Path) -> None:
    events = [answer(0), answer("i99"), "{"]
    tried = _take(root, *events, mode="try")
    assert _bytes(root) == {}
    assert replace(_take(root, *events), written=()) == tried


def test_rejected_batch_lies_beside_the_truth_and_may_be_taken_later(root: Path) -> None:
    events = [answer(0), answer(1)]
    rejected = take_batch(root, "b1", events, mode="reject", reason="gold 0.4", now=NOW)
    assert rejected.refused == {"rejected": 2}
    assert "gold 0.4" in (root / "labels/refused/b1.jsonl").read_text()
    assert take_batch(root, "b1", events, mode="reject", reason="gold 0.4", now=NOW).have == 2
    assert _take(root, *events).accepted == 2
    assert _take(root, *events).have == 2


def test_items_without_their_table_are_told_not_judged(root: Path) -> None:
    (root / "data/clean.parquet").unlink()
    taken = _take(root, answer("i99"))
    assert taken.accepted == 1
    assert "not looked up" in taken.notes[0]


def test_torn_last_line_is_put_aside_before_the_batch_grows(root: Path) -> None:
    _take(root, answer(0))
    path = root / "labels/events/b1.jsonl"
    path.write_text(path.read_text() + '{"id": "12', newline="\n")
    assert _take(root, answer(1)).accepted == 1
    assert len(path.read_text().splitlines()) == 2
    assert '{\\"id\\": \\"12' in (root / "labels/refused/b1.jsonl").read_text()


@pytest.mark.parametrize("name", ["", "../x", "a b", ".x", "x" * 200, "a."])
def test_batch_needs_a_name_that_every_system_takes(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name of a batch"):
        take_batch(root, name, [LabelEvent("i1", "late", "late", "fox", "2026-01-15T07:00:00Z")])


def test_free_answers_are_held_against_their_schema_and_nothing_is_fetched(root: Path) -> None:
    path = root / "labels/labels.yaml"
    task = "  free: {type: json, json_schema: labels/free.json}\n  far: {type: json, json_schema: labels/far.json}\n"
    path.write_text(path.read_text().replace("annotators:", f"{task}annotators:"))
    (root / "labels/free.json").write_text('{"type": "object", "required": ["cause"]}')
    (root / "labels/far.json").write_text('{"$ref": "http://127.0.0.1:9/none.json"}')
    taken = _take(
        root,
        answer(0, {"cause": "fog"}, task="free"),
        answer(1, {"why": 1}, task="free"),
        answer(2, 1, task="far"),
    )
    assert (taken.accepted, taken.held) == (1, {"outside_task": 2})
    assert "`required`" in taken.examples[0].why
    (root / "labels/free.json").write_text('{"type": 3}')
    with pytest.raises(SpecError, match="labels/free.json"):
        _take(root, answer(3, {}, task="free"))
