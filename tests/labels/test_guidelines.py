"""The version of guidelines, and what a new one asks to look at again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mlops_kit.errors import SpecError, UsageError
from mlops_kit.labels.guidelines import is_before, mark_reviews, parse_guidelines, read_guidelines
from tests.labels.votes import vote, votes_table

TEXT = """---
review:
  - version: "3"
    classes: [late]
    reason: diverted flights
---
# Was it late?

Version 3.

Version 9 is a thing of the future.
"""


def _front(rule: str) -> str:
    return f"---\nreview:\n  - {rule}\n---\nVersion 3.\n"


def test_version_is_read_from_its_own_line_and_the_front_matter_is_no_text() -> None:
    found = parse_guidelines(TEXT, where="labels/guidelines.md")
    assert found.version == "3"
    assert found.text.startswith("# Was it late?")
    assert found.review[0].classes == ("late",)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Version 1.\n", "1"), ("\ufeffVersion 1.2\r\nmore", "1.2"), ("no version", None), ("---\nVersion 2.", "2"), ("", None),
    ],
)  # fmt: skip
def test_version_of_other_texts(text: str, version: str | None) -> None:
    assert parse_guidelines(text, where="g.md").version == version


def test_unknown_key_of_the_front_matter_is_named_with_its_line() -> None:
    with pytest.raises(SpecError) as caught:
        parse_guidelines(_front('version: "3"\n    klasses: [late]'), where="labels/guidelines.md")
    assert caught.value.where == "labels/guidelines.md:4"


def test_guidelines_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert read_guidelines(tmp_path, "labels/guidelines.md") is None


def test_versions_are_ordered_by_their_numbers() -> None:
    ordered = [None, "1", "1.2", "1.10", "2", "10"]
    assert all(is_before(a, b) for a, b in itertools.pairwise(ordered) if b is not None)
    assert not is_before("10", "10")


def _marked(rule: str, rows: str | None = None) -> tuple[list[str], int | None]:
    votes = [
        vote("a", "x", "late", guideline="1"),
        vote("b", "x", "on_time", guideline="1"),
        vote("c", "x", "late", guideline="2"),
        vote("c", "y", "on_time", guideline="3"),
        vote("d", "x", "late", guideline=None),
        vote("e", "f", "late", guideline=None, source="function"),
        vote("f", "x", "late", guideline="2"),
    ]
    with votes_table(votes) as duck:
        duck.run(
            "CREATE TABLE flights AS SELECT * FROM (VALUES ('a', 10), ('f', 90), ('d', NULL)) t(item, delay)"
        )
        counts = mark_reviews(duck, "votes", parse_guidelines(_front(rule), where="g.md"), rows=rows)
        found = duck.run("SELECT item FROM label_reviews ORDER BY item").fetchall()
    return [item for (item,) in found], counts[0].items


def test_items_answered_under_an_earlier_version_need_another_look_until_somebody_answers() -> None:
    assert _marked('version: "3"') == (["a", "b", "d", "f"], 4)


def test_review_can_be_of_a_class_a_version_or_a_query() -> None:
    assert _marked('{version: "3", classes: [late]}')[0] == ["a", "d", "f"]
    assert _marked('{version: "3", versions: ["2"]}')[0] == ["f"]
    assert _marked('{version: "3", where: delay > 60}', "(SELECT * FROM flights)")[0] == ["f"]


def test_review_by_a_query_is_not_judged_without_the_table_and_refused_when_it_is_none() -> None:
    assert _marked('{version: "3", where: delay > 60}') == ([], None)
    with pytest.raises(UsageError, match="dlay"):
        _marked('{version: "3", where: dlay > 60}', "(SELECT * FROM flights)")
