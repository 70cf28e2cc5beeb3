"""Events that come against those that are here: the same one, one that replaces another, a second answer."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mlops_kit.artifacts.duck import Duck
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.events.arriving import Arrival
from mlops_kit.labels.events.broken import reading
from mlops_kit.labels.events.reading import read_events

INCOMING = "incoming_events"


class _Known(NamedTuple):
    """What of an event others are held against."""

    id: str
    task: str
    item: str
    annotator: str
    role: str
    supersedes: str | None
    value: str

    @property
    def place(self) -> tuple[str, str, str, str]:
        return self.task, self.item, self.annotator, self.role


def find_standing(duck: Duck, arrivals: Sequence[Arrival], files: EventFiles) -> None:
    """Add to `arrivals` what the events in `files`, and those that come with them, say about them.

    The files are read once, whatever their number; only events that touch one that comes are kept. Raises BadDataError for a broken line.
    """
    register(duck, arrivals)
    here = _near(duck, files)
    known = {each.id: each for each in here}
    _same_ids(arrivals, known)
    coming = [_known(each) for each in arrivals if each.event and "same_id" not in each.findings]
    family = {**known, **{each.id: each for each in coming}}
    _supersessions(arrivals, family)
    _second_answers(arrivals, family, coming, here)


def register(duck: Duck, arrivals: Iterable[Arrival]) -> None:
    """Make the table `INCOMING` in `duck`: `position`, `id`, `task`, `item`, `annotator`, `role`, `supersedes`, `content`."""
    import pyarrow as pa

    names = ("id", "task", "item", "annotator", "role", "supersedes", "content")
    rows = [each for each in arrivals if each.event]
    columns: dict[str, pa.Array] = {"position": pa.array([each.position for each in rows], pa.int64())}
    for name in names:
        columns[name] = pa.array(
            [getattr(each.event, name) if name != "id" else each.id for each in rows], pa.string()
        )
    duck.connection.register("incoming_arrow", pa.table(columns))
    duck.run(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS SELECT * FROM incoming_arrow")
    duck.connection.unregister("incoming_arrow")


def _near(duck: Duck, files: EventFiles) -> list[_Known]:
    if not files.paths:
        return []
    # All that touches an event is about its item, but for what wrongly replaces an event of another item.
    near = f"item IN (SELECT item FROM {INCOMING})"
    replaced = f"(SELECT supersedes FROM {INCOMING} WHERE supersedes IS NOT NULL)"
    if duck.run(f"SELECT count(*) FROM {replaced}").fetchall()[0][0]:
        near += f" OR id IN {replaced} OR supersedes IN {replaced}"
    with reading(files):
        rows = duck.run(
            f"SELECT id, task, item, annotator, coalesce(role, 'vote'), supersedes, value FROM {read_events(files).sql()} "
            f"WHERE {near}"
        ).fetchall()
    return [_Known(*row) for row in rows]


def _known(arrival: Arrival) -> _Known:
    event = arrival.event
    assert event is not None
    value = json.dumps(event.value, ensure_ascii=False, separators=(",", ":"))
    return _Known(arrival.id, event.task, event.item, event.annotator, event.role, event.supersedes, value)


def _same_ids(arrivals: Iterable[Arrival], known: Mapping[str, _Known]) -> None:
    seen: set[str] = set()
    for each in arrivals:
        if each.event is None:
            continue
        if each.id in known or each.id in seen:
            each.findings["same_id"] = "this event is here already"
        seen.add(each.id)


def _supersessions(arrivals: Iterable[Arrival], family: Mapping[str, _Known]) -> None:
    successors: defaultdict[str, set[str]] = defaultdict(set)
    for each in family.values():
        if each.supersedes:
            successors[each.supersedes].add(each.id)
    for arrival in arrivals:
        event = arrival.event
        if event is None or event.supersedes is None:
            continue
        target = family.get(event.supersedes)
        fault = _contradiction(_known(arrival), target)
        if fault:
            arrival.findings[fault[0]] = fault[1]
        elif len(successors[event.supersedes]) > 1:
            arrival.findings["two_successors"] = f"{event.supersedes} has another successor"


def _contradiction(one: _Known, target: _Known | None) -> tuple[str, str] | None:
    if target is None:
        return "supersedes_unknown", f"{one.supersedes} is not here"
    if (one.task, one.item) != (target.task, target.item):
        return "supersedes_other_item", f"{target.id} is about another item or task"
    if one.annotator != target.annotator and one.role != "adjudication":
        return "supersedes_other_annotator", f"{target.id} is another annotator's answer"
    return None


def _second_answers(
    arrivals: Iterable[Arrival],
    family: Mapping[str, _Known],
    coming: Iterable[_Known],
    here: Iterable[_Known],
) -> None:
    replaced = {
        each.supersedes
        for each in family.values()
        if each.supersedes and _contradiction(each, family.get(each.supersedes)) is None
    }
    given: defaultdict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for each in here:
        if each.id not in replaced:
            given[each.place].add(each.value)
    waiting = {each.id: each for each in coming}
    for arrival in arrivals:
        one = waiting.pop(arrival.id, None)
        if one is None or arrival.outcome not in ("accepted", "held") or one.id in replaced:
            continue
        values = given[one.place]
        if values:
            rule = "repeated_vote" if values == {one.value} else "changed_vote"
            arrival.findings[rule] = "the annotator has answered for this item before"
        values.add(one.value)
