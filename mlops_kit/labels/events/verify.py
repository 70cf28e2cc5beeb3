"""Events whose id or fields look wrong in bulk, looked at one by one."""

from __future__ import annotations

import json
from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.broken import broken_lines, reading, stopped
from mlops_kit.labels.events.form import NotEventError, event_of
from mlops_kit.labels.events.ids import id_sql
from mlops_kit.labels.events.model import COLUMNS
from mlops_kit.labels.events.reading import read_events
from mlops_kit.labels.events.rules import RULES

_BATCH = 10_000
BAD_FIELD = (
    "coalesce(id = '' OR item = '' OR task = '' OR annotator = '', true) OR \"time\" IS NULL "
    'OR NOT coalesce(confidence BETWEEN 0 AND 1, true) OR NOT coalesce("seconds" BETWEEN 0 AND 1e9, true) '
    "OR coalesce(source, 'person') NOT IN ('person', 'vendor', 'function', 'model') "
    "OR coalesce(\"role\", 'vote') NOT IN ('vote', 'adjudication', 'gold')"
)
"""SQL that is true for an event with a field that is missing, or out of its bounds."""


def check_doubtful(duck: Duck, doubtful: str, files: EventFiles) -> None:
    """Raise BadDataError, naming file and line, for the first event of the query `doubtful` that breaks a rule of form."""
    names = ", ".join(f'"{name}"' for name in (*COLUMNS, "file"))
    for batch in duck.connection.cursor().sql(f"SELECT {names} FROM {doubtful}").to_arrow_reader(_BATCH):
        for row in batch.to_pylist():
            fault = row_fault(row)
            if fault:
                raise _located(row, fault, files)


def row_fault(row: dict[str, Any]) -> NotEventError | None:
    """Return what is wrong with the form of an event that was read as columns; None for a good one."""
    said = {name: row[name] for name in COLUMNS if row[name] is not None}
    try:
        said["value"] = json.loads(row["value"])
        event_of(said, need_id=True)
    except NotEventError as fault:
        return fault
    except (ValueError, RecursionError):
        return NotEventError("bad_field", "`value` is no JSON")
    return None


def _located(row: dict[str, Any], fault: NotEventError, files: EventFiles) -> BadDataError:
    path = next(path for path in files.paths if path.name == row["file"])
    if path.suffix == ".jsonl":
        for broken in broken_lines(path):
            if RULES[broken.rule].use == "stops":
                return stopped(broken)
    return BadDataError(f"{path.name}: event {row['id']}: {fault.why}", fix=RULES[fault.rule].mend)


def fault_of(duck: Duck, files: EventFiles) -> BadDataError | None:
    """Return what is wrong with the form or an id of an event in `files`, None when all is well; one read of all of them."""
    events = read_events(files).sql()
    doubtful = f"{events} WHERE {BAD_FIELD} OR id <> {id_sql()}"
    try:
        with reading(files):
            if duck.run(f"SELECT count(*) FROM {doubtful}").fetchall()[0][0]:
                check_doubtful(duck, doubtful, files)
    except BadDataError as error:
        return error
    return None
