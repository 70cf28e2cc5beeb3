"""Label Studio's files, without its server: each type of task goes out as predictions and comes back as annotations."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from mlops_kit.errors import BadDataError
from mlops_kit.labels.delivery.forms import form_of
from mlops_kit.labels.delivery.model import Delivery, OutBatch, OutItem
from mlops_kit.labels.delivery.studio_form import read_studio, studio_config, studio_tasks
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

TEXT = "😀 Ann flew to Oslo"
TASKS: dict[str, tuple[LabelTask, JsonValue]] = {
    "class": (LabelTask("class", classes=("late", 'say "on time" & go')), 'say "on time" & go'),
    "classes": (LabelTask("classes", classes=("a", "b"), shortcuts={"b": "z"}), ["b", "a"]),
    "number": (LabelTask("number", min=0, max=10), 2.5),
    "spans": (LabelTask("spans", classes=("place",), text="note"), [{"start": 14, "end": 18, "label": "place"}]),
    "boxes": (LabelTask("boxes", classes=("wing",), image="photo"),
              [{"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4, "label": "wing"}]),
    "json": (LabelTask("json"), {"a": [1, None]}),
}  # fmt: skip
COLUMNS = ("id", "note", "photo")


def _out(task: LabelTask, value: JsonValue) -> dict[str, object]:
    item = OutItem("x|1", "c1", {"id": 1, "note": TEXT, "photo": "data:,"}, value, 0.5)
    (made,) = studio_tasks(OutBatch("b", "t", "3", (item,)), COLUMNS, task)
    return made


def _back(task: LabelTask, made: dict[str, object], annotations: list[dict[str, object]]) -> Delivery:
    return read_studio(json.dumps([{**made, "annotations": annotations}]).encode(), task, name="b.json")


@pytest.mark.parametrize("kind", TASKS)
def test_prediction_that_an_annotator_accepts_comes_back_as_the_same_value(kind: str) -> None:
    task, value = TASKS[kind]
    made = _out(task, value)
    results = made["predictions"][0]["result"]  # type: ignore[index]
    annotation = {
        "completed_by": 7,
        "result": results,
        "updated_at": "2026-11-21T09:30:00.123456Z",
        "lead_time": 4.5,
    }
    back = _back(task, made, [annotation])
    (answer,) = back.answers
    assert (answer.value, answer.item, answer.content, answer.guideline, back.batch) == (
        value,
        "x|1",
        "c1",
        "3",
        "b",
    )
    assert (answer.annotator, answer.time, answer.seconds) == ("studio-7", "2026-11-21T09:30:00.123Z", 4.5)


@pytest.mark.parametrize("kind", TASKS)
def test_interface_is_xml_whose_names_are_in_the_data(kind: str) -> None:
    task, value = TASKS[kind]
    data = _out(task, value)["data"]
    config = ET.fromstring(studio_config(COLUMNS, task))
    names = {each.get("name") for each in config.iter()}
    shown = {str(each.get("value"))[1:] for each in config.iter() if str(each.get("value")).startswith("$")}
    assert {str(each.get("toName")) for each in config.iter() if each.get("toName")} <= names
    assert shown <= set(data)  # type: ignore[call-overload]


def test_skipped_task_cannot_tell_and_one_without_annotations_has_no_answer() -> None:
    task, value = TASKS["class"]
    made = _out(task, value)
    skipped = _back(
        task,
        made,
        [{"completed_by": {"id": 3, "email": "ann@example.org"}, "was_cancelled": True, "result": []}],
    )
    assert [(each.value, each.annotator) for each in skipped.answers] == [(None, "studio-3")]
    assert (_back(task, made, []).answers, _back(task, made, []).empty) == ((), 1)


def test_nothing_marked_is_an_answer_of_spans() -> None:
    task, value = TASKS["spans"]
    (answer,) = _back(task, _out(task, value), [{"completed_by": 1, "result": []}]).answers
    assert answer.value == []


def test_offsets_in_halves_of_surrogates_become_characters() -> None:
    task, value = TASKS["spans"]
    place = {
        "start": 15,
        "end": 19,
        "text": "Oslo",
        "labels": ["place"],
    }  # as JavaScript counts the first sign twice
    (answer,) = _back(
        task, _out(task, value), [{"completed_by": 1, "result": [{"from_name": "answer", "value": place}]}]
    ).answers
    assert answer.value == value


def test_what_no_answer_can_say_is_told_with_its_task() -> None:
    task, value = TASKS["boxes"]
    rotated = {"x": 1, "y": 1, "width": 1, "height": 1, "rotation": 30, "rectanglelabels": ["wing"]}
    bad = _back(
        task,
        _out(task, value),
        [{"id": 5, "completed_by": 1, "result": [{"from_name": "answer", "value": rotated}]}],
    ).bad
    foreign = read_studio(b'[{"id": 9, "data": {"text": "x"}, "annotations": []}]', task, name="b.json").bad
    assert [each.reason for each in bad] == ["annotation 5: a box is rotated, which answers cannot say"]
    assert "not exported by mlops-kit" in foreign[0].reason


def test_export_of_label_studio_is_known_by_its_content() -> None:
    assert form_of("x.json", None, b'[{"id": 1, "annotations": [], "data": {}}]') == "label-studio"
    assert form_of("x.json", None, b'[{"item": "1", "value": "late"}]') == "json"
    with pytest.raises(BadDataError, match="cut off"):
        read_studio(b'[{"id": 1, "annot', TASKS["class"][0], name="x.json")
