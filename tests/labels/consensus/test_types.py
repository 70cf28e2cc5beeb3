"""What votes come to for each type of question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.errors import SpecError
from mlops_kit.labels.consensus.boxes import overlap
from mlops_kit.labels.consensus.deciding import decide
from mlops_kit.labels.consensus.model import ConsensusOptions, Method
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask
from tests.support.votes import Vote, event_files

SETS = LabelTask("classes", classes=("rain", "wind", "fog"))
NUMBER = LabelTask("number", min=0, max=100)
SPANS = LabelTask("spans", classes=("who", "what"), text="text")
BOXES = LabelTask("boxes", classes=("plane",), image="image")
FREE = LabelTask("json", json_schema="answer.json")
TRUST = {"a": Annotator(trust=3.0), "z": Annotator(trust=0.0)}


def _decide(
    folder: Path, task: LabelTask, answers: dict[str, Any], method: Method = "majority"
) -> dict[str, Any]:
    """Return what is decided of one item that each annotator answers."""
    votes: list[Vote] = [("i", who, value) for who, value in answers.items()]
    return _decide_all(folder, task, votes, method)["i"]


def _decide_all(
    folder: Path, task: LabelTask, votes: list[Vote], method: Method = "majority"
) -> dict[str, Any]:
    with open_duck() as duck:
        given = counted_votes(duck, event_files(folder, votes), "late", Labelling(1, {"late": task}, TRUST))
        made = decide(given, task, ConsensusOptions(method))
        rows = duck.run(f"SELECT * FROM {made.table}")
        names = [column[0] for column in rows.description or ()]
        found = {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}
    for row in found.values():
        row["value"] = None if row["value"] is None else json.loads(row["value"])
    return found


def _span(start: int, end: int, label: str = "who") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def _box(x: float, y: float, size: float = 0.2) -> dict[str, Any]:
    return {"x": x, "y": y, "width": size, "height": size, "label": "plane"}


def test_classes_belong_that_more_than_half_name(tmp_path: Path) -> None:
    found = _decide(tmp_path, SETS, {"a": ["wind", "rain"], "b": ["rain"], "c": ["rain", "fog"]})
    assert found["value"] == ["rain"]
    assert found["probability"] == pytest.approx(4 / 9)
    assert found["disagreement"] == pytest.approx(2 * 0.9182958 / 3)


def test_classes_by_trust_and_by_the_newest(tmp_path: Path) -> None:
    answers = {"a": ["wind", "rain"], "b": [], "c": ["fog"]}
    assert _decide(tmp_path, SETS, answers, "weighted")["value"] == ["rain", "wind"]
    assert _decide(tmp_path, SETS, answers, "latest")["value"] == ["fog"]


def test_classes_by_dawid_and_skene_follow_who_is_right(tmp_path: Path) -> None:
    votes: list[Vote] = [
        (f"i{n}", who, ["rain"] if (n % 2 == 0) == (who != "c") else []) for n in range(9) for who in "abc"
    ]
    found = _decide_all(tmp_path, SETS, votes, "dawid_skene")
    assert [found[f"i{n}"]["value"] for n in range(4)] == [["rain"], [], ["rain"], []]


def test_nobody_naming_a_class_is_the_empty_list(tmp_path: Path) -> None:
    found = _decide(tmp_path, SETS, {"a": [], "b": []})
    assert (found["value"], found["probability"], found["disagreement"]) == ([], 1.0, 0.0)


@pytest.mark.parametrize(("method", "value"), [("majority", 15.0), ("weighted", 14.0), ("latest", 30.0)])
def test_numbers_come_to_median_weighted_mean_or_newest(tmp_path: Path, method: Method, value: float) -> None:
    found = _decide(
        tmp_path,
        NUMBER,
        {"a": 8.666666666666666, "b": 15, "z": 50, "c": 30} if method != "majority" else {"a": 10, "b": 20},
        method,
    )
    assert found["value"] == pytest.approx(value, abs=0.2)
    assert found["probability"] is None


def test_numbers_disagree_by_their_distance_as_a_share_of_the_range(tmp_path: Path) -> None:
    assert _decide(tmp_path, NUMBER, {"a": 40, "b": 60})["disagreement"] == pytest.approx(0.1)
    assert _decide(tmp_path, NUMBER, {"a": 40})["disagreement"] == 0.0


def test_characters_that_more_than_half_mark_make_the_spans(tmp_path: Path) -> None:
    found = _decide(
        tmp_path, SPANS, {"a": [_span(0, 10)], "b": [_span(2, 12)], "c": [_span(4, 6), _span(20, 30, "what")]}
    )
    assert found["value"] == [_span(2, 10)]
    assert found["probability"] == pytest.approx((2 * 3 + 6 * 2) / (8 * 3))
    assert 0 < found["disagreement"] < 1


def test_spans_of_one_annotator_that_overlap_count_once(tmp_path: Path) -> None:
    found = _decide(tmp_path, SPANS, {"a": [_span(0, 5), _span(3, 8)], "b": [], "c": []})
    assert found["value"] == []
    assert found["probability"] == pytest.approx(2 / 3)


def test_equal_spans_stay_as_they_are(tmp_path: Path) -> None:
    found = _decide(tmp_path, SPANS, {"a": [_span(0, 5), _span(5, 8)], "b": [_span(0, 5), _span(5, 8)]})
    assert (found["value"], found["disagreement"]) == ([_span(0, 5), _span(5, 8)], 0.0)


def test_span_of_a_billion_characters_costs_nothing(tmp_path: Path) -> None:
    found = _decide(tmp_path, SPANS, {"a": [_span(0, 10**9)], "b": [_span(0, 10**9 + 1)], "c": []})
    assert found["value"] == [_span(0, 10**9)]


def test_boxes_that_overlap_are_one_thing(tmp_path: Path) -> None:
    found = _decide(
        tmp_path,
        BOXES,
        {"a": [_box(0.1, 0.1), _box(0.7, 0.7)], "b": [_box(0.12, 0.1)], "c": [_box(0.14, 0.1)]},
    )
    assert found["value"] == [_box(0.12, 0.1)]
    assert found["probability"] == 1.0
    assert found["disagreement"] == pytest.approx(0.9182958 / 2)


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 2, 1), (1, 0, 2, 1)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (2, 2, 1, 1)) == 0


def test_free_answers_are_equal_whatever_the_order_of_their_keys(tmp_path: Path) -> None:
    found = _decide(tmp_path, FREE, {"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}, "c": {"x": 2}})
    assert (found["value"], found["votes"]) == ({"x": 1, "y": 2}, 3)
    assert found["probability"] == pytest.approx(2 / 3)


def test_votes_without_any_trust_decide_nothing(tmp_path: Path) -> None:
    for task, value in ((SETS, ["fog"]), (NUMBER, 1), (SPANS, [_span(0, 1)]), (BOXES, [_box(0, 0)])):
        found = _decide(tmp_path, task, {"z": value}, "weighted")
        assert (found["value"], found["provenance"]) == (None, "undecided")


def test_adjudicated_answer_stands_whatever_the_type(tmp_path: Path) -> None:
    cases = (
        (SETS, ["fog"], []),
        (NUMBER, 5, 70),
        (SPANS, [_span(0, 3)], []),
        (BOXES, [], [_box(0, 0)]),
        (FREE, {"x": 1}, 2),
    )
    for task, right, wrong in cases:
        votes: list[Vote] = [("i", who, wrong) for who in "abc"]
        votes.append(("i", "judge", right, {"role": "adjudication"}))
        found = _decide_all(tmp_path, task, votes)["i"]
        assert (found["value"], found["provenance"], found["votes"]) == (right, "adjudicated", 3)


def test_estimator_does_not_fit_numbers(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not fit"):
        _decide(tmp_path, NUMBER, {"a": 1}, "dawid_skene")
