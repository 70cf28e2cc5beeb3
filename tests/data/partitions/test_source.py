from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.data.partitions.source import State, cursor_name, partition_name
from mlops_kit.errors import BadDataError

LINE = PartitionLine("a", "in/a.csv", 3, 100, "ab" * 32, "cd" * 16, "2026-01-31T12:00:00Z", "0.1.0")


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_cursor_name_of_integers_sorts_as_numbers_do(left: int, right: int) -> None:
    assert (cursor_name(str(left)) < cursor_name(str(right))) == (left < right)


def test_cursor_name_of_a_time_sorts_as_the_time() -> None:
    assert cursor_name("2013-07-31T23:00:00Z") == "2013-07-31T23-00-00Z"


def test_cursor_name_of_a_negative_number_is_refused() -> None:
    with pytest.raises(BadDataError, match="negative"):
        cursor_name("-3")


@given(st.text())
def test_partition_name_is_a_file_name_or_refused(text: str) -> None:
    try:
        name = partition_name(text)
    except BadDataError:
        return
    assert name.isascii()
    assert not {*name} & {*'/\\:*?"<>| '}
    assert not name.startswith(".")


def test_cursor_of_a_state_is_that_of_the_last_partition() -> None:
    lines = (replace(LINE, partition="b", cursor_to="9"), replace(LINE, cursor_to="10"), LINE)
    assert State(lines).cursor == "9"
    assert State().cursor == ""
