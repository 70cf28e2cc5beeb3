"""Rows that are held out: the newest, or whole groups, or by key."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_kit.artifacts.holdout import holdout_rows
from mlops_kit.spec.model import Task

ROWS = pd.DataFrame(
    {"id": range(3000), "who": [n % 100 for n in range(3000)], "at": [3000 - n for n in range(3000)]}
)


def test_with_a_time_the_newest_rows_are_held_out() -> None:
    held = holdout_rows(ROWS, Task("regression", "y", ("id",), time="at"), 0.2)
    assert (held.sum(), ROWS["at"][held].min(), ROWS["at"][~held].max()) == (600, 2401, 2400)


@pytest.mark.parametrize("group", [None, "who"])
def test_without_a_time_it_goes_by_groups_or_keys_and_new_rows_move_no_old_ones(group: str | None) -> None:
    task = Task("regression", "y", ("id",), group=group)
    held = holdout_rows(ROWS, task, 0.3)
    assert 0.2 < held.mean() < 0.4
    assert np.array_equal(held[:1000], holdout_rows(ROWS[:1000], task, 0.3))
    if group:
        assert not set(ROWS["who"][held]) & set(ROWS["who"][~held])


@pytest.mark.parametrize("rows", [ROWS, ROWS[:0]])
def test_no_share_holds_nothing_out(rows: pd.DataFrame) -> None:
    assert holdout_rows(rows, Task("regression", "y", ("id",)), 0.0).sum() == 0
