"""Formats, compression and archives, and what is written of them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.tables import write_parquet
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.reading import read_rows, read_table
from mlops_kit.data.formats.rows import Reject
from mlops_kit.data.formats.writing import write_partition
from mlops_kit.data.rejects import read_rejects
from mlops_kit.errors import BadDataError

TEXT = b"id,x\n1,a\n2,\n"
ROWS = [{"id": "1", "x": "a"}, {"id": "2", "x": None}]


def _zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("folder/d.csv", content)
        archive.writestr("README", "of no interest")
    return sink.getvalue()


def _tar(content: bytes, mode: str = "w:gz") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("d.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def _zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "d.csv": bytes,
    "d.csv.gz": gzip.compress,
    "d.csv.bz2": bz2.compress,
    "d.csv.xz": lzma.compress,
    "d.csv.zst": _zstd,
    "d.zip": _zip,
    "d.csv.zip": _zip,
    "d.tar": lambda content: _tar(content, "w"),
    "d.tar.gz": _tar,
    "d.tgz": _tar,
    "d.tar.xz": lambda content: _tar(content, "w:xz"),
    "d.tar.zst": lambda content: _zstd(_tar(content, "w")),
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_file_reads_as_the_plain_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKERS[name](TEXT))
    assert read_table(tmp_path / name).to_pylist() == ROWS


@pytest.mark.parametrize("name", [name for name in PACKERS if name not in ("d.csv", "d.tar")])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    whole = PACKERS[name](TEXT * 2000)
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadDataError, match="cannot be decompressed"):
        read_table(tmp_path / name)


def test_json_lines_keep_every_digit_and_the_keys_of_all_lines(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(
        '{"a": 1.10, "b": null}\n\n{"a": 99999999999999999999, "c": {"x": [1.0, "é"]}}\n'
    )
    assert read_table(tmp_path / "d.jsonl").to_pylist() == [
        {"a": "1.10", "b": None, "c": None},
        {"a": "99999999999999999999", "b": None, "c": '{"x":[1.0,"é"]}'},
    ]


def test_parquet_keeps_its_types_packed_or_not(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "x": pa.array([b"\0", None])})
    pq.write_table(table, tmp_path / "d.parquet")
    (tmp_path / "p.parquet.gz").write_bytes(gzip.compress((tmp_path / "d.parquet").read_bytes()))
    assert read_table(tmp_path / "d.parquet") == read_table(tmp_path / "p.parquet.gz") == table


def test_members_that_a_pattern_chooses_are_one_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("b.csv", "x,id\nb,2\n")
        archive.writestr("a.csv", "id,x\n1,a\n")
    with pytest.raises(BadDataError, match="2 data files inside"):
        read_rows(tmp_path / "d.zip")
    assert read_table(tmp_path / "d.zip", FormatOptions(member="*.csv"))["id"].to_pylist() == ["1", "2"]


def test_a_partition_has_canonical_bytes_and_its_hashes(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(TEXT + b"3\n4,b,c\n5,\xff\n6,d\n7,e\n")
    made = write_partition(read_rows(tmp_path / "d.csv"), tmp_path, "all")
    content = (tmp_path / "all.parquet").read_bytes()
    assert (made.rows, made.bytes, made.rejected) == (4, len(content), 3)
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    assert made.rejects_md5 == hashlib.md5((tmp_path / "all.rejects.jsonl").read_bytes()).hexdigest()
    write_parquet(pq.read_table(tmp_path / "all.parquet"), tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == content
    source = str(tmp_path / "d.csv")
    assert [reject for _, reject in read_rejects([tmp_path / "all.rejects.jsonl"])] == [
        Reject(source, 4, "ragged row", "3"),
        Reject(source, 5, "ragged row", "4,b,c"),
        Reject(source, 6, "not UTF-8", "5,\\xff"),
    ]


def test_a_partition_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(b"id,x\n1\n2\n3,c\n")
    with pytest.raises(BadDataError, match="2 of 3 lines are no rows"):
        write_partition(read_rows(tmp_path / "d.csv"), tmp_path, "all")
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [("d.csv", "a,b\n1,2\n", "a,c\n1,2\n"), ("d.jsonl", '{"a": 1}\n', '{"b": 1}\n')],
)
def test_a_file_that_changes_under_the_reader_is_refused(
    tmp_path: Path, name: str, text: str, other: str
) -> None:
    (tmp_path / name).write_text(text)
    source = read_rows(tmp_path / name)
    (tmp_path / name).write_text(other)
    with pytest.raises(BadDataError, match="changed while it was read"):
        source.table()
