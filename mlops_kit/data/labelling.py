"""Labels from a column of rows of any number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mlops_kit.artifacts.duck import Duck, literal, open_duck, quoted
from mlops_kit.data.columns import require_columns
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_kit.artifacts.tables import RowStream, TableFiles
    from mlops_kit.spec.model import Task

DAY = 86_400_000_000


class LabelledRows(NamedTuple):
    """What labelling gives, in the order in which the label step returns it."""

    labels: RowStream
    """Key, target, and with a time column `known_at`, by key."""
    labelling: dict[str, float]
    """How many rows have a label, and how many have none, by reason."""


class ColumnLabels(NamedTuple):
    """Labels that a column gives, as SQL over its rows."""

    target: str
    """The label; only where it is `known`."""
    known: str
    """Whether the row has a label that is known by the newest time of all rows."""
    known_at: str
    """When it became known; NULL without a time column."""
    rows: int
    """Number of rows."""
    present: int
    """Rows whose column is there."""
    newest_day: float
    """The newest time of all rows, in days since 1970; 0 without one."""


def label_rows(
    rows: TableFiles,
    column: str,
    *,
    task: Task,
    at_least: float | None = None,
    equals: str | None = None,
    known_after_days: float = 0.0,
) -> LabelledRows:
    """Label the `rows` whose `column` is there and known by the newest time in them, `known_after_days` after the row's own time.

    A label is 1 from `at_least` on or where the column holds the text `equals`, else 0; with neither it is the value itself, which must be 0
    or 1 for classification. Raises BadDataError for a column that is missing or holds something else, and when no row has a label.
    """
    duck = open_duck()
    made = column_labels(
        duck,
        rows,
        column,
        task=task,
        at_least=at_least,
        equals=equals,
        known_after_days=known_after_days,
    )
    keys = ", ".join(map(quoted, task.key))
    when = f", {made.known_at} AS known_at" if task.time else ""
    sql = f"SELECT {keys}, {made.target} AS {quoted(task.target)}{when} FROM {rows.sql()} WHERE {made.known}"
    labelled, mean = mean_label(duck, sql, task)
    if not labelled:
        raise BadDataError(
            "no row has a known label", fix="lower label.known_after_days, or acquire more months"
        )
    last = (
        ", known_at" if task.time else ""
    )  # keys may repeat, and the order must not depend on anything else
    stream = duck.stream(f"{sql} ORDER BY {keys}, {quoted(task.target)}{last}")
    numbers = {
        "labelled": labelled,
        "unlabelled_missing": made.rows - made.present,
        "unlabelled_not_yet": made.present - labelled,
        "positive_share" if task.kind == "classification" else "mean_label": mean,
        "newest_row_day": made.newest_day,
    }
    return LabelledRows(stream, numbers)


def column_labels(
    duck: Duck,
    rows: TableFiles,
    column: str,
    *,
    task: Task,
    at_least: float | None = None,
    equals: str | None = None,
    known_after_days: float = 0.0,
) -> ColumnLabels:
    """Return what label_rows does as SQL, for whoever has other labels beside. Raises BadDataError as it does."""
    kinds = rows.schema()
    require_columns(kinds, [column, *task.key, *filter(None, [task.time])], "cleaned data")
    value = _value(column, kinds[column])
    if at_least is None and equals is None and task.kind == "classification":
        _check_classes(duck, rows, column, value)
    moment = f"epoch_us({quoted(task.time)})" if task.time else "NULL"
    newest, count, present = duck.run(
        f"SELECT max({moment}), count(*), count({value}) FROM {rows.sql()}"
    ).fetchone() or (None, 0, 0)
    known_at = f"{moment} + {int(known_after_days * DAY)}"
    known = f"{value} IS NOT NULL" + (f" AND {known_at} <= {newest or 0}" if task.time else "")
    return ColumnLabels(
        _target(value, kinds[column], task, at_least, equals),
        known,
        f"make_timestamptz({known_at})" if task.time else "NULL::TIMESTAMPTZ",
        count,
        present,
        0.0 if newest is None else newest / DAY,
    )


def _value(column: str, kind: pa.DataType) -> str:
    """Return SQL of the column's value, missing where it is no number."""
    import pyarrow as pa

    name = quoted(column)
    return f"nullif({name}, 'NaN'::DOUBLE)" if pa.types.is_floating(kind) else name


def _target(value: str, kind: pa.DataType, task: Task, at_least: float | None, equals: str | None) -> str:
    import pyarrow as pa

    if at_least is not None:
        return f"CAST(CAST({value} AS DOUBLE) >= {float(at_least)!r}::DOUBLE AS TINYINT)"
    if equals is None:
        return f"CAST({value} AS {'DOUBLE' if task.kind == 'regression' else 'TINYINT'})"
    if pa.types.is_floating(kind):  # 1.0 is the text `1` for some tools and `1.0` for others
        return f"coalesce(CAST({value} = TRY_CAST({literal(equals)} AS DOUBLE) AS TINYINT), 0::TINYINT)"
    return f"CAST(CAST({value} AS VARCHAR) = {literal(equals)} AS TINYINT)"


def _check_classes(duck: Duck, rows: TableFiles, column: str, value: str) -> None:
    import pyarrow as pa

    if pa.types.is_boolean(rows.schema()[column]):
        return
    text = f"CAST({value} AS VARCHAR)"
    wrong = duck.run(
        f"SELECT DISTINCT {text} AS text FROM {rows.sql()} WHERE {value} IS NOT NULL "
        f"AND coalesce(TRY_CAST({text} AS DOUBLE) NOT IN (0, 1), true) ORDER BY text LIMIT 5"
    ).fetchall()
    if wrong:
        raise BadDataError(
            f"`{column}` holds {', '.join(text for (text,) in wrong)}; a label is 0 or 1",
            fix="set label.at_least or label.equals",
        )


def mean_label(duck: Duck, sql: str, task: Task) -> tuple[int, float]:
    """Return number and mean of the labels. Numbers of regression are added exactly, so that their order does not matter."""
    name = quoted(task.target)
    if task.kind == "classification":
        count, total = duck.run(f"SELECT count(*), sum({name}) FROM ({sql})").fetchone() or (0, 0)
        return int(count), int(total or 0) / max(1, int(count))
    (count,) = duck.run(f"SELECT count(*) FROM ({sql})").fetchone() or (0,)
    labels = duck.stream(f"SELECT {name} FROM ({sql})").open()
    return int(count), math.fsum(_values(labels)) / max(1, int(count))


def _values(batches: pa.RecordBatchReader) -> Iterator[float]:
    for batch in batches:
        yield from batch.column(0).to_pylist()
