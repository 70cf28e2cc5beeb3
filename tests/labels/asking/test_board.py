"""Who is asked what: properties of the bookkeeping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.labels.asking.board import LEASE_SECONDS, Asked, Board, Given, Slot

PEOPLE = ("anna", "ben", "cleo")
ACTS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(("answer", "cannot", "later", "undo"))), max_size=60)  # fmt: skip


def board(items: int, wanted: int | None = 1) -> Board:
    made = Board()
    made.add(Slot(Asked(f"i{number}", ""), wanted) for number in range(items))
    return made


def name(slot: Slot | None) -> str | None:
    return slot.asked.item if slot else None


@given(ACTS, st.integers(1, 5), st.integers(1, 3))
def test_nobody_is_asked_twice_and_no_item_has_too_many_answers(
    acts: list[tuple[str, str]], items: int, wanted: int
) -> None:
    made = board(items, wanted)
    said: dict[str, list[str]] = {who: [] for who in PEOPLE}
    for moment, (who, act) in enumerate(acts):
        slot = made.next_for(who, moment)
        if act == "undo" and said[who]:
            made.record(who, said[who].pop(), Given(str(moment), None, taken_back=True))
        elif slot is not None and act == "later":
            made.put_off(who, slot.asked.item)
        elif slot is not None and act != "undo":
            assert slot.asked.item not in said[who]
            made.record(who, slot.asked.item, Given(str(moment), "x" if act == "answer" else None))
            said[who].append(slot.asked.item)
    for slot in made.slots.values():
        assert len(slot.counted) <= wanted
        assert slot.done == {who for who in PEOPLE if slot.asked.item in said[who]}


def test_everything_is_answered_in_the_end_whatever_was_put_off() -> None:
    made = board(4)
    for item in ("i0", "i2", "i0"):
        made.put_off("anna", item)
    order = []
    while (slot := made.next_for("anna", 0)) is not None:
        order.append(slot.asked.item)
        made.record("anna", slot.asked.item, Given("e", "x"))
    assert order == ["i1", "i3", "i2", "i0"]


def test_what_somebody_looks_at_goes_to_others_when_the_time_is_over() -> None:
    made = board(1)
    assert name(made.next_for("anna", 0)) == "i0"
    assert made.next_for("ben", LEASE_SECONDS - 1) is None
    assert name(made.next_for("ben", LEASE_SECONDS + 1)) == "i0"


def test_who_cannot_tell_leaves_the_item_to_others() -> None:
    made = board(1)
    made.record("anna", "i0", Given("e", None))
    assert made.next_for("anna", 0) is None
    assert name(made.next_for("ben", 0)) == "i0"


def test_a_gold_question_goes_to_everybody_once() -> None:
    made = board(1, None)
    for who in PEOPLE:
        assert name(made.next_for(who, 0)) == "i0"
        made.record(who, "i0", Given("e", "x"))
        assert made.next_for(who, 0) is None


def test_progress_does_not_tell_which_question_is_gold() -> None:
    made = board(1, None)
    made.add([Slot(Asked("plain", ""), 1)])
    for done, item in enumerate(("i0", "plain"), 1):
        made.record("anna", item, Given("e", "x"))
        assert made.complete() == done
