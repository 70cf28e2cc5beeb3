"""schema.yaml read off data: written where there is none, compared with the one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.data.contract.facts import SAMPLE, ColumnFacts, look_at
from mlops_kit.data.contract.infer import Change, InferredColumn, changes, infer_column, schema_text
from mlops_kit.data.contract.loading import loaded_together
from mlops_kit.data.contract.rules import numbered, stored_columns
from mlops_kit.errors import BadDataError, RefusedError
from mlops_kit.project.datacheck import chosen_paths
from mlops_kit.project.roots import find_root
from mlops_kit.spec.load import LIFECYCLE, SCHEMA, load_schema, read_lifecycle, read_schema
from mlops_kit.spec.model import Task


@dataclass(frozen=True)
class Reading:
    """What data say about their contract."""

    where: tuple[str, ...]
    """What was looked at."""
    rows: int
    """Rows in all."""
    rejected: int
    """Lines that are no rows."""
    looked_at: int
    """Rows that types and values were read off; all of them unless the data are large."""
    columns: tuple[InferredColumn, ...]
    """The columns."""
    text: str
    """A schema.yaml that the data fit."""
    changes: tuple[Change, ...] | None
    """Where the data say something else than the schema.yaml that is there; None when there is none."""
    written: bool = False
    """Whether `text` was written to schema.yaml."""


def infer_contract(start: Path, paths: Sequence[Path] = (), *, write: bool = False) -> Reading:
    """Return the data contract that the rows of `paths` (together one table) suggest, by default of the project's raw data.

    With `write` it becomes the project's schema.yaml. Raises RefusedError when there is one, which is never overwritten; BadDataError for
    data that cannot be read or have no rows.
    """
    root = start if paths or (start / LIFECYCLE).exists() else find_root(start)
    lifecycle = read_lifecycle(root) if (root / LIFECYCLE).exists() else None
    target = root / SCHEMA
    if write and target.exists():
        raise RefusedError(
            f"{SCHEMA} is there and yours; it is never overwritten",
            fix="see what differs: mlops-kit data infer, and edit it",
        )
    chosen = chosen_paths(root, paths, lifecycle, verb="infer")
    facts, rows, rejected = read_facts([path for path, _ in chosen])
    columns = _columns(facts, lifecycle.task if lifecycle else None)
    looked = facts[0].rows if facts else 0
    notes = ["Read off data by mlops-kit data infer; yours from here on. Ranges are for you to know."]
    if looked < rows:
        notes.append(f"Types and values by {looked:,} of {rows:,} rows.")
    text = schema_text(columns, notes=notes)
    load_schema(text)
    there = read_schema(root) if target.exists() else None
    if write:
        target.write_text(text, encoding="utf-8", newline="\n")
    found = changes(there, columns) if there else None
    return Reading(tuple(name for _, name in chosen), rows, rejected, looked, columns, text, found, write)


def read_facts(paths: Sequence[Path], *, sample: int = SAMPLE) -> tuple[tuple[ColumnFacts, ...], int, int]:
    """Return the facts about the columns of `paths` (together one table), the number of rows, and of lines that are no rows.

    Raises BadDataError when they cannot be read or have no rows.
    """
    with loaded_together(paths) as found, open_duck() as duck:
        rows = found.files.count()
        if not rows:
            raise BadDataError(f"{paths[0]}: no rows, only a header")
        relation = numbered(found.files)
        stored = stored_columns(duck, relation)
        return look_at(duck, relation, stored, rows=rows, sample=sample), rows, found.rejected


def _columns(facts: Sequence[ColumnFacts], task: Task | None) -> tuple[InferredColumn, ...]:
    key = task.key if task else ()
    made = []
    for each in facts:
        found = infer_column(each, key=(each.name,) == key)
        if each.name in key:
            found = replace(found, column=replace(found.column, role="key"))
        elif task and each.name == task.time:
            found = replace(found, column=replace(found.column, role="time"))
        made.append(found)
    return tuple(made)
