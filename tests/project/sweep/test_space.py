"""What a sweep tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import UsageError
from mlops_kit.project.sweep.searches import SEARCHES, Known, Search
from mlops_kit.project.sweep.space import grid, parse_dimension

SPACE = ("t.a=1..8", "t.b=0.001..1:log", "t.c=x,true,null,3")


def search_of(*space: str, seed: int = 0) -> Search:
    return Search(tuple(parse_dimension(text) for text in space), seed, higher=False)


def test_values_are_lists_ranges_and_parts_of_ranges() -> None:
    assert parse_dimension("a.b=1,2.5,yes,null,true,1").values == (1, 2.5, "yes", None, True)
    assert parse_dimension("a=10..40:4").values == (10, 20, 30, 40)
    assert parse_dimension("a=0.01..1:log:3").values == (0.01, 0.1, 1.0)
    assert parse_dimension("a=1..3:9").values == (1, 2, 3)
    dimension = parse_dimension("a=-1..2.5")
    assert (dimension.values, dimension.low, dimension.high, dimension.whole) == ((), -1, 2.5, False)


@pytest.mark.parametrize(
    "text",
    ["a", "=1", "a=", "a=1..x", "a=2..1", "a=0..1:log", "a=1..2:3:4", "a=1..2:1", "a..b=1", "a=true..2"],
)
def test_what_is_no_parameter_with_values_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_dimension(text)


def test_a_grid_has_every_combination_once_and_no_range() -> None:
    made = [tuple(point.values()) for point in grid(search_of("a=1,2", "b=x,y").dimensions)]
    assert made == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
    assert SEARCHES["grid"](search_of("a=1,2"), 2, ()) is None
    with pytest.raises(UsageError, match="all of a range: a"):
        SEARCHES["grid"](search_of("a=1..2"), 0, ())


@given(st.integers(0, 2**40), st.integers(0, 10_000))
def test_random_points_depend_on_seed_and_number_alone_and_lie_inside(seed: int, index: int) -> None:
    point = SEARCHES["random"](search_of(*SPACE, seed=seed), index, ())
    assert point == SEARCHES["random"](search_of(*SPACE, seed=seed), index, (Known({}, 1.0),))
    assert point is not None
    assert point["t.a"] in range(1, 9)
    assert isinstance(point["t.b"], float)
    assert 0.001 <= point["t.b"] <= 1
    assert point["t.c"] in ("x", True, None, 3)


def test_optuna_learns_from_what_is_known_and_proposes_the_same_again() -> None:
    search, known = search_of("t.a=0..100", "t.b=x,y"), []
    for index in range(25):
        point = SEARCHES["optuna"](search, index, known)
        assert point is not None
        assert point == SEARCHES["optuna"](search, index, known)
        score = None if index == 3 else abs(float(str(point["t.a"])) - 70) + (point["t.b"] == "x") * 20
        known.append(Known(point, score))
    best = min(item.score for item in known if item.score is not None)
    assert best <= 6
