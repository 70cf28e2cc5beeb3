"""Two sides of events, in any files: the same items differ whichever way they are read, and backwards what is new is lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.labels.diff.fold import FoldOptions, fold_tasks
from mlops_kit.labels.diff.items import Veil
from mlops_kit.labels.diff.model import TaskDiff
from mlops_kit.labels.diff.reading import EventPart, load_events, write_side
from mlops_kit.labels.diff.truth import SideEvents, count_votes, decide_items, make_labels
from mlops_kit.labels.events.model import LabelEvent, event_line

EVENTS = st.builds(
    lambda item, value, who, minute, role: LabelEvent(
        item, "late", value, who, f"2026-11-21T09:{minute:02}:00.000Z", role=role
    ),
    st.sampled_from("abcde"),
    st.sampled_from(["late", "on_time", None]),
    st.sampled_from(["x", "y", "z"]),
    st.integers(0, 5),
    st.sampled_from(["vote", "vote", "vote", "gold", "adjudication"]),
)
LISTS = st.lists(EVENTS, max_size=12)


def compared(
    same: list[LabelEvent], old: list[LabelEvent], new: list[LabelEvent], *, whole: bool
) -> TaskDiff | None:
    """Return what differs between `same` and `old`, and `same` and `new`."""
    with TemporaryDirectory() as folder, open_duck() as duck:
        sides = (("same", same, True, True), ("old", old, True, False), ("new", new, False, True))
        parts = [
            EventPart(name, write(Path(folder), name, some), "jsonl", a, b) for name, some, a, b in sides
        ]
        load_events(duck, parts, whole=whole)
        count(duck)
        options = FoldOptions(100, whole, {"late": "votes"}, frozenset(), {"late": Veil()})
        return next(iter(fold_tasks(duck, options)), None)


def count(duck: Duck) -> None:
    make_labels(duck)
    votes = count_votes(duck, "old", "late", SideEvents(write_side(duck, "old"), None))
    decide_items(duck, "old", "late", votes.table)
    votes = count_votes(duck, "new", "late", SideEvents(write_side(duck, "new"), None))
    decide_items(duck, "new", "late", votes.table)


def write(folder: Path, name: str, events: list[LabelEvent]) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(map(event_line, events)), encoding="utf-8", newline="\n")
    return path


@settings(max_examples=6, deadline=None)
@given(LISTS, LISTS, LISTS)
def test_items_concerned_alone_tell_the_same_as_all_events(
    same: list[LabelEvent], old: list[LabelEvent], new: list[LabelEvent]
) -> None:
    some, every = (compared(same, old, new, whole=whole) for whole in (False, True))
    if some is None or every is None:
        assert some == every
        return
    assert (some.items, some.moves, some.added) == (every.items, every.moves, every.added)


@settings(max_examples=6, deadline=None)
@given(LISTS, LISTS, LISTS)
def test_backwards_what_was_new_is_lost(
    same: list[LabelEvent], old: list[LabelEvent], new: list[LabelEvent]
) -> None:
    there, back = compared(same, old, new, whole=True), compared(same, new, old, whole=True)
    if there is None or back is None:
        assert there == back
        return
    assert (there.newly, there.lost, there.changed) == (back.lost, back.newly, back.changed)
    assert (there.added, there.removed) == (back.removed, back.added)
