from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.data.manifest import (
    PartitionLine,
    manifest_path,
    manifest_text,
    merge_manifests,
    parse_manifest,
    read_manifest,
)
from mlops_kit.errors import BadDataError

LINE = PartitionLine(
    "2013-01", "in/2013-01.csv", 3, 100, "ab" * 32, "cd" * 16, "2026-01-31T12:00:00Z", "0.1.0"
)


def test_manifest_text_comes_back_whatever_the_order_of_lines(tmp_path: Path) -> None:
    later = PartitionLine(
        "2013-02", "in/2013-02.csv", 0, 90, "ef" * 32, "01" * 16, "2026-02-28T12:00:00Z", "0.1.0", rejected=2
    )
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text([later, LINE]), encoding="utf-8")
    assert read_manifest(path) == (LINE, later)


def test_read_manifest_with_a_conflict_marker_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text([LINE]) + "<<<<<<< ours\n", encoding="utf-8")
    with pytest.raises(BadDataError, match=r"m\.jsonl:2"):
        read_manifest(path)


def test_manifest_path_stands_beside_the_folder() -> None:
    assert manifest_path(Path("data/raw")) == Path("data/raw.manifest.jsonl")


def text(*lines: PartitionLine) -> bytes:
    return manifest_text(lines).encode()


def named(name: str, **changes: str) -> PartitionLine:
    return replace(LINE, partition=name, **changes)  # type: ignore[arg-type]


@given(
    sides=st.lists(st.sets(st.sampled_from("abcdef")), min_size=3, max_size=3),
)
def test_merge_has_what_either_side_added_and_not_what_one_removed(sides: list[set[str]]) -> None:
    base, ours, theirs = (text(*(named(name) for name in side)) for side in sides)
    merged = merge_manifests(base, ours, theirs, "m")
    names = {line.partition for line in parse_manifest(merged.content.decode(), "m")}
    was, mine, other = sides
    assert names == (mine & other) | ((mine | other) - was)
    assert merge_manifests(base, theirs, ours, "m") == merged


def test_merge_of_what_both_acquired_alike_keeps_the_earlier_fetch() -> None:
    early, late = (named("a", fetched_at=f"2026-01-0{day}T00:00:00Z") for day in (1, 2))
    assert merge_manifests(b"", text(late), text(early), "m").content == text(early)


def test_merge_of_other_content_for_one_partition_is_a_conflict() -> None:
    with pytest.raises(BadDataError, match="both sides changed partition `a`"):
        merge_manifests(text(LINE), text(named("a")), text(named("a", sha256="00" * 32)), "m")


def test_merge_of_overlapping_cursor_ranges_is_a_conflict() -> None:
    first = named("005", cursor_column="id", cursor_to="5")
    mine, other = (
        named(f"00{to}", cursor_column="id", cursor_from="5", cursor_to=to, sha256=to * 64) for to in "89"
    )
    with pytest.raises(BadDataError, match="`008` and `009` both begin after `5`"):
        merge_manifests(text(first), text(first, mine), text(first, other), "m")


def test_conflict_marks_name_the_command_that_resolves_them(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("<<<<<<< ours\n" + manifest_text([LINE]), encoding="utf-8")
    with pytest.raises(BadDataError) as caught:
        read_manifest(path)
    assert caught.value.fix == "mlops-kit merge resolve"
