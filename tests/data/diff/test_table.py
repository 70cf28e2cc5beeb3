from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.data.diff.keys import KeyWish
from mlops_kit.data.diff.reading import FileVersion
from mlops_kit.data.diff.table import DiffOptions, diff_table
from mlops_kit.errors import BadDataError
from tests.support.tables import BY_ID, comma, diff, files, parquet

FREE = replace(BY_ID, wishes=())
ROWS = [{"id": i, "x": i / 2, "name": "ab"[i % 2], "flag": True} for i in range(100)]


def table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_diff_by_key_counts_rows_and_shows_the_change_of_a_cell(tmp_path: Path) -> None:
    new = [{**row, "x": -1.0} if row["id"] == 7 else row for row in ROWS[1:]] + [{**ROWS[0], "id": 100}]
    found = diff(parquet(tmp_path / "a.parquet", ROWS), parquet(tmp_path / "b.parquet", new))
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 1, 1, 98)
    assert found.reason.startswith("1 row added, 1 row removed, 1 row changed")
    x = found.columns[0]
    assert (x.column, x.changed) == ("x", 1)
    assert (x.examples[0].key, x.examples[0].old, x.examples[0].new) == ((("id", "7"),), "3.5", "-1.0")
    assert dict(found.added_examples[0].values)["id"] == "100"


def test_diff_without_a_key_that_fits_compares_whole_rows(tmp_path: Path) -> None:
    old, new = table(tmp_path / "a.parquet", v=[1, 1, 2]), table(tmp_path / "b.parquet", v=[1, 2, 2, 3])
    found = diff(old, new, FREE)
    assert (found.key, found.added, found.removed, found.changed, found.unchanged) == ((), 2, 1, None, 2)


def test_diff_finds_the_column_that_is_unique(tmp_path: Path) -> None:
    old = table(
        tmp_path / "a.parquet", score=[i / 3 for i in range(30)], user_id=[f"u{i}" for i in range(30)]
    )
    new = table(
        tmp_path / "b.parquet", score=[i / 4 for i in range(31)], user_id=[f"u{i}" for i in range(31)]
    )
    found = diff(old, new, FREE)
    assert (found.key, found.key_source) == (("user_id",), "found: unique on both sides")
    assert (found.added, found.changed) == (1, 29)


def test_diff_pairs_rows_of_a_repeated_key_in_the_order_of_their_values(tmp_path: Path) -> None:
    old, new = (
        table(tmp_path / "a.parquet", id=[1, 1], x=[1.0, 2.0]),
        table(tmp_path / "b.parquet", id=[1, 1], x=[3.0, 2.0]),
    )
    found = diff(old, new)
    assert (found.added, found.removed, found.changed, found.unchanged) == (0, 0, 1, 1)


def test_nan_and_both_zeros_are_equal_and_nan_is_not_a_missing_value(tmp_path: Path) -> None:
    old = table(tmp_path / "a.parquet", id=[1, 2, 3], x=[float("nan"), 0.0, None])
    new = table(tmp_path / "b.parquet", id=[1, 2, 3], x=[float("nan"), -0.0, float("nan")])
    assert (diff(old, new).changed, diff(old, new).unchanged) == (1, 2)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (pa.array([1, 2], pa.int32()), pa.array([1.0, 2.0]), 0),
        (
            pa.array([2**53 + 1, 2]),
            pa.array([float(2**53), 2.0]),
            2,
        ),  # as texts: a double cannot tell them apart
        (pa.array([1, 2], pa.timestamp("ms")), pa.array([1_000, 2_001], pa.timestamp("us", "UTC")), 1),
        (pa.array(["1", "x"]), pa.array([1, 2]), 1),
        (pa.nulls(2), pa.array([None, 2]), 1),
    ],
)
def test_values_of_another_type_are_compared_by_what_they_mean(
    tmp_path: Path, old: pa.Array, new: pa.Array, changed: int
) -> None:
    found = diff(
        table(tmp_path / "a.parquet", id=[1, 2], v=old), table(tmp_path / "b.parquet", id=[1, 2], v=new)
    )
    assert found.changed == changed
    assert [(change.column, change.kind) for change in found.schema] == [("v", "type")]


