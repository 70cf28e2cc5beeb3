"""Add what the calendar says about each row: month, day of the week, hour.

Reads `clean` and writes `features`: the same rows with `month` (1 to 12), `weekday` (0 Monday to 6) and `hour` (0 to 23), all UTC.
Without a time column, or with `calendar: false`, the rows pass unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_kit import Rows, Task, add_calendar, run, step


@dataclass(frozen=True)
class FeaturesParams:
    """Section of params.yaml."""

    calendar: bool = True
    """Whether to add month, weekday and hour of the task's time column."""


@step(contract=1)
def features(clean: Rows, *, task: Task, params: FeaturesParams) -> Rows:
    """Add month, weekday and hour."""
    return add_calendar(clean, task.time if params.calendar else None)


if __name__ == "__main__":
    run(features)
