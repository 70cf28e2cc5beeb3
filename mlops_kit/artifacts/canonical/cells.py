"""Cells of tables: which have a text that is the same in every process, and what a database or a sheet can hold."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Mapping

from mlops_kit.errors import BadDataError

SIMPLE = (str, bytes, int, float, complex, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID)  # fmt: skip


def check_cell(cell: object, where: str) -> None:
    """Raise BadDataError, naming `where`, for a cell that has no text which is the same in every process."""
    if cell is None or isinstance(cell, SIMPLE) or type(cell).__module__.split(".")[0] in ("numpy", "pandas"):
        return
    if isinstance(cell, list | tuple):
        for item in cell:
            check_cell(item, where)
    elif isinstance(cell, Mapping):
        for key, item in cell.items():
            check_cell(key, where)
            check_cell(item, where)
    else:
        hint = "sorted(...) gives it an order" if isinstance(cell, set | frozenset) else "write its text"
        raise BadDataError(f"{where}: a {type(cell).__name__} has no text that is stable", fix=hint)


def plain_cell(cell: object, where: str) -> int | float | str | bytes | None:
    """Return a cell as a database or a sheet holds it: NaN is missing, truth is 0 or 1, dates are ISO texts.

    Raises BadDataError, naming `where`, for anything that is not a single value.
    """
    value = cell.item() if hasattr(cell, "dtype") and hasattr(cell, "item") else cell
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, str | bytes | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise BadDataError(
        f"{where}: a {type(value).__name__} cannot be stored in a table", fix="write it as text or number"
    )
