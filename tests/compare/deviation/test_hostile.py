"""Content that is damaged, or made to hurt whoever looks at it: always `different`, with the reason, and nothing is executed."""

from __future__ import annotations

import gzip
import io
import pickle
import sqlite3
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from mlops_kit.compare.deviation import Level, content
from tests.compare.deviation.test_output import explain


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # a name that stands twice is what is tested
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("a.json", b"[" * 100_000, b"[" * 99_999, "recursion"),
        ("a.json", b'{"a": 1, "a": 2}', b'{"a": 1}', "stands twice"),
        ("a.json", b"\xff\xfe", b"{}", "cannot be read as JSON"),
        ("a.yaml", b"a: &a [*a]\n", b"a: &a [*a, *a]\n", "number of items"),
        ("a.csv", b"a,b\n1\n", b"a,b\n1,2\n", "cannot be read as CSV"),
        ("a.csv", b"a,a\n1,2\n", b"a,a\n1,3\n", "column a (2)"),
        ("a.parquet", b"PAR1 cut", b"PAR1 cat", "cannot be read as Parquet"),
        ("a.zip", zipped(("m", b"1"))[:-9], zipped(("m", b"2")), "cannot be read as zip"),
        ("a.zip", zipped(("m", b"1"), ("m", b"2")), zipped(("m", b"1")), "stands twice"),
        ("a.skops", zipped(("schema.json", b"[]")), zipped(("schema.json", b"{}")), "holds no object"),
        ("a.npy", b"\x93NUMPY\x01\0\x10\0{'descr': broken}", b"\x93NUMPY\x01\0", "cannot be read as npy"),
        ("a.png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT", b"\x89PNG\r\n\x1a\n", "cannot be read as PNG"),
        ("a.db", b"SQLite format 3\0" + b"\xff" * 200, b"SQLite format 3\0", "cannot be read as SQLite"),
        ("a.pkl", b"\x80\x04K\x01", b"\x80\x04K\x02.", "cannot be read as pickle"),
        ("a.pkl", b"\x80\x04h\x05.", b"\x80\x04K\x02.", "cannot be read as pickle"),
        ("a.gz", gzip.compress(b"x", mtime=0)[:-3], gzip.compress(b"y", mtime=0), "cannot be read as gzip"),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_damaged_content_is_different_with_the_reason(
    tmp_path: Path, name: str, old: bytes, new: bytes, words: str
) -> None:
    made = explain(tmp_path, name, old, new)
    assert made.level is Level.DIFFERENT
    assert any(words in line for line in made.detail), made.detail


@pytest.mark.parametrize("name", ["a.gz", "a.zip", "a.joblib", "a.skops"])
def test_bombs_are_not_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content.read_bounded, "__defaults__", (2**20,))
    big = bytes(2**22)
    pack = {"a.gz": gzip.compress, "a.joblib": zlib.compress}.get(
        name, lambda data: zipped(("schema.json", data))
    )
    for room in ("archives", "skops"):
        monkeypatch.setattr(f"mlops_kit.compare.deviation.{room}.MOST_BYTES", 2**20)
    made = explain(tmp_path, name, pack(big), pack(big + b"1"))
    assert any("too large to look into" in line for line in made.detail), made.detail


class Mark:
    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> object:
        return (open, (self.place, "w"))


@pytest.mark.parametrize("suffix", ["pkl", "joblib"])
def test_pickles_are_never_executed(tmp_path: Path, suffix: str) -> None:
    old, new = (pickle.dumps(Mark(str(tmp_path / name))) for name in ("one", "two"))
    made = explain(tmp_path, f"a.{suffix}", old, new)
    assert made.level is Level.DIFFERENT
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "two").exists()
    assert "argument 1" in made.detail[0]


def test_npy_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    import numpy as np

    sides = []
    for name in ("one", "two"):
        buffer = io.BytesIO()
        np.save(buffer, np.array([Mark(str(tmp_path / name))], dtype=object), allow_pickle=True)
        sides.append(buffer.getvalue())
    assert explain(tmp_path, "a.npy", *sides).level is Level.DIFFERENT
    assert not (tmp_path / "one").exists()


def test_npy_that_promises_more_than_it_holds_is_not_believed(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    made = explain(tmp_path, "a.npz", zipped(("w.npy", data)), zipped(("w.npy", data + b"1")))
    assert any("promises" in line for line in made.detail), made.detail


def test_database_is_not_written_and_its_views_do_not_run(tmp_path: Path) -> None:
    sides = []
    for value in (1, 2):
        place = tmp_path / f"{value}.db"
        connection = sqlite3.connect(place)
        connection.execute("CREATE TABLE t (a INT)")
        connection.execute("CREATE VIEW v AS SELECT randomblob(9000000000) FROM t")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        connection.commit()
        connection.close()
        sides.append(place.read_bytes())
    made = explain(tmp_path, "a.db", *sides)
    assert made.detail == ("table t: 1 rows differ; row 1: 1 -> 2",)
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["a.db"]