def test_columns_that_come_go_and_move_are_no_changed_rows(tmp_path: Path) -> None:
    old = table(tmp_path / "a.parquet", id=[1], a=[1], b=[2], gone=[3])
    new = table(tmp_path / "b.parquet", id=[1], b=[2], a=[1], came=[4])
    found = diff(old, new)
    assert [(c.column, c.kind) for c in found.schema] == [
        ("gone", "removed"), ("came", "added"), ("b", "moved"), ("a", "moved"),
    ]  # fmt: skip
    assert (found.changed, found.unchanged, found.is_empty) == (0, 1, False)


def test_rows_file_has_columns_that_one_side_lacks_and_none_about_persons(tmp_path: Path) -> None:
    old = table(tmp_path / "a.parquet", id=[1, 2], mail=["m", "n"], gone=[3, 4])
    new = table(tmp_path / "b.parquet", id=[1, 2], mail=["m", "o"], came=[5, None])
    made = tmp_path / "rows.parquet"
    diff(old, new, replace(BY_ID, rows=made, hidden=frozenset({"MAIL"})))
    rows = pq.read_table(made).to_pylist()
    assert rows[:2] == [
        {"change": "before", "id": 1, "gone": 3, "came": None}, {"change": "after", "id": 1, "gone": None, "came": 5},
    ]  # fmt: skip


def test_csv_numbers_written_another_way_are_the_same_and_names_with_zeros_are_not(tmp_path: Path) -> None:
    old = comma(
        tmp_path / "a.csv",
        [("id", "x", "zip", "at"), (1, "1", "07", "2020-01-01"), (2, "2.50", "1", "2020-01-02")],
    )
    new = comma(
        tmp_path / "b.csv",
        [("id", "x", "zip", "at"), (1, "1.0", "7", "2020-01-01 00:00"), (2, "2.5", "1", "2020-01-02")],
    )
    found = diff(old, new)
    assert {c.column: c.changed for c in found.columns} == {"id": 0, "x": 0, "zip": 1, "at": 0}
    assert found.notes == (
        "`at`, `x`: values are written in several ways and were compared by what they mean",
    )


def test_one_version_number_among_texts_keeps_the_column_a_text(tmp_path: Path) -> None:
    old = comma(tmp_path / "a.csv", [("id", "version"), (1, "1.1"), (2, "2.0-beta")])
    new = comma(tmp_path / "b.csv", [("id", "version"), (1, "1.10"), (2, "2.0-beta")])
    assert diff(old, new).changed == 1


def test_csv_against_parquet_reads_texts_as_the_types(tmp_path: Path) -> None:
    old = comma(
        tmp_path / "a.csv", [("id", "x", "flag", "n"), (1, "1.50", "yes", "NA"), (2, "", "False", "3.0")], ";"
    )
    new = table(tmp_path / "b.parquet", id=[1, 2], x=[1.5, None], flag=[True, False], n=[None, 4])
    found = diff(old, new)
    assert ({c.column: c.changed for c in found.columns if c.changed}, found.schema) == ({"n": 1}, ())


def test_lines_that_are_no_rows_are_counted_and_their_text_is_nowhere(tmp_path: Path) -> None:
    old, new = tmp_path / "a.csv", tmp_path / "b.csv"
    old.write_text("id,x\n1,1\n2,2\n")
    new.write_text("id,x\n1,1\n2,2,secret\n3,3\n")
    found = diff(old, new)
    assert (found.added, found.removed) == (1, 1)
    assert found.notes == ("1 line of the head are no rows and were not compared",)
    assert "secret" not in repr(found)


