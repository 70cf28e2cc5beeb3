"""Add what the calendar says about each row: month, day of the week, hour.

Reads `clean` and writes `features`: the same rows with `month` (1 to 12), `weekday` (0 Monday to 6) and `hour` (0 to 23), all UTC.
Without a time column, or with `calendar: false`, the rows pass unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_kit import Arrow, Task, run, step


@dataclass(frozen=True)
class FeaturesParams:
    """Section of params.yaml."""

    calendar: bool = True
    """Whether to add month, weekday and hour of the task's time column."""


@step(contract=1)
def features(clean: Arrow, *, task: Task, params: FeaturesParams) -> Arrow:
    """Add month, weekday and hour."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if task.time is None or not params.calendar:
        return clean
    time = clean[task.time]
    made = {"month": pc.month(time), "weekday": pc.day_of_week(time), "hour": pc.hour(time)}
    for name, values in made.items():
        if name not in clean.column_names:
            clean = clean.append_column(name, values.cast(pa.int64()))
    return clean


if __name__ == "__main__":
    run(features)
