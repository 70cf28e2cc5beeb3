"""What schema.yaml says of the table as a whole, in the one wording that `acquire` and `data check` share."""

from __future__ import annotations

from mlops_kit.spec.model import Freshness, RowBounds

_DAY = 86_400.0


def row_problems(bounds: RowBounds, rows: int) -> tuple[str, ...]:
    """Return what is wrong with the number of `rows` of the whole table; nothing when it is plausible."""
    if rows < bounds.min:
        return (f"{rows:,} rows, schema.yaml expects {bounds.min:,} or more",)
    if bounds.max is not None and rows > bounds.max:
        return (f"{rows:,} rows, schema.yaml expects at most {bounds.max:,}",)
    return ()


def age_problems(freshness: Freshness, newest: float, now: float) -> tuple[str, ...]:
    """Return what is wrong with the age of the `newest` row; both times in seconds since 1970."""
    days = (now - newest) / _DAY
    if days <= freshness.max_age_days:
        return ()
    return (
        f"the newest row is {days:.1f} days old by `{freshness.column}`, schema.yaml allows {freshness.max_age_days:g}",
    )
