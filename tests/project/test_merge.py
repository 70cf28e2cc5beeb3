"""Three versions of one text: changes in different places are both kept, the rest is a conflict with its lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.project.update.lines import clashing_lines, merge_lines, split_lines
from mlops_kit.project.update.merge import Versions, has_markers, merge_file
from mlops_kit.project.update.values import ClashError, means, merge_values

BASE = [f"line {number}\n" for number in range(12)]
edits = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(["change", "drop", "add"])),
    max_size=3,
    unique_by=lambda edit: edit[0],
)


def changed(edited: list[tuple[int, str]], who: str) -> list[str]:
    lines = []
    kinds = dict(edited)
    for number, line in enumerate(BASE):
        kind = kinds.get(number)
        if kind == "add":
            lines += [line, f"{who} adds behind {number}\n"]
        elif kind == "change":
            lines.append(f"{who} changes {number}\n")
        elif kind is None:
            lines.append(line)
    return lines


def expected(yours: list[tuple[int, str]], theirs: list[tuple[int, str]]) -> list[str]:
    mine, other = dict(yours), dict(theirs)
    lines = []
    for number, line in enumerate(BASE):
        who, kind = ("you", mine[number]) if number in mine else ("they", other.get(number))
        lines += [line] if kind in (None, "add") else []
        lines += [f"{who} changes {number}\n"] if kind == "change" else []
        lines += [f"{who} adds behind {number}\n"] if kind == "add" else []
    return lines


@settings(max_examples=40, deadline=None)
@given(edits, edits)
def test_edits_apart_are_both_kept(yours: list[tuple[int, str]], theirs: list[tuple[int, str]]) -> None:
    """git needs an unchanged line between two changes; an added line belongs to both of its neighbours."""
    apart = [edit for edit in theirs if all(abs(edit[0] - other) > 2 for other, _ in yours)]
    mine, other = "".join(changed(yours, "you")), "".join(changed(apart, "they"))
    merged = merge_file(Versions("notes.md", "".join(BASE), mine, other))
    assert merged.text == "".join(expected(yours, apart))


@given(edits, edits)
def test_edits_of_neighbouring_lines_are_both_kept_in_files_of_records(
    yours: list[tuple[int, str]], theirs: list[tuple[int, str]]
) -> None:
    others = [edit for edit in theirs if edit[0] not in dict(yours)]
    merged = merge_lines(BASE, changed(yours, "you"), changed(others, "they"))
    assert merged is not None
    both = expected(yours, others)
    assert sorted(merged) == sorted(both)
    assert [line for line in merged if line in BASE] == [line for line in both if line in BASE]


@given(edits, edits)
def test_merging_is_neutral_and_knows_no_sides(
    yours: list[tuple[int, str]], theirs: list[tuple[int, str]]
) -> None:
    mine, other = changed(yours, "you"), changed(theirs, "they")
    assert merge_lines(BASE, mine, BASE) == mine
    assert merge_lines(BASE, BASE, other) == other
    assert merge_lines(BASE, mine, mine) == mine
    assert (merge_lines(BASE, mine, other) is None) == (merge_lines(BASE, other, mine) is None)


@given(st.integers(0, 11), st.integers(0, 11))
def test_a_conflict_names_the_lines_of_yours(mine: int, shift: int) -> None:
    yours = [*(f"new {number}\n" for number in range(shift)), *BASE]
    yours[shift + mine] = "mine\n"
    theirs = [*BASE[:mine], "theirs\n", *BASE[mine + 1 :]]
    lines = clashing_lines(BASE, yours, theirs)
    assert (shift + mine + 1) in {number for first, last in lines for number in range(first, last + 1)}
    merged = merge_file(Versions("notes.md", "".join(BASE), "".join(yours), "".join(theirs)))
    assert (merged.text, has_markers(merged.proposal)) == (None, True)


PINS = '[project]\ndependencies = [\n  "dvc-mlops-kit==1",\n  "numpy==2.0",\n  "skops==1",\n]\n'


def merged_text(path: str, base: str, yours: str, theirs: str) -> str:
    merged = merge_file(Versions(path, base, yours, theirs))
    assert merged.text is not None, merged
    return merged.text


def test_a_dependency_beside_a_pin_that_moved_is_kept() -> None:
    yours = PINS.replace('  "skops==1",\n', '  "skops==1",\n  "lightgbm==4",\n')
    theirs = PINS.replace("skops==1", "skops==2").replace("numpy==2.0", "numpy==2.4")
    text = merged_text("pyproject.toml", PINS, yours, theirs)
    assert text == theirs.replace('  "skops==2",\n', '  "skops==2",\n  "lightgbm==4",\n')


def test_a_pin_that_both_moved_is_a_conflict_with_its_line() -> None:
    yours, theirs = PINS.replace("numpy==2.0", "numpy==2.1"), PINS.replace("numpy==2.0", "numpy==2.4")
    merged = merge_file(Versions("pyproject.toml", PINS, yours, theirs))
    assert (merged.text, merged.lines) == (None, ((4, 4),))
    assert has_markers(merged.proposal)


def test_a_key_added_at_the_end_stays_below_its_own_section() -> None:
    """Put behind the template's new section, it would belong to that one: the file would load and mean something else."""
    base = "clean:\n  dedupe: true\ntrain:\n  seed: 0\n"
    text = merged_text("params.yaml", base, base + "  depth: 3\n", base + "explain:\n  rows: 10\n")
    assert text == base + "  depth: 3\nexplain:\n  rows: 10\n"


