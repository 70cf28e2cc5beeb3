"""The reference project's own label functions."""

from __future__ import annotations

import pytest

from steps.label_functions import clock, left_an_hour_late


@pytest.mark.parametrize(
    ("scheduled", "actual", "said"),
    [
        (1200, 1214, "on_time"),
        (1200, 1215, "late"),
        (2350, 30, "late"),  # past midnight
        (10, 2355, "on_time"),  # before midnight
        (2400, 14, "on_time"),  # midnight has two names
        (1710, 1148, None),  # five hours early or 18 late: the clock cannot tell
    ],
)
def test_clock_reads_times_round_midnight(scheduled: int, actual: int, said: str | None) -> None:
    assert clock({"sched_arr_time": scheduled, "arr_time": actual}) == said


@pytest.mark.parametrize(("delay", "said"), [(60, "late"), (59, None), (None, None)])
def test_hour_at_departure_is_late(delay: int | None, said: str | None) -> None:
    assert left_an_hour_late({"dep_delay": delay}) == said