def test_packed_csv_with_mark_embedded_line_and_tab_is_read(tmp_path: Path) -> None:
    import gzip

    old, new = tmp_path / "a.tsv.gz", tmp_path / "b.tsv"
    old.write_bytes(gzip.compress(b'\xef\xbb\xbfid\ttext\r\n1\t"a\tb\r\nc"\r\n'))
    new.write_bytes(b'id\ttext\n1\t"a\tb\r\nc"')
    assert diff(old, new).is_empty


def test_json_lines_of_other_keys_and_nested_values(tmp_path: Path) -> None:
    old, new = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    old.write_text('{"id": 1, "tags": ["a"]}\n{"id": 2, "tags": []}\n')
    new.write_text('{"id": 2, "tags": ["b"], "more": true}\n{"tags": ["a"], "id": 1}\n')
    found = diff(old, new)
    assert (found.changed, [c.column for c in found.schema]) == (1, ["more"])


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet", b"id,x\n1,\xff\xfe\n"])
def test_file_that_cannot_be_read_is_an_error_without_its_content(tmp_path: Path, content: bytes) -> None:
    name = "a.csv" if b"," in content or not content else "a.parquet"
    (tmp_path / name).write_bytes(content)
    new = comma(tmp_path / "b.csv", [("id", "x"), (1, 2)])
    if b"," in content:
        assert "no rows" in diff(tmp_path / name, new).notes[0]
        return
    with pytest.raises(BadDataError, match="a"):
        diff(tmp_path / name, new)


def test_only_files_that_differ_are_read_and_the_same_content_cancels_under_another_name(
    tmp_path: Path,
) -> None:
    same = parquet(tmp_path / "1.parquet", ROWS[:50])
    old = [*files(same), FileVersion("2.parquet", "b" * 32, None, rows=7)]
    new = [
        FileVersion("0.parquet", files(same)[0].digest, None), FileVersion("2.parquet", "b" * 32, None, rows=7),
        *files(parquet(tmp_path / "3.parquet", ROWS[50:])),
    ]  # fmt: skip
    found = diff_table("data/raw", old, new, BY_ID)
    assert (found.added, found.removed, found.changed, found.same_files) == (50, 0, 0, 2)
    assert [(c.name, c.kind, c.old_name) for c in found.files] == [
        ("0.parquet", "renamed", "1.parquet"), ("3.parquet", "added", ""),
    ]  # fmt: skip


def test_new_partition_is_compared_with_unchanged_ones_that_are_here(tmp_path: Path) -> None:
    old = files(
        *(
            parquet(tmp_path / f"{m}.parquet", [{"id": m * 1000 + i, "x": float(i)} for i in range(500)])
            for m in (1, 2)
        )
    )
    came = files(
        parquet(
            tmp_path / "3.parquet", [{"id": 3000 + i, "x": None if i % 4 else 1000.0 + i} for i in range(500)]
        )
    )
    found = diff_table("data/raw", old, [*old, *came], BY_ID)
    assert (found.old_rows, found.new_rows, found.unchanged, found.changed) == (1000, 1500, 1000, 0)
    assert found.compared_with == "1,000 rows of 2 unchanged files"
    assert found.reason.startswith(
        "500 rows added (3), none changed; `x` missing in 75 % instead of 0 %; median"
    )


def test_keys_that_move_between_files_are_no_change(tmp_path: Path) -> None:
    old = files(parquet(tmp_path / "a/1.parquet", ROWS[:50]), parquet(tmp_path / "a/2.parquet", ROWS[50:]))
    new = files(parquet(tmp_path / "b/1.parquet", ROWS[:30]), parquet(tmp_path / "b/2.parquet", ROWS[30:]))
    found = diff_table("data", old, new, BY_ID)
    assert found.is_empty
    assert found.reason.startswith("no row differs; other bytes")


