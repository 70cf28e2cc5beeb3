"""Rows and their labels, joined once into a scratch file from which all sets are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import Duck, literal, open_duck, quoted
from mlops_kit.data.columns import require_columns
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_kit.artifacts.tables import RowStream, TableFiles
    from mlops_kit.spec.model import Schema, Task

PLACE = "mlops-kit place"
STRATUM = "mlops-kit stratum"
BY = "mlops-kit by"
"""Who labelled a row, where the labels say so (`labelled_by`)."""


@dataclass(frozen=True)
class JoinedRows:
    """Every row of the features with its label, or without one, and its place. The scratch file goes with the database."""

    duck: Duck
    """The database that reads it."""
    columns: tuple[str, ...]
    """Columns of the sets, in their order; the target is the last."""
    kinds: Mapping[str, pa.DataType]
    """Column -> Arrow type."""
    task: Task
    """Key, target, time and group."""
    rows: int
    """Rows of the features."""
    labelled: int
    """Rows that have a label."""
    repeated_keys: int
    """Keys that several rows have."""
    relation: str
    """SQL that reads the rows, to stand after FROM; beside the columns it has PLACE, STRATUM and BY."""

    @property
    def known(self) -> str:
        """Return SQL that reads `stratum` and `place` of the labelled rows, to stand after FROM."""
        return (
            f"(SELECT {quoted(STRATUM)} AS stratum, {quoted(PLACE)} AS place FROM {self.relation} "
            f"WHERE {quoted(self.task.target)} IS NOT NULL)"
        )

    def numbers(self, sql: str) -> tuple[int, ...]:
        """Return the one row of integers that `sql` gives; 0 for a missing one."""
        return tuple(int(value or 0) for value in self.duck.run(sql).fetchone() or ())

    def stream(self, where: str, *, target: bool = True) -> RowStream:
        """Return the rows that fit the SQL condition `where`, by key, without the target where nothing is labelled."""
        names = [quoted(name) for name in (self.columns if target else self.columns[:-1])]
        order = [quoted(name) for name in self.task.key]
        if self.repeated_keys:  # rows that are equal in everything may stand in any order
            order += [name for name in names if name not in order]
        return self.duck.stream(
            f"SELECT {', '.join(names)} FROM {self.relation} WHERE {where} ORDER BY {', '.join(order)}"
        )


def join_labels(
    features: TableFiles, labels: TableFiles, place: str, stratum: str, *, task: Task, schema: Schema
) -> JoinedRows:
    """Join `features` and `labels` by key; columns with the role `ignore` or `label_source` are left out.

    `place` and `stratum` are SQL over the joined row (of its own columns, and the target). A label that is missing is none. Raises
    BadDataError when columns are missing or labels repeat a key.
    """
    kinds, target = dict(features.schema()), labels.schema()
    require_columns(kinds, [*task.key, *filter(None, (task.time, task.group))], "features")
    require_columns(target, [*task.key, task.target], "labels")
    columns = _columns(kinds, task, schema)
    by = "labelled_by" if "labelled_by" in target else "NULL::VARCHAR"
    duck = open_duck()
    key = ", ".join(map(quoted, task.key))
    duck.run("SET preserve_insertion_order = false")  # the sets are sorted when they are read
    _copy(
        duck,
        f"SELECT {', '.join(map(quoted, (*columns, task.target)))}, {place} AS {quoted(PLACE)}, {stratum} AS {quoted(STRATUM)}, {quoted(BY)} "
        f"FROM (SELECT {', '.join(map(quoted, columns))} FROM {features.sql()}) "
        f"LEFT JOIN (SELECT {key}, {quoted(task.target)}, {by} AS {quoted(BY)} FROM {labels.sql()}) USING ({key})",
    )
    duck.run("SET preserve_insertion_order = true")
    kinds = {name: kinds[name] for name in columns} | {task.target: target[task.target]}
    return _counted(duck, (*columns, task.target), kinds, task, features.count())


def _columns(kinds: Mapping[str, pa.DataType], task: Task, schema: Schema) -> tuple[str, ...]:
    kept = {*task.key, task.time, task.group}
    gone = {n for n, c in schema.columns.items() if c.role in ("ignore", "label_source") and n not in kept}
    columns = tuple(name for name in kinds if name not in gone)
    if task.target in columns:
        raise BadDataError(
            f"the features have a column `{task.target}`, which is the target",
            fix="drop it in the step that makes the features, or give it the role `label_source` in schema.yaml",
        )
    return columns


def _copy(duck: Duck, sql: str) -> None:
    import duckdb

    try:
        duck.run(f"COPY ({sql}) TO {literal(_file(duck))} (FORMAT parquet, COMPRESSION snappy)")
    except (duckdb.BinderException, duckdb.ConversionException) as error:
        raise BadDataError(
            f"features and labels cannot be joined: {error}",
            fix="give the key columns the same types in both",
        ) from error


def _counted(
    duck: Duck, columns: tuple[str, ...], kinds: Mapping[str, pa.DataType], task: Task, rows: int
) -> JoinedRows:
    key = ", ".join(map(quoted, task.key))
    made, labelled = duck.run(
        f"SELECT count(*), count({quoted(task.target)}) FROM {_scratch(duck)}"
    ).fetchone() or (0, 0)
    if made != rows:
        raise BadDataError(
            f"the labels name {made - rows} rows more than once", fix="make the key unique in the labels"
        )
    # By digest first: groups of eight bytes for all rows, and whole keys only for what may repeat.
    (repeated,) = duck.run(
        f"SELECT count(*) FROM (SELECT 1 FROM {_scratch(duck)} WHERE hash({key}) IN (SELECT h FROM (SELECT hash({key}) AS h "
        f"FROM {_scratch(duck)}) GROUP BY h HAVING count(*) > 1) GROUP BY {key} HAVING count(*) > 1)"
    ).fetchone() or (0,)
    return JoinedRows(duck, columns, kinds, task, rows, int(labelled), int(repeated), _scratch(duck))


def _file(duck: Duck) -> str:
    return (duck.scratch / "joined.parquet").as_posix()


def _scratch(duck: Duck) -> str:
    return f"read_parquet({literal(_file(duck))}, can_have_nan = true)"
