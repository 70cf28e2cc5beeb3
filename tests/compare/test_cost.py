from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.run_history import StageRun
from mlops_kit.compare.cost import compare_costs
from mlops_kit.compare.spending import PipelineCost, StageCost

RUNS = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(
        StageRun,
        stage=st.just("x"),
        result=st.just("ran"),
        at=st.just(1.0),
        seconds=st.integers(0, 1000).map(float),
        key=st.sampled_from(["k", "l"]),
    ),
)


def run(seconds: float, key: str, peak: int = 0, machine: str = "2 x CPU") -> StageRun:
    return StageRun("a", "ran", 1.0, seconds, seconds, peak, key=key, machine=machine)


def test_a_stage_that_ran_again_is_compared_and_one_of_the_same_run_is_not() -> None:
    old = {"a": run(5, "k1"), "b": run(7, "k2", 100)}
    total, rows = compare_costs((["a", "b"], ["a", "b"]), old, old | {"b": run(9, "k3", 400)})
    assert total == PipelineCost(2, 0, 12, 14, 100, 400, 1)
    assert rows == (StageCost("b", 7, 9, 100, 400, 7, 9),)


def test_the_same_runs_on_both_sides_have_nothing_to_say() -> None:
    old = {"a": run(5, "k1")}
    assert compare_costs((["a"], ["a"]), old, old) == (None, ())


def test_a_stage_of_unknown_cost_counts_on_neither_side() -> None:
    old, new = {"a": run(5, "k1"), "b": run(7, "k2")}, {"a": run(6, "k3")}
    total, _ = compare_costs((["a", "b"], ["a", "b"]), old, new)
    assert total is not None
    assert (total.stages, total.unknown, total.old_seconds, total.new_seconds) == (1, 1, 5, 6)


def test_stages_that_come_and_go_count_where_they_are() -> None:
    total, rows = compare_costs((["a"], ["b"]), {"a": run(5, "k1")}, {"b": run(60, "k2", machine="8 x CPU")})
    assert total == PipelineCost(2, 0, 5, 60, None, None, 2)
    assert [(row.name, row.old_seconds, row.new_seconds) for row in rows] == [("b", None, 60), ("a", 5, None)]


@given(RUNS, RUNS)
def test_both_sides_the_other_way_round_say_the_opposite(
    old: dict[str, StageRun], new: dict[str, StageRun]
) -> None:
    names = (list(old), list(new))
    there, rows = compare_costs(names, old, new)
    back, _ = compare_costs((names[1], names[0]), new, old)
    assert (there is None) == (back is None) == (not rows)
    if there and back:
        assert there == replace(back, old_seconds=back.new_seconds, new_seconds=back.old_seconds)
