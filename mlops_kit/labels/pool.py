"""The items of a task: which rows of its table are asked about, what they are called, and what people see of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import quoted
from mlops_kit.errors import BadDataError
from mlops_kit.labels.items import content_sql, item_sql
from mlops_kit.spec.labels import LabelTask
from mlops_kit.spec.model import Schema

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_kit.artifacts.tables import TableFiles


def shown_columns(
    task: LabelTask, kinds: Mapping[str, pa.DataType], schema: Schema | None
) -> tuple[str, ...]:
    """Return the columns that people see, in order; never one that is marked `pii` and not in `allow_pii`.

    Raises BadDataError for a column of `show`, `text` or `image` that the table does not have.
    """
    wanted = task.show or tuple(kinds)
    asked = [*task.show, *filter(None, [task.text, task.image])]
    missing = [name for name in asked if name not in kinds]
    if missing:
        raise BadDataError(
            f"labels/labels.yaml shows {', '.join(missing)}, which `{task.table}` does not have",
            fix=f"take columns of `{task.table}`: {', '.join(kinds)}",
        )
    hidden = hidden_columns(task, schema)
    also = [name for name in asked if name not in wanted]
    return tuple(name for name in (*wanted, *also) if name not in hidden)


def hidden_columns(task: LabelTask, schema: Schema | None) -> frozenset[str]:
    """Return the columns that nobody sees and that name no item in clear: those that schema.yaml marks `pii`, without the task's `allow_pii`."""
    columns = schema.columns if schema else {}
    return frozenset(name for name, column in columns.items() if column.pii) - set(task.allow_pii)


def items_query(
    rows: TableFiles,
    key: Sequence[str],
    task: LabelTask,
    schema: Schema | None,
    *,
    columns: Sequence[str] = (),
) -> str:
    """Return a query in parentheses, to stand after FROM: `item`, `content`, and the given `columns` of the rows that `task.where` asks about.

    The order is that of the table. Raises BadDataError for columns that are not there.
    """
    kinds = rows.schema()
    shown = shown_columns(task, kinds, schema)
    missing = [name for name in (*key, *columns) if name not in kinds]
    if missing:
        raise BadDataError(f"`{task.table}` has no column {', '.join(missing)}", fix="mlops-kit run")
    hidden = hidden_columns(task, schema)
    kept = "".join(f", {quoted(name)}" for name in columns)
    where = f" WHERE ({task.where})" if task.where else ""
    return f"(SELECT {item_sql(key, kinds, hidden)} AS item, {content_sql(shown, kinds)} AS content{kept} FROM {rows.sql()}{where})"
