from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.hashing import hash_file
from mlops_kit.artifacts.tables import RowStream
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.partitions.local import LocalFiles
from mlops_kit.data.partitions.parted import Parted, split_rows
from mlops_kit.data.partitions.source import Fetched, Offer
from mlops_kit.data.partitions.writing import WrittenPart, write_parts
from mlops_kit.errors import BadDataError

OFFER = Offer("all", "web:all.csv")


def written(folder: Path, text: str, parted: Parted | None = None) -> dict[str, WrittenPart]:
    folder.mkdir()
    path = folder.with_suffix(".csv")
    path.write_text(text)
    return {part.name: part for part in write_parts(Fetched(path), OFFER, parted, folder)}


def by_month(**options: object) -> Parted:
    return Parted(LocalFiles(("all.csv",)), "month", "at", **options)  # type: ignore[arg-type]


def rejects(folder: Path, name: str) -> list[tuple[str, int]]:
    lines = (folder / f"{name}.rejects.jsonl").read_text().splitlines()
    return [(value["source"], value["line"]) for value in map(json.loads, lines)]


def test_lines_that_are_no_rows_are_kept_with_the_name_of_the_source(tmp_path: Path) -> None:
    part = written(tmp_path / "p", "id,at\n1,2013-01-01\n2\n3,2013-01-02\n")["all"]
    assert (part.rows, part.rejected) == (2, 1)
    assert rejects(tmp_path / "p", "all") == [("web:all.csv", 3)]
    found = hash_file(tmp_path / "p/all.rejects.jsonl")
    assert (found.md5, found.size) == (part.rejects_md5, part.rejects_bytes)


def test_lines_that_are_no_rows_go_with_the_month_and_stay_there_when_the_file_grows(tmp_path: Path) -> None:
    text = "id,at\n1,2013-01-01\n2\n3,2013-01-02\n"
    short = written(tmp_path / "short", text, by_month())
    long = written(tmp_path / "long", text + "4,2013-02-01\n", by_month())
    assert short["2013-01"] == long["2013-01"]
    assert long["2013-02"].rejected == 0


def test_month_that_is_not_closed_leaves_nothing_behind(tmp_path: Path) -> None:
    written(tmp_path / "p", "id,at\n1,2013-01-01\n2,2013-02-01\n", by_month(closed=True))
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["2013-01.parquet"]


def test_no_rows_up_to_a_month_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"web:all\.csv: no rows up to 2012-12"):
        written(tmp_path / "p", "id,at\n1,2013-01-01\n", by_month(through="2012-12"))


def test_column_that_is_no_time_is_refused_without_its_values(tmp_path: Path) -> None:
    with pytest.raises(
        BadDataError, match=r"web:all\.csv: column `at` does not start with a date in 1 of 1"
    ) as caught:
        written(tmp_path / "p", "id,at\n1,Ms Smith\n", by_month())
    assert "Smith" not in str(caught.value)


def test_row_without_a_date_stays_with_the_row_before_it_when_the_file_grows(tmp_path: Path) -> None:
    text = "id,at\n0,\n1,2013-01-01\n2,soon\n3,2013-02-01\n4,2013-13-01\n5,2013-02-02\n6,2013-01-03\n"
    short = written(tmp_path / "short", text, by_month())
    long = written(tmp_path / "long", text + "7,\n8,2013-03-01\n", by_month(through="2013-02"))
    ids = {name: pq.read_table(tmp_path / f"short/{name}.parquet")["id"].to_pylist() for name in short}
    assert ids == {"2013-01": ["0", "1", "2", "6"], "2013-02": ["3", "4", "5"]}
    assert short["2013-02"] == long["2013-02"]


def test_close_names_of_a_missing_time_column_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadDataError) as caught:
        written(tmp_path / "p", "id,ats\n1,2013-01-01\n", by_month())
    assert "ats" in caught.value.fix


def test_rows_and_a_file_of_the_same_rows_give_the_same_partition(tmp_path: Path) -> None:
    table = pa.table({"id": ["1", "2"], "at": ["2013-01-01", "2013-02-01"]})
    stream = RowStream(lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
    (tmp_path / "rows").mkdir()
    (from_rows,) = write_parts(Fetched(rows=stream), OFFER, None, tmp_path / "rows")
    assert from_rows == written(tmp_path / "file", "id,at\n1,2013-01-01\n2,2013-02-01\n")["all"]


def test_options_say_how_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("id;at\n1;2\n")
    (tmp_path / "p").mkdir()
    write_parts(Fetched(path, options=FormatOptions(delimiter=";")), OFFER, None, tmp_path / "p")
    assert pq.read_schema(tmp_path / "p/all.parquet").names == ["id", "at"]


@given(
    days=st.lists(st.integers(1, 90), min_size=1, max_size=30),
    cuts=st.lists(st.integers(1, 10), min_size=1, max_size=5),
)
def test_parting_loses_no_row_and_does_not_see_how_rows_are_cut(days: list[int], cuts: list[int]) -> None:
    texts = [f"2013-{1 + day // 31:02}-{1 + day % 31:02}" for day in days]
    table = pa.table({"n": list(range(len(days))), "at": texts})

    def parts(size: int) -> dict[str, list[int]]:
        last = ""
        found: dict[str, list[int]] = {}
        for batch in table.to_batches(size):
            split, dated = split_rows(batch, by_month(), "x", last)
            last = dated.last
            for period, rows in split:
                found.setdefault(period, []).extend(rows["n"].to_pylist())
        return dict(sorted(found.items()))

    whole = parts(len(days))
    assert sorted(n for numbers in whole.values() for n in numbers) == list(range(len(days)))
    assert all(numbers == sorted(numbers) for numbers in whole.values())
    assert list(whole) == sorted({text[:7] for text in texts})
    assert all(parts(cut) == whole for cut in cuts[:2])
