"""The items of a task of a project."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.tables import TableFiles, read_partition_rows, read_rows
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.labels.delivery.pool import Pool
from mlops_kit.labels.pool import hidden_columns, shown_columns
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.load import LABELLING, SCHEMA, read_labelling, read_lifecycle, read_schema


def open_pool(root: Path, task: str | None) -> Pool:
    """Return the items of a task of the project at `root`; of the only one when None.

    Raises UsageError for a task that is not in labels/labels.yaml, BadDataError without the table, SpecError for a bad project file.
    """
    labelling = read_labelling(root)
    name = chosen_task(labelling, task)
    chosen = labelling.tasks[name]
    lifecycle = read_lifecycle(root)
    files = _table(root, chosen.table)
    kinds = files.schema()
    schema = read_schema(root)
    key = lifecycle.task.key
    missing = [column for column in key if column not in kinds]
    if missing:
        raise SpecError(
            f"task.key names `{missing[0]}`, which is no column of {chosen.table}",
            where="mlops.yaml",
            fix=f"choose columns of {chosen.table}, or another `table` in {LABELLING}",
        )
    shown = shown_columns(chosen, kinds, schema)
    if not shown:
        raise SpecError(
            f"tasks.{name} shows nothing: its columns are all marked `pii` in {SCHEMA}",
            where=LABELLING,
            fix="name columns in `show`, or permit some in `allow_pii`",
        )
    hidden = hidden_columns(chosen, schema)
    return Pool(root, name, chosen, labelling, files, kinds, key, shown, hidden)


def chosen_task(labelling: Labelling, task: str | None) -> str:
    """Return the name of a task: `task`, or the only one. Raises UsageError when there is none of that name, or several."""
    names = ", ".join(labelling.tasks)
    if task is None:
        if len(labelling.tasks) > 1:
            raise UsageError(f"{LABELLING} has several tasks: {names}", fix="name one of them")
        return next(iter(labelling.tasks))
    if task not in labelling.tasks:
        raise UsageError(f"`{task}` is no task of {LABELLING}", fix=f"one of: {names}")
    return task


def _table(root: Path, name: str) -> TableFiles:
    file, folder = root / "data" / f"{name}.parquet", root / "data" / name
    return read_partition_rows(folder) if folder.is_dir() and not file.exists() else read_rows(file)
