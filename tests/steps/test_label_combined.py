"""The step `label.combined`: votes of people and of label functions, called as a function on a small table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_kit.labels.events.model import LabelEvent, event_schema
from mlops_kit.labels.functions import NO_TIME, event_row
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask
from mlops_kit.spec.model import Schema, Task
from mlops_kit.steps.labels.label_combined import Labelled, LabelParams, label
from tests.support.rows import daily, rows, table_of
from tests.support.votes import Vote, event_files

TASK = Task("classification", "late", ("id",), "when")
QUESTION = LabelTask("class", classes=("late", "on_time"))
PEOPLE: list[Vote] = [("r0000", "owl", "on_time"), ("r0001", "owl", None)]
FUNCTIONS = [
    ("r0000", "clock", "late"),
    ("r0000", "frame", "late"),
    ("r0001", "clock", "late"),
    ("r0002", "clock", "on_time"),
]
PARAMS = LabelParams(positive="late", column="delay", at_least=15)


def _votes(folder: Path) -> Any:
    events = [
        LabelEvent(item, "late", value, who, NO_TIME, source="function") for item, who, value in FUNCTIONS
    ]
    return rows(folder, pa.Table.from_pylist([event_row(one) for one in events], event_schema()))


def _label(folder: Path, params: LabelParams = PARAMS) -> Labelled:
    labelling = Labelling(1, {"late": QUESTION}, {"owl": Annotator(), "clock": Annotator(source="function")})
    given = rows(folder, daily(4, delay=[None, None, None, 20]))
    people = event_files(folder, PEOPLE)
    return label(
        given, people, _votes(folder), task=TASK, schema=Schema({}), labelling=labelling, params=params
    )


def _by_id(made: Any, column: str) -> dict[str, Any]:
    table = table_of(made)
    return dict(zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True))


def test_functions_fill_what_no_person_answered(tmp_path: Path) -> None:
    made = _label(tmp_path)
    assert _by_id(made.labels, "late") == {"r0000": 0, "r0001": 1, "r0002": 0, "r0003": 1}
    assert _by_id(made.consensus, "provenance") == {
        "r0000": "majority",
        "r0001": "functions",
        "r0002": "functions",
        "r0003": "column",
    }


def test_labels_by_functions_are_counted_apart_from_those_by_people(tmp_path: Path) -> None:
    found = _label(tmp_path).labelling
    assert [found[name] for name in ("by_people", "by_functions", "by_column")] == [1, 2, 1]


def test_label_of_a_function_has_no_time_at_which_it_became_known(tmp_path: Path) -> None:
    known = _by_id(_label(tmp_path).labels, "known_at")
    assert [name for name, when in known.items() if when is None] == ["r0001", "r0002"]


def test_label_of_a_function_waits_as_that_of_the_column_does(tmp_path: Path) -> None:
    made = _label(tmp_path, replace(PARAMS, known_after_days=2))
    assert _by_id(made.labels, "late") == {"r0000": 0, "r0001": 1}
    assert _by_id(made.consensus, "provenance")["r0002"] == "not_yet"
    assert [made.labelling[name] for name in ("not_yet", "by_functions")] == [1, 1]


def test_functions_that_vote_count_beside_people(tmp_path: Path) -> None:
    made = _label(tmp_path, replace(PARAMS, functions="vote"))
    assert _by_id(made.labels, "late")["r0000"] == 1
    assert _by_id(made.consensus, "votes")["r0000"] == 3


def test_same_votes_give_the_same_bytes(tmp_path: Path) -> None:
    assert table_of(_label(tmp_path).consensus).equals(table_of(_label(tmp_path).consensus))
