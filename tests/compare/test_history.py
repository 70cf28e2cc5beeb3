"""Folding a history: names, best values, changes and what cannot be read, without a repository."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.metric_state import Lost, MetricState
from mlops_kit.compare.history import (
    Cell,
    Entry,
    Observation,
    fold_history,
    is_wanted,
    name_observations,
    said_by,
)
from mlops_kit.errors import UnreadableSideError, UsageError
from mlops_kit.spec.load import load_kpis


def state(*lost: Lost, **values: float) -> MetricState:
    return MetricState({("m.json", name): value for name, value in values.items()}, lost)


def entries(*states: MetricState) -> list[Entry]:
    """Return entries, newest first, each compared with the next."""
    last = len(states) - 1
    return [
        Entry(f"{index:040}", "2026-01-01", (), "s", made, index + 1 if index < last else None)
        for index, made in enumerate(states)
    ]


def cells(*states: MetricState, name: str = "") -> list[Cell]:
    series, rows, _ = fold_history(entries(*states), (), None, states)
    column = [line.name for line in series].index(name) if name else 0
    return [row.cells[column] for row in rows]


GONE = Lost("m.json", "is gone", "dvc fetch")


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [("auc", True), ("a*", True), ("eval:auc", True), ("out/eval.json:auc", True), ("out/eval:auc", True), ("eval:*", True),
     ("au", False), ("other:auc", False), ("", False)],
)  # fmt: skip
def test_metric_is_named_by_name_file_or_glob(pattern: str, wanted: bool) -> None:
    assert is_wanted((pattern,), ("out/eval.json", "auc")) is wanted
    assert is_wanted((), ("out/eval.json", "auc"))


def test_name_with_signs_of_a_glob_is_found_by_itself() -> None:
    assert is_wanted(("p[0]",), ("m.json", "p[0]"))


def test_names_are_as_short_as_no_commit_is_ambiguous() -> None:
    both = MetricState({("a/m.json", "f1"): 1, ("b/n.json", "f1"): 2, ("b/n.json", "auc"): 3})
    alone = MetricState({("a/m.json", "f1"): 1})
    wanted: set[Observation] = set(both.values)
    assert set(name_observations(wanted, [alone, both]).values()) == {"m:f1", "n:f1", "auc"}
    same = MetricState({("a/m.json", "f1"): 1, ("b/m.json", "f1"): 2})
    assert set(name_observations(set(same.values), [same]).values()) == {"a/m:f1", "b/m:f1"}


def test_best_is_by_direction_and_ties_are_all_best() -> None:
    assert [cell.best for cell in cells(state(auc=0.5), state(auc=0.7), state(auc=0.7))] == [
        False,
        True,
        True,
    ]
    assert [cell.best for cell in cells(state(loss=0.5), state(loss=0.7))] == [True, False]
    assert not any(cell.best for cell in cells(state(auc=0.5), state(auc=0.5)))
    assert not any(cell.best for cell in cells(state(x=0.5), state(x=0.7)))


def test_change_reaches_back_over_commits_without_the_value() -> None:
    found = cells(state(auc=0.75), state(), state(GONE), state(auc=0.5))
    assert [cell.change for cell in found] == [0.25, None, None, None]
    assert [bool(cell.unreadable) for cell in found] == [False, False, True, False]


def test_lost_pipeline_hides_what_it_declared_elsewhere() -> None:
    good = MetricState({("m.json", "auc"): 1}, homes={"m.json": "dvc.yaml"})
    bad = MetricState(lost=(Lost("dvc.yaml", "is broken", "git show {sha}:dvc.yaml"),))
    _, rows, lost = fold_history(entries(bad, good), (), None, [good, bad])
    assert rows[0].cells[0].unreadable == "dvc.yaml is broken"
    assert lost[0].fix == f"git show {'0' * 12}:dvc.yaml"


def test_lost_metric_that_nobody_asked_for_is_no_matter() -> None:
    states = [
        MetricState({("m.json", "auc"): 1}, (Lost("n.json", "is gone", "x"),)),
        MetricState({("n.json", "f1"): 1}),
    ]
    assert fold_history(entries(*states), ("auc",), None, states)[2] == ()
    assert len(fold_history(entries(*states), ("f1",), None, states)[2]) == 1
    assert len(fold_history(entries(*states), (), None, states)[2]) == 1


def test_name_that_nothing_has_may_be_in_what_is_lost() -> None:
    with pytest.raises(UnreadableSideError, match=r"m.json is gone"):
        fold_history(entries(state(GONE)), ("auc",), None, [state(GONE)])
    with pytest.raises(UsageError, match="no metric `auk`"):
        fold_history(entries(state(auc=1)), ("auk",), None, [state(auc=1)])


def test_contract_decides_order_and_direction() -> None:
    kpis = load_kpis("metrics: {z: {direction: lower}}\nkpis: [{metric: y, min: 0}]\n")
    one = state(auc=1, y=1, z=1, a=1)
    series, _, _ = fold_history(entries(one), (), kpis, [one])
    assert [(line.name, line.direction, line.kpi) for line in series] == [
        ("y", None, True), ("z", "lower", False), ("auc", "higher", False), ("a", None, False)
    ]  # fmt: skip


def test_run_time_is_no_change_unless_it_is_asked_for() -> None:
    one, other = state(auc=1, train_time=5), state(auc=1, train_time=6)
    assert said_by(one, ()) == said_by(other, ())
    assert said_by(one, ("train_time",)) != said_by(other, ("train_time",))
    series, _, _ = fold_history(entries(state(z=1, train_time=5)), (), None, [state(z=1, train_time=5)])
    assert [line.name for line in series] == ["z", "train_time"]


VALUES = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=8)


@given(VALUES)
def test_changes_add_up_to_the_difference_of_the_ends(values: list[float | None]) -> None:
    found = (
        cells(*(state(auc=value) if value is not None else state(x=1) for value in values), name="")
        if any(value is not None for value in values)
        else []
    )
    there = [value for value in values if value is not None]
    total = sum(cell.change for cell in found if cell.change is not None)
    assert not there or total == pytest.approx(there[0] - there[-1], abs=1e-3)


@given(
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), max_size=3),
    st.sampled_from(["m.json", "x/n.yaml"]),
)
def test_renamed_file_says_the_same(values: dict[str, float], path: str) -> None:
    renamed = MetricState({(path, name): value for name, value in values.items()})
    assert said_by(state(**values), ()) == said_by(renamed, ())
    assert said_by(state(**values), ("a",)) == said_by(renamed, ("a",))
