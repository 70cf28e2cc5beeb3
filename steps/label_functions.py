"""Rules of thumb for flights that landed and have no recorded delay. Each is an annotator of its own, judged like any other.

On the 327,346 flights of the year whose delay is recorded, `clock` is wrong three times (they were more than 18 hours late), and 99.87 % of the 26,802
that left an hour or more late arrived late as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_kit import label_function

EARLIEST, LATEST = -60, 720
"""Minutes behind schedule between which a clock without a date can be trusted."""


def minutes_behind(scheduled: int, actual: int) -> int:
    """Return by how many minutes the clock time `actual` (2359 is 23:59) is behind `scheduled`: from six hours early to eighteen hours late."""
    difference = actual // 100 * 60 + actual % 100 - scheduled // 100 * 60 - scheduled % 100
    return (difference + 360) % 1440 - 360


@label_function
def clock(row: Mapping[str, Any]) -> str | None:
    """Read the two clocks; say nothing where the day is in doubt."""
    behind = minutes_behind(row["sched_arr_time"], row["arr_time"])
    if not EARLIEST <= behind <= LATEST:
        return None
    return "late" if behind >= 15 else "on_time"


@label_function
def left_an_hour_late(row: Mapping[str, Any]) -> str | None:
    """An hour is seldom made up in the air."""
    return "late" if (row["dep_delay"] or 0) >= 60 else None
