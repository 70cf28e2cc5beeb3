"""What is known of the labels of a task, from a handful of votes whose figures can be counted by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlops_kit.labels.agreement.quality import Quality, alpha_of_votes, quality
from mlops_kit.spec.load import load_labelling
from tests.labels.votes import vote, votes_table

LABELLING = load_labelling(
    """
version: 1
tasks:
  late: {type: class, classes: [late, on_time], votes: 2}
  rank: {type: class, classes: [low, mid, high], ordered: true}
  delay: {type: number}
  causes: {type: classes, classes: [weather, crew]}
  places: {type: spans, classes: [city], text: remarks}
annotators:
  ann: {cost_per_hour: 36, cost_per_label: 0.5}
  clock: {source: function}
"""
)
VOTES = [
    vote("1", "ann", "late", seconds=2.0),
    vote("1", "bob", "late", seconds=4.0),
    vote("2", "ann", "late", seconds=6.0, changes=1),
    vote("2", "bob", "on_time", guideline="2"),
    vote("3", "ann", "on_time"),
    vote("3", "bob", "on_time"),
    vote("4", "ann", None),
    vote("5", "ann", "late"),
    vote("2", "eve", "on_time", role="adjudication"),
    vote("1", "eve", "late", role="gold"),
    vote("3", "eve", "late", role="gold"),
    vote("1", "clock", "late", source="function"),
    vote("2", "clock", "late", source="function"),
    vote("2", "other", "on_time", source="function"),
    vote("9", "other", "on_time", source="function"),
]


def _quality(rows: list[dict[str, Any]], task: str = "late", **options: Any) -> Quality:
    with votes_table(rows) as duck:
        return quality(duck, "votes", task=task, labelling=LABELLING, **options)


def test_coverage_counts_items_with_enough_answers_and_those_that_nobody_can_tell() -> None:
    found = _quality(VOTES, items=10).document["coverage"]
    assert (found["answered"], found["enough_votes"], found["decided"], found["cannot_tell"]) == (4, 3, 3, 1)
    assert found["by_votes"] == {"0": 1, "1": 1, "2": 3}
    assert found["answered_share"] == 0.4


def test_annotator_is_told_with_time_cost_changes_and_answers_against_gold() -> None:
    found = _quality(VOTES).document["annotators"]["ann"]
    assert (found["answers"], found["abstentions"], found["changes"], found["seconds_median"]) == (
        5,
        1,
        1,
        4.0,
    )
    assert found["cost"] == pytest.approx(5 * 0.5 + 36 * 8 / 3600)
    assert (found["against_gold"]["value"], found["against_gold"]["items"]) == (0.5, 2)
    assert found["confusion"] == [
        [1, 1],
        [1, 0],
    ]  # late answered late, and on_time; on_time (adjudicated) answered late


def test_answers_are_held_against_the_majority_of_the_others() -> None:
    rows = [
        vote("1", name, value)
        for name, value in (("a", "late"), ("b", "late"), ("c", "on_time"), ("d", "on_time"))
    ]
    found = _quality(rows).document["annotators"]
    assert found["a"]["against_others"]["value"] == 0.0  # one late, two on_time
    rows = [vote("1", name, value) for name, value in (("a", "late"), ("b", "late"), ("c", "on_time"))]
    found = _quality(rows).document["annotators"]
    assert [found[name]["against_others"]["value"] for name in "abc"] == [0.5, 0.5, 0.0]


def test_functions_are_told_apart_from_people_and_judged_by_them() -> None:
    found = _quality(VOTES, items=10)
    functions = found.document["functions"]
    assert (functions["coverage"], functions["overlap"], functions["conflicts"]) == (0.3, 1 / 3, 1 / 3)
    assert functions["each"]["clock"]["accuracy"]["value"] == 0.5
    assert functions["each"]["other"]["accuracy"]["answers"] == 1
    assert found.metrics["annotators"] == 3
    assert found.metrics["function_accuracy"] == pytest.approx(2 / 3)


def test_balance_and_coverage_are_those_of_the_consensus() -> None:
    consensus = (
        """(SELECT * FROM (VALUES ('1', '"late"'), ('2', '"late"'), ('7', '"on_time"')) t(item, value))"""
    )
    found = _quality(VOTES, items=10, consensus=consensus)
    # Gold says 1 and 3 late, an adjudication 2 on_time; 7 is the consensus' own.
    assert found.document["balance"]["values"] == {'"late"': 2, '"on_time"': 2}
    assert found.metrics["coverage"] == 0.4
    assert found.metrics["items_labelled"] == 4


def test_figures_are_flat_and_the_document_is_plain_json() -> None:
    found = _quality(VOTES, items=10, counts={"events": 15})
    assert json.loads(json.dumps(found.document, allow_nan=False)) == found.document
    assert all(isinstance(value, float) for value in found.metrics.values())
    assert found.metrics["krippendorff_alpha"] == found.document["agreement"]["krippendorff_alpha"]["value"]


def test_result_does_not_depend_on_the_order_of_votes() -> None:
    rows = [
        vote(str(item), f"a{who}", ["late", "on_time"][(item * who) % 3 % 2], seconds=item / 7)
        for item in range(50)
        for who in range(4)
    ]
    assert _quality(rows) == _quality(rows[::-1])


def test_nothing_is_said_of_nothing() -> None:
    found = _quality([])
    assert found.document["agreement"]["krippendorff_alpha"] is None
    assert "krippendorff_alpha" not in found.metrics
    assert found.metrics["answers"] == 0


def test_alpha_of_one_value_alone_is_not_told() -> None:
    found = _quality([vote(str(item), name, "late") for item in range(9) for name in "ab"])
    assert found.document["agreement"]["krippendorff_alpha"] is None


def test_ordered_classes_agree_more_where_they_are_near() -> None:
    rows = [
        vote(str(i), name, v)
        for i, pair in enumerate([("low", "mid"), ("mid", "high"), ("high", "high"), ("low", "low")] * 3)
        for name, v in zip("ab", pair, strict=True)
    ]
    near = _quality(rows, "rank").metrics["krippendorff_alpha"]
    assert near > 0.5
    assert _quality(rows, "rank").document["agreement"]["level"] == "ordinal"


def test_numbers_that_are_written_differently_are_one() -> None:
    rows = [vote("1", "a", 3), vote("1", "b", 3.0), vote("2", "a", 5), vote("2", "b", 6)]
    found = _quality(rows, "delay").document
    assert found["annotators"]["a"]["distance_to_others"] == {"value": 0.5, "items": 2}
    # Pairs of an item differ by 2 * 1 in all, any two of the four numbers by 2 * (4 * 79 - 17 ** 2) / 3.
    assert found["agreement"]["krippendorff_alpha"]["value"] == pytest.approx(1 - 2 / 18)


def test_sets_of_classes_agree_by_what_they_share_in_any_order() -> None:
    rows = [
        vote("1", "a", ["weather", "crew"]),
        vote("1", "b", ["crew", "weather"]),
        vote("2", "a", []),
        vote("2", "b", ["crew"]),
    ]
    found = _quality(rows, "causes").document["agreement"]
    assert found["krippendorff_alpha"]["value"] < 1
    assert found["by_class"]["weather"]["value"] == 1.0


def test_spans_agree_by_the_marks_that_two_share() -> None:
    one, two = ({"start": 0, "end": 4, "label": "city"}, {"start": 9, "end": 12, "label": "city"})
    rows = [vote("1", "a", [one, two]), vote("1", "b", [one]), vote("2", "a", []), vote("2", "b", [])]
    found = _quality(rows, "places")
    assert found.metrics["mark_f1"] == pytest.approx(2 / 3)


def test_alpha_of_votes_is_that_of_quality() -> None:
    with votes_table(VOTES) as duck:
        found = alpha_of_votes(duck, "votes", LABELLING.tasks["late"])
    assert found is not None
    assert found.value == _quality(VOTES).metrics["krippendorff_alpha"]


def test_perfect_agreement_on_few_items_has_a_wide_interval() -> None:
    few, many = (
        _quality(
            [vote(str(i), name, "late" if i % 2 else "on_time") for i in range(n) for name in "ab"]
        ).metrics
        for n in (20, 400)
    )
    for name in ("krippendorff_alpha", "fleiss_kappa", "cohen_kappa"):
        assert few[name] == many[name] == 1.0
        assert few[f"{name}_low"] == pytest.approx(1 - (1 - 0.025 ** (1 / 20)) / 0.5, abs=0.02)
        assert few[f"{name}_low"] < many[f"{name}_low"] < 1


def test_result_does_not_depend_on_threads() -> None:
    rows = [
        vote(str(i), f"a{(i + n) % 7}", ["late", "on_time"][(i * (n + 1)) % 5 % 2], seconds=(i % 97) / 9)
        for i in range(6_000)
        for n in range(3)
    ]
    found = []
    for threads in (1, 4):
        with votes_table(rows, threads=threads) as duck:
            found.append(quality(duck, "votes", task="late", labelling=LABELLING, items=9_000))
    assert found[0] == found[1]
