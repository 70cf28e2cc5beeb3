"""What lies beside the truth: events that wait for a decision, and what can be no part of it, each line with the rule and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.arriving import Arrival
from mlops_kit.labels.events.model import event_line
from mlops_kit.labels.events.standing import INCOMING
from mlops_kit.labels.places import HELD, REFUSED


def aside_line(arrival: Arrival, rule: str) -> str:
    """Return the line that says what came, by which `rule` it is here, and why: `rule`, `why`, and `event` or, for what is none, `text`."""
    why = arrival.findings[rule]
    if arrival.event is None:
        return _line({"rule": rule, "why": why, "text": arrival.text})
    return _line({"rule": rule, "why": why, "event": json.loads(event_line(arrival.event))})


def aside_files(root: Path) -> tuple[Path, ...]:
    """Return the files of `labels/held/` and `labels/refused/`, by name."""
    return tuple(path for folder in (HELD, REFUSED) for path in sorted((root / folder).glob("*.jsonl")))


def known_aside(duck: Duck, arrivals: Sequence[Arrival], files: Sequence[Path], *, again: bool) -> None:
    """Add the finding `same_id` to the `arrivals` that lie in one of the `files` already. With `again` what was rejected with its whole batch
    may come again. Needs the table `INCOMING`."""
    if not files:
        return
    names = "[" + ", ".join(literal(path.as_posix()) for path in files) + "]"
    table = (
        f"read_json({names}, format = 'newline_delimited', "
        "columns = {rule: 'VARCHAR', text: 'VARCHAR', event: 'STRUCT(id VARCHAR)'})"
    )
    where = " AND rule <> 'rejected'" if again else ""
    ids = {
        row[0]
        for row in _run(
            duck, f"SELECT event.id FROM {table} WHERE event.id IN (SELECT id FROM {INCOMING}){where}"
        )
    }
    loose = any(each.event is None for each in arrivals)
    texts = (
        {row[0] for row in _run(duck, f"SELECT text FROM {table} WHERE text IS NOT NULL")} if loose else set()
    )
    for each in arrivals:
        if (each.event is not None and each.id in ids) or (each.event is None and each.text in texts):
            each.findings["same_id"] = "this came before, and is held or refused"
        elif each.event is None:
            texts.add(each.text)


def read_aside(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of `labels/held/` or `labels/refused/`. Raises BadDataError naming the line that is none."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = json.loads(line)
            fits = isinstance(entry, dict) and isinstance(entry.get("rule"), str)
        except ValueError:
            fits = False
        if not fits:
            raise BadDataError(
                f"{path.parent.name}/{path.name}:{number}: not what mlops-kit writes there",
                fix=f"take it back from git: git checkout -- labels/{path.parent.name}/{path.name}",
            )
        found.append(entry)
    return found


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _run(duck: Duck, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        return duck.run(sql).fetchall()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise BadDataError(
            f"labels/held or labels/refused cannot be read: {str(error).splitlines()[0]}",
            fix="take it back from git: git checkout -- labels/held labels/refused",
        ) from error
