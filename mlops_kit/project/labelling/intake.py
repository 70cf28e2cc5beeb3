"""A batch of events on its way into the truth: judged by the rules, written once, counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.labels.events.arriving import Arrival, arrive
from mlops_kit.labels.events.aside import aside_files, aside_line, known_aside
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.outcome import Intake, Told
from mlops_kit.labels.events.rules import RULES
from mlops_kit.labels.events.schemas import schema_check
from mlops_kit.labels.events.standing import find_standing
from mlops_kit.labels.places import HELD, REFUSED
from mlops_kit.project.labelling.batches import write_events
from mlops_kit.project.labelling.items import find_items
from mlops_kit.project.labelling.store import event_path, events_here, label_lock, mend_torn, write_whole
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.load import read_labelling

Mode: TypeAlias = Literal["take", "try", "reject"]
EXAMPLES = 5
__all__ = ["Intake", "Mode", "Told", "take_batch"]


def take_batch(
    root: Path,
    batch: str,
    events: Iterable[LabelEvent | Mapping[str, Any] | str | bytes],
    *,
    mode: Mode = "take",
    reason: str = "",
    now: float | None = None,
) -> Intake:
    """Judge `events` by the rules of `labels/events/rules.py` and write them into the files of `batch`; return what became of them.

    An event is a LabelEvent, an object with the keys of one (`id` and `batch` may be missing), or a line of JSON. What is accepted goes to
    `labels/events/<batch>.jsonl` (more than 100,000: `.parquet`, which DVC keeps), what is held to `labels/held/`, what is refused to
    `labels/refused/`, each file whole or not at all. An event that is here already changes nothing, so a batch can be taken twice, and
    taking goes on after a crash. `mode`: `take`; `try` writes nothing; `reject` puts all of it into `labels/refused/` with the `reason`
    (what was rejected so can be taken later). `now` is the time in seconds since 1970 by which clocks are judged. Raises SpecError for a
    labels.yaml that cannot be used, UsageError for a bad name of a batch, BadDataError for files here that cannot be read.
    """
    event_path(root, batch)  # a bad name is told before anything else
    labelling = read_labelling(root)
    arrivals = list(arrive(events, batch, labelling, time.time() if now is None else now))
    unjudged = _judge_schemas(root, labelling, arrivals)
    with label_lock(root), open_duck() as duck:
        if mode != "try":
            mend_torn(root, batch)
        notes = (*unjudged, *_find_all(duck, root, arrivals, mode))
        if mode == "reject":
            for each in arrivals:
                each.findings["rejected"] = reason or "the batch was rejected"
        written = () if mode == "try" else _write(root, batch, arrivals, mode)
    return _told(batch, arrivals, mode, written, notes)


def _judge_schemas(root: Path, labelling: Labelling, arrivals: Sequence[Arrival]) -> tuple[str, ...]:
    """Hold free answers against their schemas; return, in words, the tasks whose answers cannot be."""
    free = [each for each in arrivals if each.event and each.event.value is not None]
    notes = []
    for name, task in labelling.tasks.items():
        answers = (
            [each for each in free if each.event and each.event.task == name] if task.type == "json" else []
        )
        if not answers:
            continue
        judge = schema_check(root, task)
        if judge is None:
            notes.append(
                f"the answers of `{name}` were not held against {task.json_schema}: pip install jsonschema"
            )
            continue
        for each in answers:
            fault = judge(each.event.value) if each.event else None
            if fault:
                each.findings[fault[0]] = fault[1]
    return tuple(notes)


def _find_all(duck: Duck, root: Path, arrivals: Sequence[Arrival], mode: Mode) -> tuple[str, ...]:
    """Find out all that others say about the events; return what could not be judged."""
    find_standing(duck, arrivals, events_here(root))
    known_aside(duck, arrivals, aside_files(root), again=mode != "reject")
    return find_items(duck, root, arrivals)


def _place(arrival: Arrival, mode: Mode) -> str:
    """Return `accepted`, `held`, `refused` or `have`."""
    if "same_id" in arrival.findings:
        return "have"
    return "refused" if mode == "reject" else arrival.outcome


def _write(root: Path, batch: str, arrivals: Sequence[Arrival], mode: Mode) -> tuple[str, ...]:
    written = []
    for folder, place in ((REFUSED, "refused"), (HELD, "held")):
        lines = "".join(
            aside_line(each, _rule(each, mode)) for each in arrivals if _place(each, mode) == place
        )
        if lines:
            path = event_path(root, batch, folder)
            before = path.read_bytes() if path.exists() else b""
            write_whole(path, before + lines.encode("utf-8"), root)
            written.append(path)
    accepted = [each.event for each in arrivals if each.event and _place(each, mode) == "accepted"]
    written += write_events(root, batch, accepted)
    return tuple(path.relative_to(root).as_posix() for path in written)


def _rule(arrival: Arrival, mode: Mode) -> str:
    rule = "rejected" if mode == "reject" and arrival.event else arrival.rule
    assert rule is not None
    return rule


def _told(
    batch: str, arrivals: Sequence[Arrival], mode: Mode, written: tuple[str, ...], notes: tuple[str, ...]
) -> Intake:
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("accepted", "have", "held", "refused", "told")
    }
    examples: Counter[str] = Counter()
    shown: list[Told] = []
    for each in arrivals:
        place = _place(each, mode)
        rules = (
            list(each.findings)
            if place == "accepted"
            else ["same_id"]
            if place == "have"
            else [_rule(each, mode)]
        )
        counts["told" if place == "accepted" else place].update(rules)
        counts["accepted"][""] += place == "accepted"
        for rule in rules:
            examples[rule] += 1
            if examples[rule] <= EXAMPLES:
                shown.append(
                    Told(each.position, each.event.item if each.event else "", rule, each.findings[rule])
                )
    ordered = {name: {rule: found[rule] for rule in RULES if found[rule]} for name, found in counts.items()}
    return Intake(
        batch,
        came=len(arrivals),
        accepted=counts["accepted"][""],
        have=sum(counts["have"].values()),
        held=ordered["held"],
        refused=ordered["refused"],
        told=ordered["told"],
        examples=tuple(shown),
        written=written,
        notes=notes,
    )
