"""Smallest and largest values of the head, told from the base and what changed, are those that reading it gives."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.data.diff.alignment import Pair
from mlops_kit.data.diff.cancel import cancel
from mlops_kit.data.diff.summaries import summarize

NUMBERS = st.one_of(st.none(), st.sampled_from([float("nan"), float("inf"), -0.0, 0.0, 1.5, 2.5, -7.0]))
ROWS = st.lists(
    st.tuples(NUMBERS, st.one_of(st.none(), st.integers(-3, 3)), st.sampled_from("ab")), max_size=8
)
PAIRS = (
    Pair("x", "DOUBLE", "c0 + 0.0::DOUBLE", "c0 + 0.0::DOUBLE"),
    Pair("n", "BIGINT", "c1", "c1"),
    Pair("t", "VARCHAR", "c2", "c2"),
)
KINDS = ("number", "number", "label")


def _load(duck: Duck, name: str, rows: list[tuple[float | None, int | None, str]]) -> None:
    duck.run(f"CREATE OR REPLACE TABLE {name} (c0 DOUBLE, c1 BIGINT, c2 VARCHAR)")
    for row in rows:
        duck.run(f"INSERT INTO {name} VALUES (?, ?, ?)", list(row))


@settings(max_examples=25, deadline=None)
@given(ROWS, ROWS, ROWS)
def test_summarize_after_cancelling_gives_what_reading_both_sides_gives(
    shared: list[tuple[float | None, int | None, str]],
    old: list[tuple[float | None, int | None, str]],
    new: list[tuple[float | None, int | None, str]],
) -> None:
    with open_duck(threads=1) as duck:
        _load(duck, "a", shared + old)
        _load(duck, "b", new + shared[::-1])
        left = cancel(duck, PAIRS, "a", "b")
        told, read = (summarize(duck, PAIRS, "a", "b", kinds=KINDS, cancelled=yes) for yes in (True, False))
        both = [
            Counter(map(repr, duck.run(f"SELECT c0 + 0.0, c1, c2 FROM {side}").fetchall())) for side in "ab"
        ]
        rows = [Counter(map(repr, duck.run(f"FROM {table}").fetchall())) for table in ("gone", "came")]
    assert told == read
    assert rows == [both[0] - both[1], both[1] - both[0]]
    assert (left.gone, left.came) == (rows[0].total(), rows[1].total())
