"""Which stage comes next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.engines.queue import StageQueue, critical_seconds

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_critical_way_is_the_longest_to_the_end() -> None:
    after = {"a": ["b", "c"], "b": ["d"], "c": ["d"]}
    found = critical_seconds("abcd", after, {"a": 1, "b": 10, "c": 2, "d": 5})
    assert found == {"a": 16, "b": 15, "c": 7, "d": 5}


def test_stage_without_a_record_counts_as_an_average_one() -> None:
    assert critical_seconds("ab", {}, {"a": 4.0}) == {"a": 4.0, "b": 4.0}


def test_urgent_stages_come_first_and_others_in_order() -> None:
    queue = StageQueue("abc", lambda name: [])
    queue.favour({"a": 1.0, "b": 1.0, "c": 9.0})
    assert [queue.pop() for _ in "abcd"] == ["c", "a", "b", None]


def test_stage_waits_for_all_before_it() -> None:
    queue = StageQueue("abcd", DIAMOND.__getitem__)
    assert (queue.pop(), queue.pop()) == ("a", None)
    queue.settle("a")
    assert {queue.pop(), queue.pop()} == {"b", "c"}
    queue.settle("c")
    assert queue.pop() is None
    assert queue.is_next("b")
    queue.settle("b")
    assert queue.pop() == "d"
    queue.settle("d")
    assert queue.done


@given(
    st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=20),
    st.lists(st.floats(0, 9), min_size=20, max_size=20),
)
def test_every_stage_comes_once_and_behind_those_before_it(
    graph: list[set[int]], urgency: list[float]
) -> None:
    before = {str(n): [str(m) for m in needed if m < n] for n, needed in enumerate(graph)}
    queue = StageQueue(list(before), before.__getitem__)
    queue.favour(dict(zip(before, urgency, strict=False)))
    given_out: list[str] = []
    while (name := queue.pop()) is not None:
        assert set(before[name]) <= set(given_out)
        given_out.append(name)
        queue.settle(name)
    assert sorted(given_out) == sorted(before)
    assert queue.done
