"""What accepted events say about the items of a task, for what goes out next and for judging what comes back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import Duck, literal, open_duck
from mlops_kit.labels.delivery.choosing import Known
from mlops_kit.labels.delivery.sameness import said
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.reading import read_events
from mlops_kit.project.labelling.store import events_here
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Labelling


@dataclass(frozen=True)
class Earlier:
    """What is known about the items of a delivery, but by the delivery itself."""

    gold: Mapping[str, JsonValue]
    """Item -> right answer."""
    votes: tuple[LabelEvent, ...]
    """Votes that count, for these items."""
    balance: Mapping[str, int]
    """Answer, as `said` writes it -> how many votes for items of the whole task give it."""


def known_answers(root: Path, task: str, labelling: Labelling) -> Known:
    """Return how many annotators answered for each item of a task, and which items are decided. Answers of functions and models do not count."""
    with open_duck() as duck:
        votes = counted_votes(duck, events_here(root), task, labelling).table
        answers = duck.run(
            f"SELECT item, count(DISTINCT annotator) FROM {votes} "  # noqa: S608 - a name from the other room
            "WHERE role = 'vote' AND source IN ('person', 'vendor') GROUP BY item"
        ).fetchall()
        decided = duck.run(
            f"SELECT item, bool_or(role = 'gold') FROM {votes} "  # noqa: S608 - as above
            "WHERE role <> 'vote' AND value IS NOT NULL GROUP BY item"
        ).fetchall()
    return Known(dict(answers), {item for item, gold in decided if gold}, {item for item, _ in decided})


def earlier_answers(
    root: Path, task: str, labelling: Labelling, items: Collection[str], batch: str
) -> Earlier:
    """Return what is known about `items` from other batches than `batch`."""
    with open_duck() as duck:
        _want(duck, items)
        votes = counted_votes(duck, events_here(root), task, labelling).table
        here = f"FROM {votes} WHERE batch IS DISTINCT FROM {literal(batch)} AND value IS NOT NULL"
        gold = duck.run(
            f"SELECT item, arg_max(value, (time, id)) {here} AND role = 'gold' AND item IN (FROM wanted) GROUP BY item"
        ).fetchall()
        rows = duck.run(
            f"SELECT item, annotator, value, strftime(time, '%Y-%m-%dT%H:%M:%S.%gZ') {here} AND role = 'vote' AND item IN (FROM wanted) ORDER BY item, annotator"
        ).fetchall()
        balance = duck.run(
            f"SELECT value, count(*) {here} AND role = 'vote' GROUP BY value ORDER BY value"
        ).fetchall()
    made = (LabelEvent(item, task, json.loads(value), who, time) for item, who, value, time in rows)
    counts: dict[str, int] = {}
    for value, count in balance:
        counts[said(json.loads(value))] = counts.get(said(json.loads(value)), 0) + count
    return Earlier({item: json.loads(value) for item, value in gold}, tuple(made), counts)


def same_answers(root: Path, task: str, items: Collection[str]) -> dict[str, str]:
    """Return the accepted events for `items` as what they say (`saying`) -> their time."""
    with open_duck() as duck:
        _want(duck, items)
        names = [name for name in LabelEvent.__dataclass_fields__ if name not in ("time", "batch")]
        columns = ", ".join(f'"{name}"' for name in names)
        sql = f'SELECT "time", {columns} FROM {read_events(events_here(root), task).sql()} WHERE item IN (FROM wanted) ORDER BY id'  # noqa: S608 - our own names
        rows = duck.run(sql).fetchall()
    made = (dict(zip(names, row[1:], strict=True)) | {"time": row[0]} for row in rows)
    return {saying({**each, "value": json.loads(each["value"])}): str(each["time"]) for each in made}


def saying(event: Mapping[str, Any]) -> str:
    """Return all that an event says but when, and in which batch."""
    told = {name: event.get(name) or default for name, default in (("source", "person"), ("role", "vote"))}
    kept = {
        name: event.get(name) for name in LabelEvent.__dataclass_fields__ if name not in ("time", "batch")
    }
    return json.dumps({**kept, **told}, sort_keys=True, ensure_ascii=False)


def _want(duck: Duck, items: Collection[str]) -> None:
    import pyarrow as pa

    duck.connection.register("wanted", pa.table({"item": pa.array(sorted(items), pa.string())}))