def test_values_about_persons_appear_nowhere(tmp_path: Path) -> None:
    old = table(
        tmp_path / "a.parquet", id=["anna@x", "berta@x"], age=[41, 42], rule=["r", "r"], value=["v1", "v2"]
    )
    new = table(
        tmp_path / "b.parquet", id=["anna@x", "carla@x"], age=[43, 44], rule=["r", "r"], value=["v3", "v4"]
    )
    options = DiffOptions((KeyWish(("id",), "--key"),), hidden=frozenset({"ID", "age"}), target="age")
    found = diff(old, new, options)
    assert (found.added, found.removed, found.changed, found.classes) == (1, 1, 1, None)
    assert not any(word in repr(found) for word in ("anna", "carla", "41", "43", "v1", "v3"))


def test_class_balance_counts_the_target(tmp_path: Path) -> None:
    old = table(tmp_path / "a.parquet", id=list(range(10)), label=["a"] * 5 + ["b"] * 5)
    new = table(tmp_path / "b.parquet", id=list(range(10)), label=["a"] * 8 + [None, "b"])
    classes = diff(old, new).classes
    assert classes is not None
    assert [(c.value, c.old, c.new) for c in classes.classes] == [("a", 5, 8), ("b", 5, 1), (None, 0, 1)]
    assert classes.reason == "b: 10 % of the rows instead of 50 %; a: 80 % of the rows instead of 50 %"


@pytest.mark.parametrize("ending", ["bz2", "xz", "zip"])
def test_csv_packed_in_other_ways_is_read_and_lines_that_are_no_rows_are_counted(
    tmp_path: Path, ending: str
) -> None:
    import bz2
    import lzma
    import zipfile

    content = b"id,x\n1,2\n2,3,4\n"
    old, new = tmp_path / f"a.csv.{ending}", comma(tmp_path / "b.csv", [("id", "x"), (1, "2.0")])
    if ending == "zip":
        with zipfile.ZipFile(old, "w") as archive:
            archive.writestr("inner.csv", content)
    else:
        old.write_bytes({"bz2": bz2.compress, "xz": lzma.compress}[ending](content))
    found = diff(old, new)
    assert (found.added, found.removed, found.unchanged) == (0, 0, 1)
    assert found.notes[0] == "1 line of the base are no rows and were not compared"


def test_diff_of_a_sample_does_not_depend_on_order_or_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_kit.data.diff.shift.SAMPLE", 200)
    rows = [
        {"id": i, "x": float(i * 37 % 1000), "name": "ab"[i % 2], "flag": i % 3 == 0} for i in range(2000)
    ]
    old, new = parquet(tmp_path / "a.parquet", rows), [{**row, "x": row["x"] * 2} for row in rows]
    first = diff(old, parquet(tmp_path / "b.parquet", new), replace(BY_ID, threads=1))
    again = diff(old, parquet(tmp_path / "c.parquet", new[::-1]), replace(BY_ID, threads=4))
    assert replace(first, files=()) == replace(again, files=())
    x = next(column for column in first.columns if column.column == "x")
    assert (x.level, 100 < x.sampled < 300) == ("strong", True)


def test_few_changes_of_a_large_table_need_no_sample_to_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_kit.data.diff.shift.SAMPLE", 200)
    rows = [{"id": i, "x": float(i), "name": "ab"[i % 2], "flag": True} for i in range(1000)]
    edited = [
        {**row, "x": 0.0, "name": None if row["id"] < 50 else row["name"]} if row["id"] < 300 else row
        for row in rows
    ]
    found = diff(parquet(tmp_path / "a.parquet", rows), parquet(tmp_path / "b.parquet", edited[:990]))
    columns = {column.column: column for column in found.columns}
    assert (columns["flag"].level, columns["flag"].distance, columns["flag"].sampled) == ("same", None, 0)
    assert (columns["x"].level, columns["x"].sampled > 0) == ("strong", True)
    assert columns["name"].reason.startswith("missing in 5.05 % instead of 0 %")
