"""Which events count as votes: the same as a plain program over all of them says, whatever the files and threads."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.artifacts.tables import EventFiles, read_event_files
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.labels.events.parquet import events_table
from mlops_kit.labels.events.reading import read_events
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask
from tests.support.labelling import answer

LABELLING = Labelling(
    1, {"late": LabelTask("class", classes=("late", "on_time"))}, {"owl": Annotator(trust=2.0)}
)


def _counted(
    batches: Sequence[Sequence[LabelEvent]],
    labelling: Labelling = LABELLING,
    *,
    parquet: bool = False,
    threads: int = 2,
    items: str | None = None,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder, open_duck(threads=threads) as duck:
        paths = []
        for number, events in enumerate(batches):
            paths.append(Path(folder) / f"b{number}.{'parquet' if parquet and number % 2 else 'jsonl'}")
            if paths[-1].suffix == ".parquet":
                pq.write_table(events_table(events), paths[-1])
            else:
                paths[-1].write_text("".join(map(event_line, events)), encoding="utf-8", newline="\n")
        votes = counted_votes(duck, EventFiles(tuple(paths)), "late", labelling, items=items)
        rows = duck.connection.sql(f"SELECT * FROM {votes.table} ORDER BY ALL").to_arrow_table().to_pylist()
        return rows, dict(votes.counts)


def test_newest_answer_of_each_annotator_counts_with_the_trust_of_the_roster() -> None:
    rows, counts = _counted(
        [
            [answer(0), answer(1), answer(0, "on_time", time="2026-01-15T07:09:00Z")],
            [answer(0, annotator="owl")],
        ]
    )
    assert [(row["item"], row["annotator"], row["value"], row["trust"], row["changes"]) for row in rows] == [
        ("i0", "fox", '"on_time"', 1.0, 1),
        ("i0", "owl", '"late"', 2.0, 0),
        ("i1", "fox", '"late"', 1.0, 0),
    ]
    assert counts == {"events": 4, "votes": 3, "items": 2, "unlisted": 2, "changed_vote": 1}


def test_nothing_labelled_yet_gives_no_votes() -> None:
    assert _counted([]) == ([], {"events": 0, "votes": 0, "items": 0})


def test_adjudication_takes_back_another_annotators_vote_and_a_vote_cannot() -> None:
    first = answer(0)
    over = answer(0, "on_time", "owl", role="adjudication", supersedes=first.id)
    rows, counts = _counted([[first, answer(0, "on_time", "owl", supersedes=first.id)], [over]])
    assert [(row["annotator"], row["role"]) for row in rows] == [("owl", "adjudication")]
    assert counts["supersedes_other_annotator"] == 1
    assert counts["superseded"] == 1


def test_what_does_not_fit_the_task_is_left_out_and_counted() -> None:
    events = [answer(0, "maybe"), answer(1, 3), answer(2, None), answer(3, time="yesterday"), answer(4)]
    rows, counts = _counted([events])
    assert [(row["item"], row["value"]) for row in rows] == [("i2", None), ("i4", '"late"')]
    assert counts["outside_task"] == counts["wrong_type"] == counts["bad_time"] == counts["abstained"] == 1


def test_items_that_are_gone_are_left_out_and_other_content_is_told() -> None:
    items = "(SELECT * FROM (VALUES ('i0', 'aa'), ('i1', 'bb'), ('i1', 'cc')) AS v(item, content))"
    events = [answer(0, content="old"), answer(1, content="cc"), answer(2)]
    rows, counts = _counted([events], items=items)
    assert [(row["item"], row["stale"]) for row in rows] == [("i0", True), ("i1", False)]
    assert (counts["unknown_item"], counts["changed_content"]) == (1, 1)


def test_closed_roster_leaves_out_who_is_not_listed() -> None:
    closed = Labelling(1, LABELLING.tasks, {"owl": Annotator(), "bee": Annotator(tasks=("why",))}, "closed")
    rows, counts = _counted([[answer(0), answer(0, annotator="owl"), answer(0, annotator="bee")]], closed)
    assert [row["annotator"] for row in rows] == ["owl"]
    assert (counts["not_in_roster"], counts["other_tasks"]) == (1, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "12', r"b0.jsonl:2: no JSON"),
        ('{"item": "i1"}', r"b0.jsonl:2: `task` is missing"),
        (event_line(answer(1)).replace("i1", "i2"), "b0.jsonl:2: the id is"),
        (event_line(answer(1)).replace('"time"', '"confidence": 7, "time"'), "b0.jsonl:2: `confidence` is 7"),
    ],
)
def test_line_that_is_no_event_stops_with_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "b0.jsonl"
    path.write_text(event_line(answer(0)) + line, newline="\n")
    with open_duck() as duck, pytest.raises(BadDataError, match=said):
        counted_votes(duck, EventFiles((path,)), "late", LABELLING)


def test_edited_event_in_parquet_stops_too(tmp_path: Path) -> None:
    table = events_table([answer(0), answer(1)])
    edited = table.set_column(3, "value", pa.array(['"late"', '"on_time"']))
    pq.write_table(edited, tmp_path / "b.parquet")
    with open_duck() as duck, pytest.raises(BadDataError, match=r"b.parquet: event [0-9a-f]{20}: the id"):
        counted_votes(duck, EventFiles((tmp_path / "b.parquet",)), "late", LABELLING)


ODD = ['"\\\x01\x1f\x7f\u2028é🦊', "\n", "a|b", "null", "'", "1e-7"]


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.builds(
            answer,
            st.integers(0, 5),
            st.sampled_from(["late", "on_time", None]),
            st.sampled_from(["fox", *ODD]),
            seconds=st.none() | st.floats(0, 1e9),
            confidence=st.none() | st.floats(0, 1),
            reason=st.none() | st.sampled_from(ODD),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_id_that_we_write_is_found_right_again(events: list[LabelEvent]) -> None:
    assert _counted([events, events], parquet=True)[1]["events"] == 2 * len(events)


@st.composite
def _histories(draw: st.DrawFn) -> list[LabelEvent]:
    events: list[LabelEvent] = []
    for number in range(draw(st.integers(1, 9))):
        before = draw(st.none() | st.sampled_from([each.id for each in events] or [None]) | st.just("f" * 20))
        events.append(
            answer(
                draw(st.integers(0, 1)),
                draw(st.sampled_from(["late", "on_time", None, "maybe"])),
                draw(st.sampled_from(["fox", "owl"])),
                role=draw(st.sampled_from(["vote", "vote", "adjudication"])),
                time=f"2026-01-15T07:0{draw(st.integers(0, 2))}:00Z",
                seconds=float(number),
                supersedes=before,
            )
        )
    return events


def _plainly(events: Sequence[LabelEvent]) -> set[str]:
    """Return the ids of the votes, as the rules say it."""
    once = {each.id: each for each in events if each.value != "maybe"}
    good, left = set(), set()
    for each in once.values():
        target = once.get(each.supersedes or "")
        if target is None:
            continue
        stranger = each.annotator != target.annotator and each.role != "adjudication"
        (left if each.item != target.item or stranger else good).add(each.id)
    gone = {once[each].supersedes for each in good} | left
    alive = sorted(
        (each for each in once.values() if each.id not in gone), key=lambda each: (each.time, each.id)
    )
    return {each.id for each in {(each.item, each.annotator, each.role): each for each in alive}.values()}


@settings(max_examples=12, deadline=None)
@given(_histories(), st.randoms(use_true_random=False))
def test_votes_are_those_of_the_rules_in_any_order_of_files(events: list[LabelEvent], chance: Any) -> None:
    one, counts = _counted([events])
    mixed = [*events, chance.choice(events)]
    chance.shuffle(mixed)
    other, again = _counted([mixed[::2], mixed[1::2]], parquet=True, threads=1)
    assert {row["id"] for row in one} == _plainly(events)
    assert [{**row, "batch": ""} for row in one] == [{**row, "batch": ""} for row in other]
    assert Counter(again) - Counter(counts) <= Counter({"same_id": 1, "events": 1, "outside_task": 1})


def test_two_successors_of_one_answer_leave_the_newest_of_them() -> None:
    first = answer(0)
    one = answer(0, "on_time", time="2026-01-15T08:00:00Z", supersedes=first.id)
    two = answer(0, "late", time="2026-01-15T09:00:00Z", supersedes=first.id)
    rows, counts = _counted([[first, two], [one]])
    assert [row["id"] for row in rows] == [two.id]
    assert (counts["two_successors"], counts["superseded"], counts["changed_vote"]) == (2, 1, 1)


def test_line_without_a_task_stops_rather_than_vanish_among_other_tasks(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text(event_line(answer(0)).replace('"task": "late", ', ""), newline="\n")
    with open_duck() as duck, pytest.raises(BadDataError, match="b.jsonl:1: `task` is missing"):
        counted_votes(duck, EventFiles((path,)), "late", LABELLING)


@pytest.mark.parametrize("text", ["", "\n", " "])
def test_file_with_nothing_in_it_has_no_events(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with open_duck() as duck:
        found = duck.run(f"SELECT count(*) FROM {read_events(read_event_files(tmp_path)).sql()}").fetchall()
    assert found == [(0,)]


def test_file_with_one_sign_is_a_broken_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(BadDataError, match=r"a\.jsonl:1"):
        read_events(read_event_files(tmp_path)).sql()
