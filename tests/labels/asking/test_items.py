"""Which items are asked about, by queue and by what was answered before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_kit.errors import BadDataError
from mlops_kit.labels.asking.board import Slot
from mlops_kit.labels.asking.items import CHUNK, TAKEN_BACK, Items
from mlops_kit.labels.asking.queue import open_queue
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.project.labelling.pool import open_pool
from mlops_kit.project.labelling.store import append_event, events_here
from mlops_kit.spec.labels import EventRole
from tests.support.label_page import make_project

EVENT = LabelEvent("n00", "tone", "good", "anna", "2026-11-20T10:00:00.000Z")


def told(root: Path, *events: LabelEvent, batch: str = "b") -> list[str]:
    return [append_event(root, batch, replace(event, batch=batch)) for event in events]


def queued(root: Path, **strategies: str) -> str:
    (root / "labels/queue").mkdir(exist_ok=True)
    lines = [json.dumps({"item": item, "content": "", "strategy": each}) for item, each in strategies.items()]
    (root / "labels/queue/tone.jsonl").write_text("\n".join(lines) + "\n")
    return open_queue(root, "tone").mark


def asked(root: Path, role: EventRole = "vote") -> dict[str, Slot]:
    items = Items(open_pool(root, "tone"), open_queue(root, "tone"), events_here(root), role)
    try:
        return {slot.asked.item: slot for slot in items.more()}
    finally:
        items.close()


def test_without_a_queue_what_has_enough_votes_is_not_asked(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=3)
    told(root, EVENT, replace(EVENT, item="n01", value=None))
    assert sorted(asked(root)) == ["n01", "n02"]
    assert asked(root)["n01"].done == {"anna"}


def test_what_was_taken_back_is_asked_again(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=1)
    (given,) = told(root, EVENT)
    back = replace(EVENT, value=None, supersedes=given, reason=TAKEN_BACK, time="2026-11-20T11:00:00.000Z")
    told(root, back)
    slot = asked(root)["n00"]
    assert (slot.done, slot.wanted, slot.given["anna"].taken_back) == (set(), 1, True)


def test_the_order_is_that_of_the_queue_and_unknown_items_are_counted(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=3)
    queued(root, n02="random", gone="random", n00="uncertain")
    items = Items(open_pool(root, "tone"), open_queue(root, "tone"), events_here(root))
    assert [slot.asked.item for slot in items.more()] == ["n02", "n00"]
    assert (items.total, items.absent, items.more()) == (2, 1, [])
    items.close()


@pytest.mark.parametrize(
    ("strategy", "wanted", "done"),
    [
        ("random", 0, {"anna"}),
        ("disagreeing", 1, {"anna"}),
        ("mislabelled", 1, set()),
        ("review", 1, set()),
    ],
)
def test_some_strategies_ask_again_for_what_has_its_votes(
    tmp_path: Path, strategy: str, wanted: int, done: set[str]
) -> None:
    root = make_project(tmp_path, count=1)
    told(root, EVENT)
    mark = queued(root, n00=strategy)
    slot = asked(root)["n00"]
    assert (slot.wanted, slot.done) == (wanted, done)
    told(root, replace(EVENT, annotator="ben", value="bad"), batch=f"20261121T000000Z-{mark}_tone-ben-0000")
    again = asked(root)["n00"]
    assert again.is_complete() or wanted == 0
    assert "ben" in again.done


def test_a_gold_question_is_asked_of_everybody_but_who_made_it(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=1)
    told(root, replace(EVENT, role="gold"), replace(EVENT, annotator="ben"))
    assert asked(root) == {}
    queued(root, n00="random")
    assert (asked(root)["n00"].wanted, asked(root)["n00"].done) == (None, {"anna", "ben"})


def test_who_adjudicates_is_asked_what_votes_disagree_on_and_sees_them(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=2)
    told(root, EVENT, replace(EVENT, annotator="ben", value="bad"), replace(EVENT, item="n01"))
    (slot,) = asked(root, "adjudication").values()
    assert slot.asked.votes == (("anna", "good"), ("ben", "bad"))
    told(root, replace(EVENT, annotator="cleo", role="adjudication"))
    assert asked(root, "adjudication") == {}


def test_a_bad_queue_is_told_with_its_line(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=1)
    queued(root, n00="random")
    with (root / "labels/queue/tone.jsonl").open("a") as file:
        file.write("{\n")
    with pytest.raises(BadDataError, match="tone.jsonl:2"):
        open_queue(root, "tone")


def test_many_items_come_in_chunks_and_each_once(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=2 * CHUNK + 1)
    items = Items(open_pool(root, "tone"), open_queue(root, "tone"), events_here(root))
    chunks = [items.more() for _ in range(4)]
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 1, 0]
    assert len({slot.asked.item for chunk in chunks for slot in chunk}) == 2 * CHUNK + 1
    items.close()


def test_a_pre_label_for_another_content_is_not_shown(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=2)
    queued(root, n00="random", n01="random")
    content = asked(root)["n00"].asked.content
    said = {"strategy": "random", "prelabel": {"value": "good", "probability": 0.9}}
    lines = [{"item": "n00", "content": content, **said}, {"item": "n01", "content": "0" * 16, **said}]
    (root / "labels/queue/tone.jsonl").write_text("\n".join(map(json.dumps, lines)))
    shown = asked(root)
    assert shown["n00"].asked.prelabel is not None
    assert shown["n01"].asked.prelabel is None
