from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.compare.deviation import Level
from tests.compare.deviation.test_output import explain


def parquet(*, feather: bool = False, compression: str = "snappy", **columns: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.feather as feathers
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    if feather:
        feathers.write_feather(pa.table(columns), buffer)
    else:
        pq.write_table(pa.table(columns), buffer, compression=compression)
    return buffer.getvalue()


@pytest.mark.parametrize("feather", [False, True])
def test_cells_are_named_by_column_and_row(tmp_path: Path, feather: bool) -> None:
    old = parquet(feather=feather, id=[1, 2, 3], delay=[1.0, 3.0, 5.0])
    new = parquet(feather=feather, id=[1, 2, 3], delay=[1.0, 4.0, 5.0])
    made = explain(tmp_path, "t.feather" if feather else "t.parquet", old, new)
    assert made.detail == ("column delay: 1 cells differ, by at most 1; row 2: 3.0 -> 4.0",)
    assert made.largest == 0.25


def test_parquet_compression_alone_is_equal(tmp_path: Path) -> None:
    made = explain(tmp_path, "t.parquet", parquet(a=[1]), parquet(a=[1], compression="zstd"))
    assert (made.level, made.detail) == (
        Level.EQUAL,
        ("compression: 'SNAPPY' -> 'ZSTD' (same cells)",),
    )


def test_parquet_type_alone_is_different(tmp_path: Path) -> None:
    made = explain(tmp_path, "t.parquet", parquet(a=[1]), parquet(a=[1.0]))
    assert made.detail[0] == "column a, type: int64 -> double"
    assert made.level is Level.DIFFERENT


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ([1.0, None], [1.0, 2.0], "None -> 2.0"),
        ([1.0, float("nan")], [1.0, 2.0], "nan -> 2.0"),
        (["a", "b"], ["a", "c"], "'b' -> 'c'"),
        ([[1], [2]], [[1], [3]], "[2] -> [3]"),
        ([{"x": 1}], [{"x": 2}], "{'x': 1} -> {'x': 2}"),
        ([True, False], [True, True], "False -> True"),
    ],
)
def test_every_kind_of_cell_is_compared(tmp_path: Path, old: list[Any], new: list[Any], words: str) -> None:
    made = explain(tmp_path, "t.parquet", parquet(a=old), parquet(a=new))
    assert made.level is Level.DIFFERENT
    assert words in made.detail[0]


def test_moved_rows_are_brought_together_by_their_key(tmp_path: Path) -> None:
    old = parquet(id=[1, 2, 3], x=[1.0, 2.0, 3.0])
    new = parquet(id=[3, 1, 2], x=[3.0, 1.0, 2.5])
    made = explain(tmp_path, "t.parquet", old, new)
    assert made.detail == (
        "the 3 shared rows (by id) stand in another order",
        "column x: 1 cells differ, by at most 0.5; row 2: 2.0 -> 2.5",
    )


def test_rows_that_came_and_went_are_counted(tmp_path: Path) -> None:
    made = explain(tmp_path, "t.parquet", parquet(x=[1.5, 2.5, 2.5]), parquet(x=[2.5, 3.5]))
    assert made.detail == (
        "number of rows: 3 -> 2",
        "only in the recorded one: 2 rows, first row 1",
        "only in the fresh one: 1 rows, first row 2",
    )


def npy(values: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values))
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_arrays_are_named_with_shape_and_place(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.npy", npy([[1.0, 2.0], [3.0, 4.0]]), npy([[1.0, 2.0], [3.0, 5.0]]))
    assert made.detail == ("array (2x2 values): 1 differ, by at most 1; first [1, 1] 4.0 -> 5.0",)
    assert explain(tmp_path, "a.npy", npy([1.0]), npy([1.0, 2.0])).detail == ("array, shape: (1,) -> (2,)",)


def test_npz_is_explained_by_name(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.npz", npz(w=[1, 2], b=[3]), npz(w=[1, 2], b=[4]))
    assert made.detail == ("arrays.b (1 values): 1 differ, by at most 1; first [0] 3 -> 4",)


def zipped(year: int, **members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.json", (year, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def test_dates_and_order_in_a_zip_are_known_noise(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.zip", zipped(2020, a="1", b="2"), zipped(2021, b="2", a="1"))
    assert made.level is Level.EQUAL
    assert "modification time of 2 members" in made.detail[0]
    assert "another order" in made.detail[1]


def test_members_of_a_zip_are_explained_by_their_family(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.zip", zipped(2020, a='{"x": 1}'), zipped(2020, a='{"x": 2}'))
    assert made.detail == ("a.json: x: 1 -> 2 (0.5 of it)",)


def tarred(mtime: int, owner: str, data: bytes, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("a.csv")
        info.size, info.mtime, info.uname = len(data), mtime, owner
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_dates_and_owners_in_a_tar_are_known_noise(tmp_path: Path) -> None:
    made = explain(tmp_path, "a.tar.gz", tarred(1, "ann", b"a\n1\n"), tarred(2, "bob", b"a\n1\n"))
    assert made.level is Level.EQUAL
    assert ["known noise" in line for line in made.detail] == [True, True]
    made = explain(tmp_path, "a.tar", tarred(1, "ann", b"a\n1\n", "w"), tarred(1, "ann", b"a\n2\n", "w"))
    assert "a.csv: column a: 1 cells differ" in made.detail[0]


def test_time_in_a_gzip_header_is_known_noise(tmp_path: Path) -> None:
    old, new = (gzip.compress(b"a,b\n1,2\n", mtime=time) for time in (1, 2))
    made = explain(tmp_path, "a.csv.gz", old, new)
    assert (made.level, made.detail) == (Level.EQUAL, ("gzip header, time: 1 -> 2 (known noise)",))


def database(*rows: tuple[Any, ...]) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a, b)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.commit()
    data: bytes = connection.serialize()
    connection.close()
    return data


def test_rows_of_a_database_are_compared_by_table(tmp_path: Path) -> None:
    one, two, three = (1, "a"), (2, "b"), (2, "c")
    assert explain(tmp_path, "d.db", database(one, two), database(two, one)).level is Level.EQUAL
    made = explain(tmp_path, "d.db", database(one, two), database(one, three))
    assert made.detail == ("table t: 1 rows differ; row 2: 'b' -> 'c'",)
    made = explain(tmp_path, "d.db", database(one), database(one, two))
    assert made.detail[0] == "table t, number of rows: 1 -> 2"


def picture(colour: int, text: str = "") -> bytes:
    from PIL import Image, PngImagePlugin

    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Software", text)
    image = Image.new("RGB", (4, 3))
    image.putpixel((2, 1), (colour, 0, 0))
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_pixels_count_and_texts_of_a_picture_do_not(tmp_path: Path) -> None:
    made = explain(tmp_path, "p.png", picture(1), picture(9))
    assert made.detail == ("1 of 12 pixels differ, by at most 8 of 255; first at x=2, y=1, last row y=1",)
    assert explain(tmp_path, "p.png", picture(1, "a"), picture(1, "b")).level is Level.EQUAL


def test_picture_without_a_decoder_is_compared_by_its_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_kit.compare.deviation.pictures.find_spec", lambda name: None)
    made = explain(tmp_path, "p.png", picture(1), picture(9))
    assert made.detail == ("the picture differs (no decoder is installed to say where)",)
