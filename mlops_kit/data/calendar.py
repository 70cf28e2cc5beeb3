"""What the calendar says about rows of any number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import open_duck, quoted
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.artifacts.tables import RowStream, TableFiles

# isodow counts from 1, Monday; the day of the week of pandas and pyarrow from 0.
PARTS = {"month": "month({})", "weekday": "isodow({}) - 1", "hour": "hour({})"}


def add_calendar(rows: TableFiles, time: str | None) -> RowStream:
    """Return `rows`, in their order, with `month` (1 to 12), `weekday` (0 Monday to 6) and `hour` (0 to 23) of the column `time`, UTC.

    A column that is there already stays as it is; without `time` nothing is added. Raises BadDataError when `time` holds no times.
    """
    import pyarrow as pa

    kinds = rows.schema()
    columns = [quoted(name) for name in kinds]
    if time is not None:
        if time not in kinds or not (pa.types.is_timestamp(kinds[time]) or pa.types.is_date(kinds[time])):
            raise BadDataError(
                f"`{time}` is no column of times, but {kinds.get(time, 'missing')}",
                fix="give it the type timestamp in schema.yaml, or set task.time in mlops.yaml to another column",
            )
        moment = f"CAST({quoted(time)} AS TIMESTAMPTZ)"
        columns += [
            f"CAST({sql.format(moment)} AS BIGINT) AS {name}"
            for name, sql in PARTS.items()
            if name not in kinds
        ]
    return open_duck().stream(f"SELECT {', '.join(columns)} FROM {rows.sql()}")
