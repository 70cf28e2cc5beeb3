"""The items that could be labelled, with what is known of each, read in batches: no table is loaded whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import Duck, literal, quoted
from mlops_kit.data.columns import require_columns
from mlops_kit.data.rules.expressions import check_expression
from mlops_kit.errors import BadDataError
from mlops_kit.labels.pool import items_query
from mlops_kit.spec.names import LABELLING

if TYPE_CHECKING:
    import pandas as pd

    from mlops_kit.artifacts.tables import TableFiles
    from mlops_kit.spec.labels import LabelTask
    from mlops_kit.spec.model import Schema, Task

ITEM, CONTENT, DRAW = "mlops-kit item", "mlops-kit content", "mlops-kit draw"
OPEN, DISPUTE, ANSWERS = "mlops-kit open", "mlops-kit dispute", "mlops-kit answers"
GOLD, DECIDED, HERE = "mlops-kit gold", "mlops-kit decided", "mlops-kit here"
TALLY = "(item VARCHAR, answers BIGINT, dispute DOUBLE, decided BOOLEAN, gold BOOLEAN)"
"""Columns of the table of answers, which has one row for each item with an event."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The items of a task in a database of their own."""

    duck: Duck
    """Holds the tables `items` (key columns, ITEM, CONTENT, DRAW and what the tally says of each)."""
    key: tuple[str, ...]
    """Columns that name a row."""

    def counts(self) -> dict[str, int]:
        """Return how many items there are, in all and by what is known of them."""
        names = ("items", "open", "answered", "decided", "gold", "waiting")
        row = self.duck.run(
            f"SELECT count(*), count(*) FILTER ({quoted(OPEN)}), count(*) FILTER ({quoted(ANSWERS)} > 0), "
            f"count(*) FILTER ({quoted(DECIDED)}), count(*) FILTER ({quoted(GOLD)}), count(*) FILTER (waiting) FROM items"
        ).fetchone()
        return dict(zip(names, map(int, row or ()), strict=True))

    def frames(
        self, table: TableFiles | None, columns: Sequence[str], where: str = "true"
    ) -> Iterator[pd.DataFrame]:
        """Yield the items that fit `where` in batches, with `columns` of `table` (matched by key), and HERE: whether it has such a row."""
        names = ", ".join(
            f"i.{quoted(name)}" for name in (ITEM, CONTENT, DRAW, OPEN, DISPUTE, GOLD, DECIDED, ANSWERS)
        )
        if table is None:
            sql = f"SELECT {names}, false AS {quoted(HERE)} FROM items i WHERE {where}"
        else:
            require_columns(table.schema(), [*self.key, *columns], "the table that the queue reads")
            more = "".join(f", f.{quoted(name)}" for name in columns)
            on = " AND ".join(f"f.{quoted(name)} IS NOT DISTINCT FROM i.{quoted(name)}" for name in self.key)
            here = f"coalesce(f.{quoted(HERE)}, false) AS {quoted(HERE)}"
            rows = f"(SELECT *, true AS {quoted(HERE)} FROM {table.sql()}) f"
            sql = f"SELECT {names}, {here}{more} FROM items i LEFT JOIN {rows} ON {on} WHERE {where}"
        for batch in self.duck.stream(sql).open():
            if batch.num_rows:
                yield batch.to_pandas()

    def labelled(
        self, labels: TableFiles, target: str, table: TableFiles, columns: Sequence[str], *, most: int
    ) -> pd.DataFrame:
        """Return ITEM, `target` of `labels` and `columns` of `table` of at most `most` items that have all of these rows, by their draw."""
        require_columns(labels.schema(), [*self.key, target], "labels")
        key = ", ".join(map(quoted, self.key))
        names = "".join(f", f.{quoted(name)}" for name in columns)
        sql = (
            f"SELECT i.{quoted(ITEM)}, l.{quoted(target)}{names} FROM items i JOIN {labels.sql()} l USING ({key}) "
            f"JOIN {table.sql()} f USING ({key}) WHERE l.{quoted(target)} IS NOT NULL "
            f"ORDER BY i.{quoted(DRAW)}, i.{quoted(ITEM)} LIMIT {int(most)}"
        )
        found: pd.DataFrame = self.duck.stream(sql).open().read_all().to_pandas()
        return found


def open_pool(
    duck: Duck,
    table: TableFiles,
    label: LabelTask,
    *,
    task: Task,
    schema: Schema,
    seed: int,
    waiting: Mapping[str, int] | None = None,
) -> Pool:
    """Return the items of `table`. The database must hold the table `tally` (TALLY); `waiting` has how many
    answers will come for items in exports that are out.

    Raises BadDataError for missing columns and for two rows of one name, SpecError for a `where` that is no condition on one row.
    """
    _check_condition(duck, table, label)
    query = items_query(table, task.key, label, schema, columns=task.key)
    _keep_waiting(duck, waiting)
    duck.run("SET preserve_insertion_order = false")
    duck.run(
        f"CREATE TABLE items AS SELECT n.*, md5_number_lower({literal(f'{seed}:')} || n.{quoted(ITEM)}) AS {quoted(DRAW)}, "
        f"coalesce(t.answers, 0) AS {quoted(ANSWERS)}, coalesce(t.dispute, 0) AS {quoted(DISPUTE)}, coalesce(t.decided, false) AS {quoted(DECIDED)}, "
        f"coalesce(t.gold, false) AS {quoted(GOLD)}, coalesce(w.answers, 0) > 0 AS waiting, "
        f"coalesce(t.answers, 0) + coalesce(w.answers, 0) < {int(label.votes)} AND NOT coalesce(t.decided, false) AS {quoted(OPEN)} "
        f"FROM (SELECT * RENAME (item AS {quoted(ITEM)}, content AS {quoted(CONTENT)}) FROM {query}) n "
        f"LEFT JOIN tally t ON t.item = n.{quoted(ITEM)} LEFT JOIN waiting w ON w.item = n.{quoted(ITEM)}"
    )
    _refuse_twins(duck, table, ", ".join(task.key))
    return Pool(duck, tuple(task.key))


def _keep_waiting(duck: Duck, waiting: Mapping[str, int] | None) -> None:
    import pyarrow as pa

    # Fetched to its end: DuckDB registers nothing while a result is open, and the check of a condition leaves one.
    duck.run("CREATE TABLE waiting (item VARCHAR, answers BIGINT)").fetchall()
    items = sorted(waiting or {})
    counts = pa.array([(waiting or {})[item] for item in items], pa.int64())
    duck.connection.register("given", pa.table({"item": pa.array(items, pa.string()), "answers": counts}))
    duck.run("INSERT INTO waiting SELECT item, answers FROM given").fetchall()
    duck.connection.unregister("given")


def _check_condition(duck: Duck, table: TableFiles, label: LabelTask) -> None:
    if label.where:
        described = duck.run(f"DESCRIBE SELECT * FROM {table.sql()}").fetchall()
        columns = {str(name): str(kind) for name, kind, *_ in described}
        check_expression(duck, label.where, columns, where=f"{LABELLING}, `where`")


def _refuse_twins(duck: Duck, table: TableFiles, keys: str) -> None:
    row = duck.run(
        f"SELECT {quoted(ITEM)}, count(*) FROM items GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    ).fetchone()
    if row:
        raise BadDataError(
            f"{table.paths[0].name}: {row[1]} rows are the item {row[0]!r}",
            fix=f"make the key ({keys}) unique in that table: task.key in mlops.yaml, or `dedupe` of the clean step",
        )
