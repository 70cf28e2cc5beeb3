"""Label functions: rules of thumb of a project, each an annotator of its own whose votes are events like any other.

A project writes them in `steps/label_functions.py`. A function sees one row, or with `batch=True` many, and says what the answer is, or None
when it cannot tell. What it says counts only by way of its votes: agreement, coverage and accuracy are reported for it as for a person.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.artifacts.tables import RowStream
from mlops_kit.data.columns import require_columns
from mlops_kit.data.rules.expressions import check_expression
from mlops_kit.data.rules.functions import exact_tables, frame_of, load_module, takes_arrow
from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.labels.consensus.labelling import choose_question
from mlops_kit.labels.events.model import LabelEvent, event_schema
from mlops_kit.labels.items import item_sql
from mlops_kit.labels.pool import hidden_columns
from mlops_kit.spec.names import LABELLING

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_kit.artifacts.tables import TableFiles
    from mlops_kit.spec.labels import Labelling, LabelTask
    from mlops_kit.spec.model import Schema, Task

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__label_function__"
NO_TIME = "1970-01-01T00:00:00.000Z"
"""Time of a vote that is computed: equal inputs give equal votes, whenever they are computed."""
TOOL = "label.functions"
ITEM = "__item"


@dataclass(frozen=True)
class LabelFunction:
    """One label function of a project."""

    name: str
    """Name of the function; the annotator of its votes."""
    call: Callable[[Any], Any]
    """The function itself."""
    question: str | None
    """Task of labels/labels.yaml that it answers; None answers whichever is asked."""
    batch: bool
    """Whether it takes many rows at once."""


@overload
def label_function(function: F) -> F: ...
@overload
def label_function(*, question: str | None = None, batch: bool = False) -> Callable[[F], F]: ...
def label_function(
    function: F | None = None, *, question: str | None = None, batch: bool = False
) -> F | Callable[[F], F]:
    """Mark a function of the project as a label function: an annotator under the function's name.

    It gets one row, a mapping of column -> value (None where it is missing), and returns the answer in the form of the task's type, or None when
    it cannot tell. With `batch` it gets a pandas DataFrame (a pyarrow Table when its parameter is annotated `Arrow`) and returns one
    answer for each row. `question` names the task that it answers, for projects with several. The function itself is returned unchanged.
    """

    def mark(marked: F) -> F:
        setattr(marked, MARK, (question, batch))
        return marked

    return mark if function is None else mark(function)


def read_functions(path: str, question: str) -> tuple[LabelFunction, ...]:
    """Run the project's file `path` and return its label functions for the task `question`, by name.

    Raises SpecError when the file is not there, has none for this task, or has one whose name can be no pseudonym.
    """
    from pathlib import Path

    if Path(path).is_absolute() or ".." in Path(path).parts or not Path(path).is_file():
        raise SpecError(
            f"no file {path} in the project",
            where="params.yaml",
            fix="create it, with a function under @label_function",
        )
    marked = {id(one): one for one in vars(load_module(path)).values() if hasattr(one, MARK)}.values()
    found = [LabelFunction(one.__name__, one, *getattr(one, MARK)) for one in marked]
    mine = sorted((one for one in found if one.question in (None, question)), key=lambda one: one.name)
    names = [one.name for one in mine]
    unfit = [name for name in names if name.startswith("_") or names.count(name) > 1]
    if unfit:
        raise SpecError(
            f"`{unfit[0]}` is the name of a label function twice, or begins with `_`",
            where=path,
            fix="rename it",
        )
    if not mine:
        raise SpecError(
            f"no label function for the task `{question}`",
            where=path,
            fix="put @label_function above a function",
        )
    return tuple(mine)


def vote_rows(
    rows: TableFiles,
    *,
    path: str,
    question: str | None,
    task: Task,
    schema: Schema,
    labelling: Labelling,
    batch_rows: int = 10_000,
) -> RowStream:
    """Return the votes of the label functions in the file `path` on the items of a task, as label events with the columns of `event_schema`.

    Items are the `rows` for which the task's `where` holds; votes come by item, then function. A function that returns None votes not
    at all. Raises SpecError for what `read_functions` and `choose_question` say, BadDataError for an answer that the task does not have.
    """
    name, asked = choose_question(labelling, question)
    functions = read_functions(path, name)
    kinds = rows.schema()
    require_columns(kinds, task.key, "rows to label")
    hidden = hidden_columns(asked, schema)
    duck = open_duck()
    if asked.where:
        described = duck.run(f"DESCRIBE SELECT * FROM {rows.sql()}").fetchall()
        check_expression(
            duck,
            asked.where,
            {column: kind for column, kind, *_ in described},
            where=f"{LABELLING} ({name}.where)",
        )
    item = item_sql(task.key, kinds, hidden)
    query = f"SELECT {item} AS {ITEM}, * FROM {rows.sql()} WHERE {asked.where or 'true'} ORDER BY {ITEM}"

    def start() -> pa.RecordBatchReader:
        import pyarrow as pa

        reader = duck.connection.cursor().sql(query).to_arrow_reader(batch_rows)
        votes = (_vote(table, functions, name, asked) for table in exact_tables(reader, batch_rows))
        return pa.RecordBatchReader.from_batches(event_schema(), votes)

    return RowStream(start)


def _vote(
    table: pa.Table, functions: Sequence[LabelFunction], question: str, task: LabelTask
) -> pa.RecordBatch:
    """Return the votes of all functions on one batch of rows."""
    import pyarrow as pa

    items = table[ITEM].to_pylist()
    seen = table.drop_columns([ITEM])
    rows = seen.to_pylist() if any(not one.batch for one in functions) else []
    answers = [list(_answers(one, seen, rows, items)) for one in functions]
    made = []
    for place, item in enumerate(items):
        for function, given in zip(functions, answers, strict=True):
            value = _plain(given[place])
            if value is not None:
                _check_answer(value, task, function.name, item)
                event = LabelEvent(
                    item, question, value, function.name, NO_TIME, source="function", batch="votes", tool=TOOL
                )
                made.append(event_row(event))
    batch: pa.RecordBatch = pa.RecordBatch.from_pylist(made, event_schema())
    return batch


def _answers(
    function: LabelFunction, table: pa.Table, rows: Sequence[Mapping[str, Any]], items: Sequence[str]
) -> Iterator[Any]:
    """Yield what the function says of each row; what it raises says of which."""
    if function.batch:
        given = list(function.call(table if takes_arrow(function.call) else frame_of(table)))
        if len(given) != len(items):
            raise BadDataError(
                f"the label function `{function.name}` gave {len(given)} answers for {len(items)} rows",
                fix="return one answer for each row, None where it cannot tell",
            )
        yield from given
        return
    for row, item in zip(rows, items, strict=True):
        try:
            yield function.call(row)
        except Exception as error:
            error.add_note(f"in the label function `{function.name}`, at item {item}")
            raise


def _plain(value: Any) -> Any:
    """Return an answer as JSON has it: scalars of NumPy, pandas and Arrow as Python's, their missing values as None."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    elif hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    missing = type(value).__name__ in ("NAType", "NaTType") or (
        isinstance(value, float) and math.isnan(value)
    )
    return None if missing else value


def _check_answer(value: Any, task: LabelTask, function: str, item: str) -> None:
    """Raise BadDataError for an answer that is none of the task's. It is not shown: it may hold a value of the data."""
    if task.type == "class":
        fits = isinstance(value, str) and value in task.classes
    elif task.type == "classes":
        fits = isinstance(value, list | tuple) and set(value) <= set(task.classes)
    elif task.type == "number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number and (task.min is None or value >= task.min) and (task.max is None or value <= task.max)
    else:
        fits = isinstance(value, list | tuple | dict) or task.type == "json"
    if not fits:
        wanted = ", ".join(task.classes) or f"what the type `{task.type}` takes"
        raise BadDataError(
            f"the label function `{function}` gave an answer that is none of the task's, for item {item}",
            fix=f"return {wanted}, or None",
        )


def event_row(event: LabelEvent) -> dict[str, Any]:
    """Return an event as a row of `event_schema`, its value as JSON text."""
    value = json.dumps(event.value, ensure_ascii=False, allow_nan=False)
    return {"id": event.id, **vars(event), "value": value}
