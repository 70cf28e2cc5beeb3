"""The step `label.events`, called as a function on a small table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask
from mlops_kit.spec.model import Schema, Task
from mlops_kit.steps.labels.label_events import Labelled, LabelParams, label
from tests.support.rows import daily, rows, table_of
from tests.support.votes import Vote, event_files

TASK = Task("classification", "late", ("id",), "when")
QUESTION = LabelTask("class", classes=("late", "on_time"))
ROSTER = {"owl": Annotator(trust=3.0), "fox": Annotator(), "cat": Annotator()}
PARAMS = LabelParams(positive="late")
VOTES: list[Vote] = [
    ("r0000", "owl", "late"),
    ("r0000", "fox", "on_time"),
    ("r0000", "cat", "on_time"),
    ("r0001", "fox", "late"),
    ("r0002", "fox", None),
    ("r0003", "fox", "late"),
    ("r0003", "owl", "on_time", {"role": "adjudication"}),
    ("r0004", "owl", "late", {"role": "gold"}),
    ("r9999", "fox", "late"),
]


def _label(folder: Path, votes: list[Vote], params: LabelParams = PARAMS, **columns: list[Any]) -> Labelled:
    labelling = Labelling(1, {"late": QUESTION}, ROSTER)
    given = rows(folder, daily(10, **columns))
    return label(
        given, event_files(folder, votes), task=TASK, schema=Schema({}), labelling=labelling, params=params
    )


def _by_id(made: Any, column: str) -> dict[str, Any]:
    table = table_of(made)
    return dict(zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True))


def test_majority_adjudication_and_gold_become_labels(tmp_path: Path) -> None:
    made = _label(tmp_path, VOTES)
    assert _by_id(made.labels, "late") == {"r0000": 0, "r0001": 1, "r0003": 0, "r0004": 1}
    assert _by_id(made.consensus, "provenance")["r0003"] == "adjudicated"
    assert _by_id(made.consensus, "provenance")["r0004"] == "gold"
    assert table_of(made.labels).schema.types == [
        pa.string(),
        pa.int8(),
        pa.timestamp("us", "UTC"),
        pa.string(),
    ]


def test_numbers_tell_what_was_counted(tmp_path: Path) -> None:
    found = _label(tmp_path, VOTES).labelling
    wanted = {
        "labelled": 4,
        "unlabelled": 6,
        "by_people": 4,
        "by_gold": 1,
        "by_adjudicated": 1,
        "unknown_items": 1,
    }
    assert {name: found[name] for name in wanted} == wanted
    assert found["mean_disagreement"] == pytest.approx(0.9182958 / 4)


def test_weighted_votes_follow_the_trust_of_the_roster(tmp_path: Path) -> None:
    made = _label(tmp_path, VOTES, replace(PARAMS, method="weighted"))
    assert _by_id(made.labels, "late")["r0000"] == 1
    assert _by_id(made.consensus, "probability")["r0000"] == 0.6


def test_latest_vote_decides_when_asked(tmp_path: Path) -> None:
    made = _label(tmp_path, [*VOTES, ("r0000", "owl", "late")], replace(PARAMS, method="latest"))
    assert _by_id(made.labels, "late")["r0000"] == 1


def test_column_labels_what_people_have_not(tmp_path: Path) -> None:
    params = replace(PARAMS, column="delay", at_least=15.0, min_votes=2)
    made = _label(tmp_path, VOTES, params, delay=[0.0, 0.0, 20.0, 20.0, 0.0, None, 1.0, 2.0, 3.0, 99.0])
    found = _by_id(made.labels, "late")
    assert (found["r0000"], found["r0001"], found["r0002"], found["r0003"], found["r0004"]) == (0, 0, 1, 0, 1)
    assert "r0005" not in found
    assert _by_id(made.consensus, "provenance")["r0001"] == "column"


def test_soft_labels_sum_to_one(tmp_path: Path) -> None:
    for method in ("latest", "majority", "weighted", "dawid_skene"):
        made = table_of(_label(tmp_path, VOTES, replace(PARAMS, method=method, soft=True)).consensus)  # type: ignore[arg-type]
        for late, on_time in zip(made["p_late"].to_pylist(), made["p_on_time"].to_pylist(), strict=True):
            assert late + on_time == pytest.approx(1, abs=1e-9)


def test_disagreement_is_none_for_one_voice_and_whole_for_two_halves(tmp_path: Path) -> None:
    votes: list[Vote] = [("r0000", "owl", "late"), ("r0000", "fox", "on_time"), ("r0001", "fox", "late")]
    assert _by_id(_label(tmp_path, votes).consensus, "disagreement") == {"r0000": 1.0, "r0001": 0.0}


def test_tie_goes_to_the_class_that_stands_first(tmp_path: Path) -> None:
    votes: list[Vote] = [("r0000", "owl", "on_time"), ("r0000", "fox", "late")]
    for method in ("majority", "dawid_skene"):
        params = replace(PARAMS, method=method)  # type: ignore[arg-type]
        assert _by_id(_label(tmp_path, votes, params).labels, "late") == {"r0000": 1}


def test_positive_that_is_no_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no class of the question"):
        _label(tmp_path, VOTES, replace(PARAMS, positive="soon"))


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="no row has a label"):
        _label(tmp_path, [])


def test_estimator_learns_from_gold_who_is_right(tmp_path: Path) -> None:
    votes: list[Vote] = []
    for number in range(8):
        truth, other = ("late", "on_time") if number % 2 else ("on_time", "late")
        votes += [(f"r000{number}", "owl", truth), (f"r000{number}", "fox", other)]
        votes += [(f"r000{number}", "cat", truth, {"role": "gold"})] if number < 6 else []
    found = _by_id(_label(tmp_path, votes, replace(PARAMS, method="dawid_skene")).labels, "late")
    assert (found["r0006"], found["r0007"]) == (0, 1)


def test_quality_of_the_labels_is_told_in_figures_and_in_the_report(tmp_path: Path) -> None:
    made = _label(tmp_path, [*VOTES, ("r0001", "owl", "late"), ("r0004", "fox", "on_time")])
    assert made.labelling["krippendorff_alpha"] < 0.5
    assert (made.labelling["gold_accuracy"], made.labelling["coverage"]) == (0.0, 0.4)
    assert made.label_quality["annotators"]["fox"]["against_gold"]["items"] == 1
    assert made.label_quality["balance"]["values"] == {'"late"': 2, '"on_time"': 2}
