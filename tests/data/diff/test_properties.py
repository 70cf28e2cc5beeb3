"""What must hold of any two tables."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.data.diff.model import TableDiff
from mlops_kit.data.diff.table import DiffOptions, diff_table
from tests.support.tables import BY_ID, SCHEMA, Row, applied, bag, diff, files, parquet

WHOLE = replace(BY_ID, keyed=False)
COLUMNS = SCHEMA.names
EXAMPLES = settings(max_examples=6, deadline=None)

values = st.fixed_dictionaries(
    {
        "id": st.one_of(st.none(), st.integers(0, 6)),
        "x": st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 1e300])),
        "name": st.one_of(st.none(), st.sampled_from(["", "a", "A", "é", "a\x00b", "x'y\""])),
        "flag": st.one_of(st.none(), st.booleans()),
    }
)
tables = st.lists(values, max_size=12)
pairs = st.tuples(tables, tables, st.lists(values, max_size=6)).map(
    lambda t: (t[0] + t[2], t[1] + t[2])  # most tables share rows
)


def compared(old: Sequence[Row], new: Sequence[Row], options: DiffOptions) -> TableDiff:
    with tempfile.TemporaryDirectory() as folder:
        return diff(
            parquet(Path(folder) / "a.parquet", old), parquet(Path(folder) / "b.parquet", new), options
        )


@given(rows=tables, order=st.randoms(use_true_random=False))
@EXAMPLES
@pytest.mark.parametrize("options", [BY_ID, WHOLE])
def test_diff_of_a_table_with_itself_in_another_order_is_empty(
    options: DiffOptions, rows: list[Row], order: Any
) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    found = compared(rows, shuffled, options)
    assert found.is_empty
    assert (found.unchanged, found.old_rows, found.new_rows) == (len(rows),) * 3


@given(pair=pairs)
@EXAMPLES
@pytest.mark.parametrize("options", [BY_ID, WHOLE])
def test_diff_applied_to_the_base_gives_the_head(
    options: DiffOptions, pair: tuple[list[Row], list[Row]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = parquet(folder / "a.parquet", pair[0]), parquet(folder / "b.parquet", pair[1])
        patch = folder / "rows.parquet"
        found = diff(old, new, replace(options, rows=patch))
        made = applied(pair[0], patch, COLUMNS) if patch.exists() else bag(pair[0])
    assert made == bag(pair[1])
    changed = found.changed or 0
    assert len(pair[0]) - found.removed - changed == found.unchanged == len(pair[1]) - found.added - changed


@given(pair=pairs, order=st.randoms(use_true_random=False))
@EXAMPLES
@pytest.mark.parametrize("options", [BY_ID, WHOLE])
def test_diff_does_not_depend_on_the_order_of_rows_or_the_number_of_threads(
    options: DiffOptions, pair: tuple[list[Row], list[Row]], order: Any
) -> None:
    first = compared(*pair, options)
    shuffled = [order.sample(rows, len(rows)) for rows in pair]
    assert without_bytes(compared(shuffled[0], shuffled[1], replace(options, threads=1))) == without_bytes(
        first
    )


@given(pair=pairs, cuts=st.tuples(st.integers(0, 12), st.integers(0, 12)))
@EXAMPLES
@pytest.mark.parametrize("options", [BY_ID, WHOLE])
def test_diff_does_not_depend_on_how_rows_are_cut_into_files(
    options: DiffOptions, pair: tuple[list[Row], list[Row]], cuts: tuple[int, int]
) -> None:
    options = replace(options, shifts=False)  # distributions are of the files that differ
    with tempfile.TemporaryDirectory() as name:
        sides = []
        for side, rows, cut in zip("ab", pair, cuts, strict=True):
            parts = [rows[:cut], rows[cut:]]
            sides.append(
                files(*(parquet(Path(name) / side / f"{i}.parquet", part) for i, part in enumerate(parts)))
            )
        found = diff_table("table", sides[0], sides[1], options)
    whole = compared(*pair, options)
    assert rows_of(found) == rows_of(whole)


def without_bytes(found: TableDiff) -> TableDiff:
    return replace(found, reason="", files=())


def rows_of(found: TableDiff) -> tuple[Any, ...]:
    columns = {column.column: (column.changed or 0, column.examples) for column in found.columns}
    changed = {name: column for name, column in columns.items() if column[0]}
    return (
        found.old_rows, found.new_rows, found.added, found.removed, found.changed or 0, found.unchanged,
        found.added_examples, found.removed_examples, changed,
    )  # fmt: skip
