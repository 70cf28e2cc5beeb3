"""All events of a project against the rules, and what is decided about those that wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_kit.errors import UsageError
from mlops_kit.labels.events.model import event_line
from mlops_kit.project.labelling.check import check_labels
from mlops_kit.project.labelling.deciding import accept_held, reject_held
from mlops_kit.project.labelling.intake import take_batch
from mlops_kit.report import label_check
from tests.support.labelling import NOW, answer, labelling_project
from tests.support.world import run_kit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return labelling_project(tmp_path)


def _put(root: Path, text: str, batch: str = "b1") -> Path:
    path = root / f"labels/events/{batch}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def test_project_without_events_fits(root: Path) -> None:
    assert check_labels(root).fits


def test_events_that_count_fit_whatever_their_task(root: Path) -> None:
    take_batch(
        root, "b1", [answer(0), answer(0, ["crew"], task="why"), answer(1, 7.5, task="minutes")], now=NOW
    )
    found = check_labels(root)
    assert found.fits
    assert {task.task: task.counts["votes"] for task in found.tasks} == {
        "late": 1,
        "why": 1,
        "minutes": 1,
        "parts": 0,
    }


def test_what_came_round_the_door_is_told_and_does_not_fit(root: Path) -> None:
    _put(
        root, "".join(map(event_line, [answer(0), answer("i99"), answer(1, "maybe"), answer(2, task="gone")]))
    )
    found = check_labels(root)
    assert not found.fits
    assert found.left_out == {"unknown_task": 1, "unknown_item": 1, "outside_task": 1}


def test_broken_lines_are_named_by_file_and_line(root: Path) -> None:
    edited = event_line(answer(1)).replace('"late", "annotator"', '"on_time", "annotator"')
    _put(root, event_line(answer(0)) + edited + "[]\n" + event_line(answer(2)) + '{"id"')
    broken = check_labels(root).broken
    assert [(fault.file, fault.line, fault.rule) for fault in broken] == [
        ("labels/events/b1.jsonl", 2, "bad_id"),
        ("labels/events/b1.jsonl", 3, "not_json"),
        ("labels/events/b1.jsonl", 5, "torn_line"),
    ]


def test_mending_puts_the_torn_line_aside_and_keeps_its_text(root: Path) -> None:
    _put(root, event_line(answer(0)) + '{"id": "12"')
    _put(root, event_line(answer(1)).rstrip("\n"), "b2")
    found = check_labels(root, mend=True)
    assert (found.fits, found.mended) == (True, ("b1", "b2"))
    assert found.refused == {"b1": {"torn_line": 1}}
    assert (root / "labels/events/b2.jsonl").read_text().endswith("}\n")


def test_files_that_may_come_are_judged_and_nothing_is_taken(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "new answers.jsonl"
    path.write_text(event_line(answer(0)) + "\n{\n", newline="\n")
    found = check_labels(root, [path])
    assert (found.fits, found.arriving[0].accepted, found.arriving[0].refused) == (False, 1, {"not_json": 1})
    assert not (root / "labels/events").exists()


def test_accepting_held_events_moves_them_once(root: Path) -> None:
    take_batch(root, "b1", [answer("i99"), answer(0, content="old")], now=NOW)
    done = accept_held(root, "b1", ["changed_content"])
    assert (done.moved, done.left, done.idle) == ({"changed_content": 1}, 1, {})
    done = accept_held(root, "b1")
    assert done.idle == {"unknown_item": 1}
    assert len((root / "labels/events/b1.jsonl").read_text().splitlines()) == 2
    assert not (root / "labels/held/b1.jsonl").exists()
    with pytest.raises(UsageError, match="nothing of batch"):
        accept_held(root, "b1")


def test_accepting_goes_on_after_a_crash_between_the_two_files(root: Path) -> None:
    take_batch(root, "b1", [answer("i99")], now=NOW)
    held = (root / "labels/held/b1.jsonl").read_bytes()
    accept_held(root, "b1")
    (root / "labels/held/b1.jsonl").write_bytes(held)
    accept_held(root, "b1")
    assert len((root / "labels/events/b1.jsonl").read_text().splitlines()) == 1


def test_rejected_held_events_stay_readable_with_the_reason_and_do_not_come_back(root: Path) -> None:
    event = answer("i99")
    take_batch(root, "b1", [event], now=NOW)
    assert reject_held(root, "b1", "older export").left == 0
    entry = json.loads((root / "labels/refused/b1.jsonl").read_text())
    assert (entry["rule"], entry["event"]["id"]) == ("unknown_item", event.id)
    assert "older export" in entry["why"]
    assert take_batch(root, "b1", [event], now=NOW).have == 1


def test_text_and_json_say_what_was_found(root: Path) -> None:
    take_batch(root, "b1", [answer(0), answer("i\x1b[31m99")], now=NOW)
    found = check_labels(root)
    assert "late: 1 event, 1 vote on 1 item" in label_check.as_text(found)
    assert "mlops-kit label accept b1" in label_check.as_text(found)
    assert json.loads(label_check.as_json(found))["held"] == {"b1": {"unknown_item": 1}}


def test_command_ends_with_5_for_a_broken_line_and_says_how_to_mend_it(root: Path) -> None:
    _put(root, '{"id"')
    done = run_kit("label", "check", cwd=root, check=False)
    assert (done.returncode, "labels/events/b1.jsonl:1" in done.stdout) == (5, True)
    assert "label check --mend" in done.stdout
    assert run_kit("label", "check", "--mend", cwd=root).returncode == 0
