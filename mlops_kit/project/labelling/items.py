"""Events that come against the items of their task: are they known, and is their content still what was shown?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_kit.artifacts.duck import Duck
from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.artifacts.tables import TableFiles, read_partition_rows, read_rows
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.arriving import Arrival
from mlops_kit.labels.events.placing import judge_items
from mlops_kit.labels.pool import items_query
from mlops_kit.spec.labels import LabelTask
from mlops_kit.spec.load import SCHEMA, read_labelling, read_lifecycle, read_schema


def item_source(root: Path, task: LabelTask) -> TableFiles:
    """Return the table whose rows are the items of `task`. Raises BadDataError when it is not here."""
    name = task.table
    file = root / KINDS["Rows"].locate(name)
    return (
        read_rows(file)
        if file.exists() or not file.with_suffix("").is_dir()
        else read_partition_rows(file.with_suffix(""))
    )


def task_items(root: Path, task: LabelTask, columns: Sequence[str] = ()) -> str:
    """Return a query in parentheses, to stand after FROM: `item`, `content` and `columns` of the items of `task` in the project at `root`.

    Raises BadDataError when the table or a column is not here, SpecError when a project file cannot be used.
    """
    schema = read_schema(root) if (root / SCHEMA).exists() else None
    key = read_lifecycle(root).task.key
    return items_query(item_source(root, task), key, task, schema, columns=columns)


def find_items(duck: Duck, root: Path, arrivals: Sequence[Arrival]) -> tuple[str, ...]:
    """Add what the data say about the `arrivals`; return, in words, the tasks whose items cannot be judged because their table is not here.

    Needs the table `INCOMING`.
    """
    labelling = read_labelling(root)
    by_position = {each.position: each for each in arrivals}
    notes = []
    for name in sorted({each.event.task for each in arrivals if each.event} & set(labelling.tasks)):
        try:
            judge_items(duck, task_items(root, labelling.tasks[name]), name, by_position)
        except BadDataError as error:
            notes.append(f"the items of `{name}` were not looked up: {error.message}; {error.fix}")
    return tuple(notes)