def test_sections_added_in_the_same_place_are_both_kept() -> None:
    base = "clean:\n  dedupe: true\n"
    text = merged_text("params.yaml", base, base + "mine:\n  a: 1\n", base + "theirs:\n  b: 2\n")
    assert text == base + "theirs:\n  b: 2\nmine:\n  a: 1\n"


def test_a_key_added_by_both_with_other_values_is_a_conflict() -> None:
    base = "train:\n  seed: 0\n"
    merged = merge_file(Versions("params.yaml", base, base + "  depth: 3\n", base + "  depth: 4\n"))
    assert merged.text is None
    assert has_markers(merged.proposal)


def test_ignore_lists_are_joined_and_yours_wins_by_standing_last() -> None:
    text = merged_text(
        ".gitignore", "a\n*.orig\n", "a\n*.orig\n*.mine\n*.both\n", "a\n*.orig\n*.update\n*.both\n"
    )
    assert text == "a\n*.orig\n*.update\n*.mine\n*.both\n"


def test_what_cannot_be_read_afterwards_is_a_conflict_that_says_why() -> None:
    base = "def f(a):\n    x = 1\n    y = 2\n    z = 3\n    return a\n"
    yours = base.replace("return a", "return (a")
    theirs = base.replace("def f(a):", "def f(a, b):")
    merged = merge_file(Versions("steps/train.py", base, yours, theirs))
    assert merged.text is None
    assert "cannot be read" in merged.reason
    assert has_markers(merged.proposal)


def test_files_that_both_made_are_joined_only_where_that_says_the_same() -> None:
    assert merged_text("params.yaml", "", "a:\n  x: 1\n", "b:\n  y: 2\n") == "b:\n  y: 2\na:\n  x: 1\n"
    assert merge_file(Versions("notes.md", "", "mine\n", "theirs\n")).text is None


@pytest.mark.parametrize("text", ["\x00binary", "caf\udce9\n", "no end of line", "form\x0cfeed\n  \n"])
def test_odd_texts_survive(text: str) -> None:
    base = "one\ntwo\nthree\n"
    merged = merge_file(Versions("notes.md", base, base, text))
    if "\x00" in text:
        assert merged.text is None
        assert "git" in merged.reason
    else:
        assert merged.text == text
    assert "".join(split_lines(text)) == text


keys = st.sampled_from("abc")
leaves = st.one_of(st.integers(0, 2), st.booleans(), st.none())
values = st.recursive(
    leaves, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3), max_leaves=6
)


@given(values, values, values)
def test_merged_values_hold_both_changes_or_clash(base: Any, yours: Any, theirs: Any) -> None:
    assert means(yours, merge_values(base, yours, base))
    assert means(theirs, merge_values(base, base, theirs))
    try:
        one = merge_values(base, yours, theirs)
    except ClashError:
        with pytest.raises(ClashError):
            merge_values(base, theirs, yours)
        return
    assert one == merge_values(base, theirs, yours)
