"""Cells of spreadsheets: what goes out comes back, and nothing runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.labels.delivery.cells import answer_cell, guard, read_answer, unguard, utc_time
from mlops_kit.spec.labels import LabelTask

CLASSES = LabelTask("class", classes=("late", "on time", "Late?"))


@given(st.text())
def test_guarded_text_comes_back_and_never_starts_like_a_formula(text: str) -> None:
    cell = guard(text)
    assert unguard(cell) == text
    assert cell == text or cell.startswith("'")


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\tx", "＝1"])
def test_formulas_are_guarded(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+1.5", "1e-3", "late", "", "a=b"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert guard(text) == text


@given(st.lists(st.sampled_from(["a", "b;c", "=d", "?"]), unique=True))
def test_several_classes_come_back_from_their_cell(value: list[str]) -> None:
    task = LabelTask("classes", classes=("a", "b;c", "=d", "?"))
    assert read_answer(answer_cell(list(value), task), task) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [("late", "late"), (" LATE ", "late"), ("?", None), ("later", "later"), ("On Time", "on time")],
)
def test_class_is_read_whatever_its_case_and_what_is_none_stays(cell: str, value: str | None) -> None:
    assert read_answer(cell, CLASSES) == value


@pytest.mark.parametrize(
    ("cell", "value"), [("10.0", 10), ("-2.5", -2.5), ("1e999", "1e999"), ("nan", "nan"), ("x", "x")]
)
def test_number_is_read_and_what_is_none_stays_a_text(cell: str, value: object) -> None:
    assert read_answer(cell, LabelTask("number")) == value


def test_time_becomes_utc_in_milliseconds() -> None:
    assert utc_time("2026-11-21 10:30:00.5+01:00") == "2026-11-21T09:30:00.500Z"
    assert utc_time("2026-11-21T09:30:00Z") == "2026-11-21T09:30:00.000Z"
    assert utc_time("yesterday") is None


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSONS) | st.lists(JSONS))
def test_json_answer_comes_back_from_its_cell(value: object) -> None:
    assert read_answer(answer_cell(value, LabelTask("json")), LabelTask("json")) == value  # type: ignore[arg-type]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**14), 10**14))
def test_number_comes_back_from_its_cell(value: float) -> None:
    assert read_answer(answer_cell(value, LabelTask("number")), LabelTask("number")) == value
