"""What SQL takes for an answer at once, Python takes for one too; and answers as they are written need no second look."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.labels.events.answers import find_faults, plain_sql
from mlops_kit.labels.events.values import value_fault
from mlops_kit.spec.labels import LabelTask

TASKS = {
    "class": LabelTask("class", classes=("late", 'o"n', "é")),
    "classes": LabelTask("classes", classes=("late", 'o"n', "é")),
    "number": LabelTask("number", min=-1.5, max=1440),
    "spans": LabelTask("spans", classes=("late", "é"), text="note"),
    "boxes": LabelTask("boxes", classes=("late", "é"), image="picture"),
}
GOOD: dict[str, list[Any]] = {
    "class": ["late", 'o"n', "é", None],
    "classes": [[], ["late"], ["é", 'o"n'], None],
    "number": [0, 7, -1.5, 3.25, 1440, None],
    "spans": [[], [{"start": 0, "end": 3, "label": "late"}, {"start": 2, "end": 9, "label": "é"}], None],
    "boxes": [[], [{"x": 0.0, "y": 0.25, "width": 0.5, "height": 0.5, "label": "é"}], None],
}
_LABEL = st.sampled_from(["late", "é", "no", 1, None])
_PARTS = st.fixed_dictionaries(
    {"label": _LABEL},
    optional={
        name: st.integers(-1, 3) | st.floats(-0.5, 2, width=16) | st.sampled_from(["1", True, None])
        for name in ("start", "end", "x", "y", "width", "height", "more")
    },
)
_ANY = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["late", "no", "3", ""])
    | st.lists(_LABEL | st.just("late"), max_size=3)
    | st.lists(_PARTS, max_size=2)
    | _PARTS
)
_DUCK: list[Duck] = []


def _duck() -> Duck:
    if not _DUCK:
        _DUCK.append(open_duck(threads=1))
    return _DUCK[0]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(task: LabelTask, values: list[Any]) -> list[bool]:
    rows = ", ".join("(" + "'" + _text(value).replace("'", "''") + "')" for value in values)
    found = _duck().run(f"SELECT {plain_sql(task)} FROM (VALUES {rows}) AS v(value)").fetchall()
    return [row[0] for row in found]


@pytest.mark.parametrize("kind", list(GOOD))
def test_answers_as_they_are_written_are_seen_at_once(kind: str) -> None:
    assert all(_plain(TASKS[kind], GOOD[kind]))
    assert [value_fault(TASKS[kind], value) for value in GOOD[kind]] == [None] * len(GOOD[kind])


@settings(max_examples=60, deadline=None)
@given(st.lists(_ANY, min_size=1, max_size=8))
@example([[None]])
def test_whatever_sql_takes_at_once_is_an_answer(values: list[Any]) -> None:
    for task in TASKS.values():
        for plain, value in zip(_plain(task, values), values, strict=True):
            assert not plain or value_fault(task, value) is None, (task.type, value)


def test_faults_are_found_among_distinct_values() -> None:
    duck = _duck()
    given = """(VALUES ('"no"'), ('"late"'), ('3'), ('"no"'), ('NaN')) AS v(value)"""
    find_faults(duck, given, TASKS["class"], "faults")
    assert duck.run("SELECT * FROM faults ORDER BY ALL").fetchall() == [
        ('"no"', "outside_task"),
        ("3", "wrong_type"),
        ("NaN", "wrong_type"),
    ]
