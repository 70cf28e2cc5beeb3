from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.data.partitions.planner import Outcome, Standing, judge_partition, plan_fetch
from mlops_kit.data.partitions.source import Offer
from mlops_kit.errors import BadDataError

LINE = PartitionLine(
    "a", "in/a.csv", 3, 100, "ab" * 32, "cd" * 16, "2026-01-31T12:00:00Z", "0.1.0", origin="md5:1"
)
NAMES = st.sampled_from(["a", "b", "c", "d"])


def standings(lines: list[PartitionLine], offers: list[Offer], **options: object) -> dict[str, Standing]:
    grouped = {line.partition: [line] for line in lines}
    plan = plan_fetch(grouped, offers, complete=True, **options)  # type: ignore[arg-type]
    return {planned.offer.name: planned.standing for planned in plan.offers}


@given(old=st.dictionaries(NAMES, st.sampled_from("12")), now=st.dictionaries(NAMES, st.sampled_from("12")))
def test_plan_fetches_what_is_new_or_has_another_identity_and_tells_what_has_gone(
    old: dict[str, str], now: dict[str, str]
) -> None:
    lines = {name: [replace(LINE, partition=name, origin=origin)] for name, origin in old.items()}
    offers = [Offer(name, "x", origin) for name, origin in now.items()]
    plan = plan_fetch(lines, offers, complete=True)
    assert {p.offer.name for p in plan.to_fetch} == {n for n, o in now.items() if old.get(n) != o}
    assert {line.partition for line in plan.gone} == set(old) - set(now)
    assert not plan_fetch(lines, offers, complete=False).gone


def test_offer_without_identity_is_unchanged_once_it_is_there() -> None:
    assert standings([LINE], [Offer("a", "x")]) == {"a": Standing.UNCHANGED}


def test_other_query_is_another_fetch() -> None:
    assert standings([LINE], [Offer("a", "x", "md5:1", query="q")]) == {"a": Standing.CHANGED}


def test_since_leaves_out_what_is_older_and_new_but_nothing_that_is_there() -> None:
    found = standings([LINE], [Offer("a", "x", "md5:2"), Offer("b", "x"), Offer("c", "x")], since="c")
    assert found == {"a": Standing.CHANGED, "b": Standing.OLDER, "c": Standing.NEW}


def test_refetch_takes_a_piece_whose_partition_is_lost() -> None:
    assert standings([LINE], [Offer("a", "x", "md5:1")], refetch=frozenset({"a"})) == {"a": Standing.CHANGED}


def test_names_that_differ_by_case_are_refused() -> None:
    with pytest.raises(BadDataError, match=r"in/A\.csv and in/a\.csv|in/a\.csv and in/A\.csv"):
        plan_fetch({}, [Offer("a", "in/a.csv"), Offer("A", "in/A.csv")], complete=True)


def test_outcome_of_a_partition_is_by_content_and_consent() -> None:
    other = replace(LINE, sha256="ef" * 32)
    assert judge_partition(LINE, None, frozenset()) is Outcome.ADDED
    assert judge_partition(replace(LINE, origin="md5:9"), LINE, frozenset()) is Outcome.SAME
    assert judge_partition(other, LINE, frozenset()) is Outcome.REWRITTEN
    assert judge_partition(other, LINE, frozenset({"a"})) is Outcome.ACCEPTED
    assert judge_partition(replace(LINE, rejects_md5="1"), LINE, frozenset()) is Outcome.REWRITTEN
