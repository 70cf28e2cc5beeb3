"""Partitions, quarantine and profile of two sides; values about persons are in none of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.datafiles import DataFile
from mlops_kit.compare.hiding import Hiding
from mlops_kit.compare.partitions import compare_manifests, folder_of
from mlops_kit.compare.profiles import compare_profiles, share
from mlops_kit.compare.quarantine import compare_quarantine
from mlops_kit.errors import BadDataError

PATH = "data/raw.manifest.jsonl"


def manifest(**lines: dict[str, Any]) -> bytes:
    made = [{"partition": name.strip("_"), **line} for name, line in lines.items()]
    return "".join(json.dumps(line) + "\n" for line in made).encode()


def quarantine(folder: Path, *rows: tuple[int, str, str, str | None]) -> DataFile:
    folder.mkdir()
    names = ("id", "rule", "column", "value")
    place = folder / "quarantine.parquet"
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), place)
    digest = hashlib.md5(place.read_bytes()).hexdigest()
    return DataFile("data/quarantine.parquet", digest, 1, None, place)


def profile(rows: int, **columns: dict[str, Any]) -> bytes:
    return json.dumps({"rows": rows, "columns": columns}).encode()


def test_partitions_that_came_went_and_were_rewritten_are_told() -> None:
    old = manifest(a={"rows": 1, "sha256": "1"}, b={"rows": 2, "sha256": "2"}, c={"rows": 3, "sha256": "3"})
    new = manifest(
        b={"rows": 2, "sha256": "9"},
        c={"rows": 3, "sha256": "3"},
        d={"rows": 4, "sha256": "4", "cursor_to": "7"},
    )
    made = compare_manifests({PATH: old}, {PATH: new})
    assert [(one.partition, one.state) for one in made] == [
        ("a", "removed"),
        ("b", "rewritten"),
        ("d", "added"),
    ]
    assert (made[2].folder, made[2].new_rows, made[2].cursor) == ("data/raw", 4, ("", "7"))


def test_line_that_only_tells_another_time_is_no_other_partition() -> None:
    old, new = (manifest(a={"rows": 1, "sha256": "1", "fetched_at": at}) for at in "xy")
    assert compare_manifests({PATH: old}, {PATH: new}) == ()


def test_conflict_marker_in_a_manifest_is_refused_with_its_line() -> None:
    with pytest.raises(BadDataError, match=r"raw\.manifest\.jsonl:2"):
        compare_manifests({}, {PATH: manifest(a={"rows": 1}) + b"<<<<<<< HEAD\n"})


def test_folder_of_a_manifest_is_the_one_around_it_or_beside_it() -> None:
    assert [folder_of(path) for path in (PATH, "data/raw/manifest.jsonl")] == ["data/raw", "data/raw"]


def test_quarantine_counts_by_rule_and_shows_new_rows(tmp_path: Path) -> None:
    old = quarantine(tmp_path / "old", (1, "min 0", "age", "-1"), (2, "type integer", "age", "x"))
    new = quarantine(tmp_path / "new", (1, "min 0", "age", "-1"), (3, "min 0", "age", "-7"))
    made = compare_quarantine(old, new, Hiding())
    assert made is not None
    assert [(rule.rule, rule.old, rule.new) for rule in made.rules] == [
        ("min 0", 1, 2),
        ("type integer", 1, 0),
    ]
    assert made.rules[0].examples[0].key == (("id", "3"),)
    assert [rule.examples[0].value for rule in made.rules] == ["-7", "x"]


def test_quarantine_shows_no_value_about_a_person(tmp_path: Path) -> None:
    rows = (
        (1, "min 0", "age", "SECRET"),
        (2, "unreadable row", "", "SECRET,line"),
        (3, "min 0", "height", "5"),
    )
    new = quarantine(tmp_path / "new", *rows)
    made = compare_quarantine(None, new, Hiding(frozenset({"AGE", "id"})))
    assert made is not None
    assert "SECRET" not in repr(made)
    assert all(example.key == () for rule in made.rules for example in rule.examples)
    assert [e.value for rule in made.rules for e in rule.examples if not e.hidden] == ["5"]


def test_large_quarantine_is_counted_by_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_kit.compare.quarantine.MOST_ROWS", 2)
    old = quarantine(tmp_path / "old", (1, "min 0", "age", "-1"))
    new = quarantine(
        tmp_path / "new", *((n, "min 0", "age", "-1") for n in range(5)), (9, "max 9", "age", "10")
    )
    made = compare_quarantine(old, new, Hiding())
    assert made is not None
    assert [(rule.rule, rule.old, rule.new, rule.examples) for rule in made.rules] == [
        ("min 0", 1, 5, ()),
        ("max 9", 0, 1, ()),
    ]


def test_row_that_only_moved_in_its_file_is_the_same_row_in_quarantine(tmp_path: Path) -> None:
    old, new = (quarantine(tmp_path / name, (1, "min 0", "age", "-1")) for name in ("old", "new"))
    assert new.place is not None
    moved = pq.read_table(new.place).append_column("row", pa.array([7]))
    pq.write_table(moved, new.place)
    made = compare_quarantine(old, replace(new, digest="other"), Hiding())
    assert made is not None
    assert (made.rules, made.others) == ((), 1)


def test_quarantine_that_is_another_table_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "quarantine.parquet"
    pq.write_table(pa.table({"a": [1]}), place)
    assert compare_quarantine(None, DataFile("quarantine.parquet", "a", 1, None, place), Hiding()) is None


def test_profile_tells_missing_values_and_ranges() -> None:
    column = {"missing": 0, "distinct": 100, "min": 1.0, "median": 5.0, "max": 9.0, "q05": 1.0, "q95": 9.0}
    old = profile(1000, a=column, gone=column)
    new = profile(1000, a={**column, "missing": 31, "max": 12.0, "median": 6.0}, came=column)
    told = [(one.column, one.what, one.old, one.new) for one in compare_profiles(old, new, Hiding())]
    assert told == [("a", "missing", "0 %", "3.1 %"), ("a", "largest", "9", "12"), ("a", "median", "5", "6")]


def test_profile_of_a_column_about_persons_has_counts_alone() -> None:
    old = profile(10, a={"missing": 0, "distinct": 10, "min": "SECRET"})
    new = profile(10, a={"missing": 5, "distinct": 5, "min": "SECRET 2"})
    made = compare_profiles(old, new, Hiding(frozenset({"a"})))
    assert [one.what for one in made] == ["missing", "distinct values"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"columns": 1, "rows": 2}', b'{"rows": "x", "columns": {}}']
)
def test_profile_of_another_shape_says_nothing(content: bytes) -> None:
    assert compare_profiles(content, profile(1, a={"missing": 1}), Hiding()) == ()


def test_small_share_is_not_none_and_a_large_one_not_all() -> None:
    assert [share(value) for value in (0, 0.0001, 0.5, 0.9999, 1)] == [
        "0 %",
        "below 0.1 %",
        "50.0 %",
        "99.9 %",
        "100 %",
    ]
