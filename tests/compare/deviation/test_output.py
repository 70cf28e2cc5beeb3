from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.compare.deviation import Level, OutputDeviation, Tolerance, explain_output

Text = str | bytes


def explain(
    folder: Path, name: str, old: Text, new: Text, tolerance: Tolerance | None = None
) -> OutputDeviation:
    places = []
    for side, content in (("recorded", old), ("fresh", new)):
        place = folder / side / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        places.append(place)
    return explain_output(name, *places, tolerance=tolerance or Tolerance())


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.parquet", "a.pkl", "a.zip", "a.png", "a"])
def test_same_bytes_are_identical_whatever_they_are(tmp_path: Path, name: str) -> None:
    assert explain(tmp_path, name, b"\0what", b"\0what") == OutputDeviation(name, Level.IDENTICAL, None, ())


CASES: list[tuple[str, Text, Text, Level, str]] = [
    ("a.json", '{"a": 1}', '{"a":1}', Level.EQUAL, "written otherwise"),
    ("a.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', Level.EQUAL, "same keys in another order"),
    ("a.json", '{"a": 0.1}', '{"a": 0.10000000000000002}', Level.EQUAL, "within the tolerance"),
    ("a.json", '{"a": 1.0}', '{"a": 2.0}', Level.DIFFERENT, "a: 1.0 -> 2.0 (0.5 of it)"),
    ("a.json", '{"a": {"b": 1}}', '{"a": {"c": 1}}', Level.DIFFERENT, "only in the recorded one: a: keys 'b'"),
    ("a.json", '["x", "y"]', '["y", "x"]', Level.DIFFERENT, "the same 2 items in another order"),
    ("a.json", '["x", "y"]', '["y"]', Level.DIFFERENT, "number of items: 2 -> 1"),
    ("a.json", '{"a": true}', '{"a": 1}', Level.DIFFERENT, "another type"),
    ("a.json", '{"a": NaN}', '{"a":NaN}', Level.EQUAL, "written otherwise"),
    ("a.json", '{"a": NaN}', '{"a": 1.5}', Level.DIFFERENT, "nan -> 1.5"),
    ("a.json", '{"a": 1' + "0" * 400 + "}", '{"a": 1}', Level.DIFFERENT, "a whole number of 1,329 bits"),
    ("a.json", '{"t": "2024-01-01T10:00:00"}', '{"t": "2024-01-02T11:00:00"}', Level.DIFFERENT, "a date or time"),
    ("a.jsonl", '{"a": 1}\n{"a": 2}\n', '{"a": 2}\n{"a": 1}\n', Level.DIFFERENT, "same 2 items in another order"),
    ("a.yaml", "a: 1\n", "a:  1\n", Level.EQUAL, "written otherwise"),
    ("a.yaml", "a: [1, 2]\n", "a: [1, 3]\n", Level.DIFFERENT, "a[1]: 2 -> 3"),
    ("a.toml", "a = 1\n", "a = 2\n", Level.DIFFERENT, "a: 1 -> 2"),
    ("a.csv", "a,b\n1,x\n", 'a,b\n1,"x"\n', Level.EQUAL, "other encoding, quoting"),
    ("a.csv", "a,b\n1,x\n", "a,b\n1.0,x\n", Level.EQUAL, "the same numbers written otherwise"),
    ("a.csv", "a,b\n1,x\n2,y\n", "a,b\n1,x\n4,y\n", Level.DIFFERENT, "column a: 1 cells differ, by at most 2; row 2: '2' -> '4'"),
    ("a.csv", "a,b\n1,x\n2,y\n", "a,b\n2,y\n1,x\n", Level.DIFFERENT, "the same 2 rows in another order"),
    ("a.csv", "a,b\n1,x\n2,y\n3,z\n", "a,b\n3,z\n1,q\n2,y\n", Level.DIFFERENT, "rows (by a) stand in another order"),
    ("a.csv", "a,b\n1,x\n", "b,a\nx,1\n", Level.DIFFERENT, "the same columns in another order"),
    ("a.csv", "a,b\n1,x\n", "a,c\n1,x\n", Level.DIFFERENT, "only in the fresh one: column c"),
    ("a.csv", "a\n1\n2\n", "a\n1\n", Level.DIFFERENT, "number of rows: 2 -> 1"),
    ("a.tsv", "a\tb\n1\t2\n", "a\tb\n1\t3\n", Level.DIFFERENT, "column b"),
    ("a.txt", "a\r\nb\r\n", "a\nb\n", Level.EQUAL, "other line ends"),
    ("a.txt", "a\nb\n", "b\na\n", Level.DIFFERENT, "the same 2 lines in another order"),
    ("a.md", "in /tmp/abcd\n", "in /tmp/efgh\n", Level.DIFFERENT, "a temporary path"),
    ("a.txt", "<O at 0x7f0011223344>", "<O at 0x7f0011223355>", Level.DIFFERENT, "a memory address"),
    ("a.svg", '<svg><g id="p0123456789"/></svg>', '<svg><g id="p9876543210"/></svg>', Level.EQUAL, "random ids of a figure"),
    ("a.svg", '<svg id="m">1</svg>', '<svg id="m">2</svg>', Level.DIFFERENT, "line 1"),
    ("a.html", '<td id="T_abcde_row0">1', '<td id="T_12345_row0">1', Level.EQUAL, "random ids of table cells"),
    ("a.pdf", b"%PDF-1.4 /CreationDate (D:2024)", b"%PDF-1.4 /CreationDate (D:2025)", Level.EQUAL, "the creation date"),
    ("a.bin", b"\0ab", b"\0ac", Level.DIFFERENT, "first differing byte at offset 2"),
    ("a.bin", b"\0ab", b"\0abc", Level.DIFFERENT, "size in bytes: 3 -> 4"),
    ("noname", "line\n", "other\n", Level.DIFFERENT, "line 1: 'line' -> 'other'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "level", "words"), CASES, ids=lambda value: str(value)[:30] or "-"
)
def test_a_difference_is_named_with_its_level(
    tmp_path: Path, name: str, old: Text, new: Text, level: Level, words: str
) -> None:
    made = explain(tmp_path, name, old, new)
    assert made.level == level, made.detail
    assert any(words in line for line in made.detail), made.detail
    assert explain(tmp_path, name, new, old).level == level


def test_one_side_missing_or_of_another_kind_is_different(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for sides in (("none", "file"), ("folder", "file"), ("file", "none")):
        made = explain_output("out", *(tmp_path / side for side in sides), tolerance=Tolerance())
        assert made.level is Level.DIFFERENT


def test_folder_is_explained_member_by_member(tmp_path: Path) -> None:
    explain(tmp_path, "out/a.json", '{"x": 1}', '{"x": 2}')
    explain(tmp_path, "out/b.txt", "same", "same")
    (tmp_path / "fresh/out/c.txt").write_text("new", encoding="utf-8")
    made = explain_output("out", tmp_path / "recorded/out", tmp_path / "fresh/out", tolerance=Tolerance())
    assert made.detail == ("only in the fresh one: c.txt", "a.json: x: 1 -> 2 (0.5 of it)")
    assert made.largest == 0.5


def test_detail_is_bounded_and_counts_the_rest(tmp_path: Path) -> None:
    old, new = (json.dumps({f"k{i}": i + shift for i in range(50)}) for shift in (0, 1))
    made = explain(tmp_path, "a.json", old, new)
    assert len(made.detail) == 11
    assert made.detail[-1] == "and 40 more differences"


def test_tolerance_is_the_callers(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.json", '{"a": 100}', '{"a": 101}', Tolerance(relative=0.02))
    assert (made.level, made.largest) == (Level.EQUAL, pytest.approx(1 / 101))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(plain, plain)
def test_swapped_sides_mirror_documents(
    tmp_path_factory: pytest.TempPathFactory, old: object, new: object
) -> None:
    _check_mirror(tmp_path_factory.mktemp("m"), "a.json", json.dumps(old), json.dumps(new))


cell = st.sampled_from(["1", "1.0", "2", "", "x", "nan", "1e400", "0.30000000000000004"])
rows = st.lists(st.tuples(cell, cell), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(rows, rows)
def test_swapped_sides_mirror_tables(
    tmp_path_factory: pytest.TempPathFactory, old: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    _check_mirror(tmp_path_factory.mktemp("m"), "a.csv", _csv(old), _csv(new))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_permuted_rows_are_named(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], chance: random.Random
) -> None:
    old = [(str(value), str(place % 3)) for place, value in enumerate(values)]
    new = chance.sample(old, len(old))
    made = explain(tmp_path_factory.mktemp("p"), "a.csv", _csv(old), _csv(new))
    if old == new:
        assert made.level is Level.IDENTICAL
    else:
        assert made.detail[0].startswith(f"the same {len(old)} rows in another order")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["a.json", "a.yaml", "a.csv", "a.npy", "a.pkl", "a.zip", "a.tar", "a.gz", "a.png", "a.db", "a.parquet", "a.svg"]),
    st.binary(max_size=60),
    st.binary(max_size=60),
)  # fmt: skip
def test_any_bytes_are_explained_and_identical_only_when_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, old: bytes, new: bytes
) -> None:
    made = explain(tmp_path_factory.mktemp("b"), name, old, new)
    assert (made.level is Level.IDENTICAL) == (old == new)
    assert bool(made.detail) == (old != new)


def _check_mirror(folder: Path, name: str, old: str, new: str) -> None:
    made, mirrored = explain(folder, name, old, new), explain(folder, name, new, old)
    assert (made.level, made.largest) == (mirrored.level, mirrored.largest)
    assert len(made.detail) == len(mirrored.detail)
    assert explain(folder, name, old, new) == made


def _csv(rows: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *rows])
    return text.getvalue()
