"""The items of a task: the rows of its table, named and hashed as events name them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import Duck, quoted
from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.labels.items import content_sql, item_sql, text_sql
from mlops_kit.spec.labels import Labelling, LabelTask
from mlops_kit.spec.load import LABELLING

if TYPE_CHECKING:
    import pyarrow as pa

ITEMS = "items"
"""The view that `Pool.view` makes: `item`, `content`, and the columns of the table."""


@dataclass(frozen=True)
class Pool:
    """The items of one task; nothing is read until it is asked for."""

    root: Path
    """The project."""
    name: str
    """Task of labels/labels.yaml."""
    task: LabelTask
    """What is asked."""
    labelling: Labelling
    """The whole of labels/labels.yaml."""
    files: TableFiles
    """The table."""
    kinds: dict[str, pa.DataType]
    """Its columns."""
    key: tuple[str, ...]
    """Columns that name an item."""
    shown: tuple[str, ...]
    """Columns that annotators see."""
    hidden: frozenset[str]
    """Columns that nobody sees."""

    def view(self, duck: Duck) -> None:
        """Make the view `items` in `duck`. Raises SpecError when `where` of the task is no condition on its table."""
        import duckdb

        item = item_sql(self.key, self.kinds, self.hidden)
        content = content_sql(self.shown, self.kinds)
        which = f" WHERE ({self.task.where})" if self.task.where else ""
        columns = ", ".join(f"{quoted(name)} AS {quoted('.' + name)}" for name in self.shown)
        sql = f"SELECT {item} AS item, {content} AS content, {columns} FROM {self.files.sql()}{which}"
        try:
            duck.run(f"CREATE OR REPLACE TEMP VIEW {ITEMS} AS {sql}")
        except duckdb.Error as error:
            raise SpecError(
                f"tasks.{self.name}.where is no condition on {self.task.table}: {str(error).splitlines()[0]}",
                where=LABELLING,
                fix="write SQL on the table's columns, such as `arr_delay IS NULL`",
            ) from None

    def hashes(self, duck: Duck, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return item -> content hash, of all items or of those of `names` that there are. Needs `view`."""
        import pyarrow as pa

        if names is None:
            rows = duck.run(f"SELECT item, content FROM {ITEMS}").fetchall()
        else:
            duck.connection.register("wanted", pa.table({"item": pa.array(names, pa.string())}))
            rows = duck.run(f"SELECT item, content FROM {ITEMS} SEMI JOIN wanted USING (item)").fetchall()
        found = dict(rows)
        if len(found) < len(rows):
            raise BadDataError(
                f"{self.task.table}: two rows have one item name, by the key {', '.join(self.key)}",
                fix="name the columns in `task.key` of mlops.yaml that tell rows apart",
            )
        return found

    def rows(self, duck: Duck, names: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield item, content hash and what is shown, for each of `names` that there is, in their order. Needs `view`. Times are texts, bytes
        are bytes."""
        import pyarrow as pa

        order = pa.table(
            {"item": pa.array(names, pa.string()), "place": pa.array(range(len(names)), pa.int64())}
        )
        duck.connection.register("wanted", order)
        columns = ", ".join(_shown_sql(name, self.kinds[name]) for name in self.shown)
        sql = (
            f"SELECT i.item, i.content, {columns} FROM {ITEMS} i JOIN wanted w USING (item) ORDER BY w.place"
        )
        cursor = duck.run(sql)
        while found := cursor.fetchmany(10_000):
            for item, content, *values in found:
                yield item, content, dict(zip(self.shown, map(_plain, values), strict=True))


def _shown_sql(name: str, kind: pa.DataType) -> str:
    """Return SQL of a value as it goes out: plain numbers, booleans, texts and bytes as they are, all else as the text that is hashed."""
    import pyarrow as pa

    column = f"i.{quoted('.' + name)}"
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)
    if whole or pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind):
        return column
    return text_sql("." + name, kind)


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is no number (NaN, infinity) is missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
