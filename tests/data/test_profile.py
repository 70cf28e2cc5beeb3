from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.columns import profile_table
from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.data.profile import profile_rows
from mlops_kit.spec.model import Column


@pytest.fixture(scope="module")
def duck() -> Duck:
    return open_duck(memory=1 << 29)


def test_a_column_is_described_by_its_values(duck: Duck) -> None:
    duck.connection.register("t", pa.table({"n": [1, 2, 2, None, 5], "c": ["b", "a", "b", "a", None]}))
    made = profile_rows(duck, "t", {"n": Column("integer"), "c": Column("string")})
    assert made["c"] == {"type": "string", "missing": 1, "distinct": 2, "top": {"a": 2, "b": 2}}
    assert (made["n"]["median"], made["n"]["q25"], made["n"]["max"], made["n"]["missing"]) == (
        2.0,
        1.75,
        5.0,
        1,
    )


def test_personal_data_is_counted_and_never_shown(duck: Duck) -> None:
    duck.connection.register("t", pa.table({"mail": ["a@b", "c@d", "a@b"], "age": [41, 42, None]}))
    made = profile_rows(duck, "t", {"mail": Column("string", pii=True), "age": Column("integer", pii=True)})
    assert made == {
        "mail": {"type": "string", "missing": 0, "distinct": 2},
        "age": {"type": "int64", "missing": 1, "distinct": 2},
    }


def test_numbers_that_are_not_finite_are_counted_apart(duck: Duck) -> None:
    duck.connection.register("t", pa.table({"x": [1.0, float("nan"), float("inf"), 3.0]}))
    made = profile_rows(duck, "t", {"x": Column("number")})["x"]
    assert (made["not_finite"], made["median"], made["max"]) == (2, 2.0, 3.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1, max_size=30))
def test_the_profile_is_that_of_the_whole_table_in_memory(items: list[int | None]) -> None:
    table = pa.table({"n": pa.array(items, pa.int64())})
    with open_duck(memory=1 << 29) as duck:
        duck.connection.register("t", table)
        found = profile_rows(duck, "t", {"n": Column("integer")})["n"]
    expected = profile_table(table)["n"]
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected) if "min" in found else found == expected
