"""The test of a delivery: each thing that it looks at, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_kit.labels.delivery.acceptance import Check, Evidence, is_accepted, judge
from mlops_kit.labels.delivery.sameness import agrees
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Acceptance, LabelTask

TASK = LabelTask("class", classes=("late", "on_time"), acceptance=Acceptance(min_gold_items=4))
ITEMS = [str(at) for at in range(40)]


def _answer(item: str, annotator: str, value: JsonValue, seconds: float | None = None) -> LabelEvent:
    return LabelEvent(item, "late", value, annotator, "2026-11-21T09:30:00.000Z", seconds=seconds)


def _true(item: str) -> str:
    return "late" if int(item) % 3 else "on_time"


def _honest(annotator: str = "a1") -> list[LabelEvent]:
    return [_answer(item, annotator, _true(item), 3.0 + int(item) / 7) for item in ITEMS]


def _checks(
    answers: list[LabelEvent],
    acceptance: Acceptance = TASK.acceptance,
    earlier: tuple[LabelEvent, ...] = (),
    balance: dict[str, int] | None = None,
) -> dict[str, Check]:
    gold: dict[str, JsonValue] = {item: _true(item) for item in ITEMS[:6]}
    found = judge(
        replace(TASK, acceptance=acceptance), Evidence(answers, ITEMS, gold, earlier, balance or {})
    )
    return {check.name: check for check in found}


def test_honest_delivery_is_accepted_with_its_intervals() -> None:
    found = _checks(_honest())
    assert is_accepted(tuple(found.values()))
    gold = found["gold"]
    assert (gold.verdict, gold.value, gold.count) == ("pass", 1.0, 6)
    assert gold.low == pytest.approx(0.6097, abs=1e-4)  # Wilson, 6 of 6


def test_delivery_with_wrong_answers_to_gold_questions_fails() -> None:
    wrong = [replace(each, value="late" if each.value == "on_time" else "on_time") for each in _honest()]
    assert _checks(wrong)["gold"].verdict == "fail"


def test_gold_with_too_few_questions_cannot_be_judged_and_does_not_reject() -> None:
    found = _checks(_honest(), Acceptance(min_gold_items=7))
    assert found["gold"].verdict == "unknown"
    assert is_accepted(tuple(found.values()))


def test_incomplete_delivery_fails_and_cannot_tell_is_no_answer() -> None:
    answers = [*_honest()[:37], *(replace(each, value=None) for each in _honest()[37:])]
    found = _checks(answers)
    assert (found["complete"].verdict, found["complete"].value) == ("fail", 37 / 40)
    assert found["cannot tell"].count == 40


def test_agreement_is_judged_within_the_delivery_and_with_earlier_votes() -> None:
    bound = Acceptance(min_agreement=0.5)
    opposite = [
        replace(each, annotator="a2", value="late" if each.value == "on_time" else "on_time")
        for each in _honest()
    ]
    within = _checks([*_honest(), *opposite], bound)
    assert (within["agreement within"].verdict, within["agreement with earlier votes"].verdict) == (
        "fail",
        "unknown",
    )
    assert _checks(_honest(), bound, tuple(opposite))["agreement with earlier votes"].verdict == "fail"
    assert _checks(_honest(), bound, tuple(_honest("a2")))["agreement with earlier votes"].value == 1.0


def test_hasty_answers_fail_and_without_times_cannot_be_judged() -> None:
    bound = Acceptance(min_seconds=4.0)
    assert _checks(_honest(), bound)["hasty"].verdict == "fail"
    assert _checks([replace(each, seconds=None) for each in _honest()], bound)["hasty"].verdict == "unknown"
    assert _checks(_honest(), replace(bound, max_hasty=0.5))["hasty"].verdict == "pass"


def test_one_answer_for_all_fails_where_others_make_that_no_accident() -> None:
    same = [replace(each, value="late", annotator="a2") for each in _honest()]
    assert _checks([*_honest(), *same])["one answer"].verdict == "fail"
    assert _checks(same)["one answer"].verdict == "told"
    assert _checks(same, balance={'"late"': 30, '"on_time"': 70})["one answer"].verdict == "fail"
    assert _checks(same, balance={'"late"': 99, '"on_time"': 1})["one answer"].verdict == "told"
    assert "one answer" not in _checks(_honest())


def test_answers_copied_with_their_times_fail() -> None:
    assert _checks([*_honest(), *_honest("a2")])["copied"].verdict == "fail"
    own = [replace(each, seconds=(each.seconds or 0) + 1) for each in _honest("a2")]
    assert "copied" not in _checks([*_honest(), *own])


def test_duplicate_answers_are_told_and_the_newest_counts() -> None:
    later = replace(_honest()[0], value="late", time="2026-11-21T10:00:00.000Z")
    found = _checks([*_honest(), later, _honest()[1]])
    assert (found["duplicates"].count, found["duplicates"].value) == (2, 1.0)
    assert found["gold"].value == 5 / 6


def test_order_of_answers_does_not_count() -> None:
    answers = [*_honest(), *_honest("a2")]
    assert _checks(answers) == _checks(answers[::-1])


BOX = {"x": 0.1, "y": 0.1, "width": 0.4, "height": 0.4, "label": "late"}


@pytest.mark.parametrize(
    ("task", "answer", "truth", "right"),
    [
        (LabelTask("classes"), ["b", "a"], ["a", "b"], True),
        (LabelTask("number", acceptance=Acceptance(tolerance=1)), 9, 10.0, True),
        (LabelTask("number", acceptance=Acceptance(tolerance=1)), 8.9, 10, False),
        (
            LabelTask("spans"),
            [{"start": 0, "end": 6, "label": "x"}],
            [{"start": 0, "end": 10, "label": "x"}],
            True,
        ),
        (
            LabelTask("spans"),
            [{"start": 0, "end": 4, "label": "x"}],
            [{"start": 0, "end": 10, "label": "x"}],
            False,
        ),
        (LabelTask("spans"), [], [], True),
        (LabelTask("boxes"), [BOX], [{**BOX, "x": 0.15}], True),
        (LabelTask("boxes"), [BOX], [{**BOX, "label": "other"}], False),
        (LabelTask("boxes"), [BOX, BOX], [BOX], False),
        (LabelTask("json"), {"b": 1, "a": 2.0}, {"a": 2, "b": 1}, True),
        (LabelTask("class"), None, "late", False),
    ],
)
def test_answer_is_right_by_the_type_of_its_task(
    task: LabelTask, answer: JsonValue, truth: JsonValue, right: bool
) -> None:
    assert agrees(task, answer, truth) is right
