from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.run_board import Board, last_words, time_left

CHAIN = {"b": ("a",), "c": ("b",)}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def board(start: RunStart) -> tuple[Board, Clock]:
    clock = Clock()
    made = Board(clock)
    made.begin(start)
    return made, clock


def test_a_running_stage_shows_time_memory_and_its_last_line() -> None:
    made, clock = board(RunStart(("a",), frozenset("a"), {"a": 10.0}))
    made.change(StageNews("a", StageState.RUNNING))
    made.line(StageLine("a", "epoch 1\repoch 2"))
    made.line(StageLine("a", ""))
    made.memory("a", 512)
    clock.now += 4
    (row,) = made.standing().running
    assert (row.seconds, row.left, row.memory, row.line) == (4, 6, 512, "epoch 2")


def test_a_stage_that_is_done_leaves_the_board_and_is_counted() -> None:
    made, _ = board(RunStart(("a", "b"), frozenset("ab"), {}))
    made.change(StageNews("a", StageState.RUNNING))
    made.change(StageNews("a", StageState.RAN))
    standing = made.standing()
    assert (standing.running, standing.waiting, standing.counts) == ((), ("b",), {StageState.RAN: 1})


def test_a_stage_that_takes_longer_than_ever_says_nothing_of_its_end() -> None:
    made, clock = board(RunStart(("a",), frozenset("a"), {"a": 1.0}))
    made.change(StageNews("a", StageState.RUNNING))
    clock.now += 4
    standing = made.standing()
    assert (standing.running[0].left, standing.left, standing.certain) == (None, 0, False)


def test_a_chain_takes_as_long_as_its_stages_together() -> None:
    start = RunStart(("a", "b", "c"), frozenset("abc"), {"a": 5, "b": 7, "c": 2}, CHAIN, jobs=8)
    assert time_left(start, {"a": 4.0}, ("b", "c")) == (10.0, True)


def test_equal_stages_share_the_jobs() -> None:
    names = tuple(map(str, range(8)))
    start = RunStart(names, frozenset(names), dict.fromkeys(names, 3.0), jobs=4)
    assert time_left(start, {}, names) == (6.0, True)


def test_a_stage_that_never_ran_makes_the_rest_a_lower_bound() -> None:
    start = RunStart(("a", "b"), frozenset("ab"), {"a": 5.0})
    assert time_left(start, {}, ("a", "b")) == (5.0, False)


@given(st.dictionaries(st.sampled_from("abc"), st.floats(0, 100), max_size=3), st.integers(1, 9))
def test_what_is_left_is_never_more_than_all_of_it(expected: dict[str, float], jobs: int) -> None:
    start = RunStart(tuple("abc"), frozenset("abc"), expected, CHAIN, jobs)
    left, certain = time_left(start, {}, tuple("abc"))
    assert left == pytest.approx(sum(expected.values()))
    assert certain == (len(expected) == 3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("10%\r 50%\r", "50%"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title", ""),
        ("bell\x07 and \u202eback", "bell\\u0007 and \\u202eback"),
        ("x" * 5000, "x" * 159 + "…"),
    ],
)
def test_what_a_program_prints_is_inert(text: str, shown: str) -> None:
    assert last_words(text) == shown
