"""What is written is read back, equal, by the library that everybody uses for it."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml

from mlops_kit import canonical, write
from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.errors import BadDataError, UsageError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "x": [0.1, 1e-17, 2.5], "word": ["a", "Işık", "a,b\n"]})


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.zip"])
def test_csv_is_read_back_by_pandas(tmp_path: Path, frame: pd.DataFrame, ending: str) -> None:
    write(tmp_path / f"t.{ending}", frame)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / f"t.{ending}"), frame)


def test_parquet_is_read_back_by_pandas_with_its_index_as_columns(
    tmp_path: Path, frame: pd.DataFrame
) -> None:
    write(tmp_path / "t.parquet", frame.set_index("id"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), frame)


def test_parquet_does_not_depend_on_chunks_or_on_pandas_metadata(frame: pd.DataFrame) -> None:
    import pyarrow as pa

    whole = pa.Table.from_pandas(frame)
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)]).replace_schema_metadata(None)
    assert canonical.parquet_bytes(whole) == canonical.parquet_bytes(parts) == canonical.parquet_bytes(frame)


def test_index_that_would_overwrite_a_column_is_refused(frame: pd.DataFrame) -> None:
    frame.index = pd.Index(["a", "b", "c"], name="x")
    with pytest.raises(BadDataError, match="index"):
        canonical.parquet_bytes(frame)


def test_table_of_mixed_types_is_refused() -> None:
    with pytest.raises(BadDataError, match="mixed"):
        canonical.parquet_bytes(pd.DataFrame({"mixed": [1, "a"]}))


def test_json_and_yaml_are_read_back(tmp_path: Path) -> None:
    shared = [1, 2]
    value = {"b": shared, "a": shared, "ü": None}
    for ending, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        write(tmp_path / f"v.{ending}", value)
        text = (tmp_path / f"v.{ending}").read_text(encoding="utf-8")
        assert (read(text), "&id" in text) == (value, False)


def test_arrays_are_read_back_by_numpy(tmp_path: Path) -> None:
    arrays = {"x": np.arange(6.0).reshape(2, 3).T, "s": np.array(["a", "ü"]), "zero": np.array(3.0)}
    write(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as read:
        assert sorted(read.files) == sorted(arrays)
        assert all(np.array_equal(read[name], arrays[name]) for name in arrays)
        assert read["zero"].shape == ()


def test_array_bytes_do_not_depend_on_memory_order_or_padding() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert canonical.npy_bytes(array) == canonical.npy_bytes(np.asfortranarray(array))
    kind = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    clean, dirty = np.zeros(3, kind), np.frombuffer(b"\xff" * 48, dtype=kind).copy()
    dirty["a"], dirty["b"] = 0, 0
    for encode in (canonical.npy_bytes, canonical.pickle_bytes, canonical.joblib_bytes):
        assert encode(clean) == encode(dirty)  # type: ignore[operator]


@pytest.mark.parametrize("bad", [np.array([{}], dtype=object), np.ma.masked_array([1, 2], [0, 1])])
def test_array_that_would_lose_something_is_refused(bad: Any) -> None:
    with pytest.raises(BadDataError):
        canonical.npy_bytes(bad)


def test_database_is_read_back_by_sqlite_and_does_not_remember_its_history(
    tmp_path: Path, frame: pd.DataFrame
) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
        old.executemany("INSERT INTO t VALUES (?, ?)", [(i, "x" * 500) for i in range(200)])
        old.commit()
        fresh = canonical.sqlite_bytes(old)
        old.execute("INSERT INTO t VALUES (999, 'gone')")
        old.commit()
        old.execute("DELETE FROM t WHERE k = 999")
        old.commit()
    write(tmp_path / "new.sqlite", tmp_path / "old.db")
    assert (tmp_path / "new.sqlite").read_bytes() == fresh
    write(tmp_path / "again.sqlite", tmp_path / "new.sqlite")
    assert (tmp_path / "again.sqlite").read_bytes() == fresh
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as new:
        assert new.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert new.execute("SELECT count(*), max(k) FROM t").fetchall() == [(200, 199)]


def test_database_kind_gives_the_tables_back(tmp_path: Path, frame: pd.DataFrame) -> None:
    save_artifact("Database", {"b": frame, 'a "quoted"': frame.head(1)}, tmp_path / "d.sqlite")
    read = load_artifact("Database", tmp_path / "d.sqlite")
    assert list(read) == ['a "quoted"', "b"]
    pd.testing.assert_frame_equal(read["b"], frame)


def test_database_refuses_rows_of_different_columns() -> None:
    with pytest.raises(BadDataError, match="same columns"):
        canonical.sqlite_bytes({"t": [{"a": 1}, {"b": 2}]})


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "zip"])
def test_archive_of_a_folder_is_read_back_with_modes_and_empty_folders(tmp_path: Path, ending: str) -> None:
    source = tmp_path / "source"
    (source / "empty").mkdir(parents=True)
    (source / "run.sh").write_text("x")
    (source / "run.sh").chmod(0o700)
    (source / ".hidden").write_text("y")
    write(tmp_path / f"a.{ending}", source)
    if ending == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            found = {i.filename.rstrip("/"): i.external_attr >> 16 for i in archive.infolist()}
    else:
        with tarfile.open(tmp_path / f"a.{ending}") as archive:
            found = {i.name: i.mode for i in archive.getmembers()}
    assert found == {".hidden": 0o644, "empty": 0o755, "run.sh": 0o755}


@pytest.mark.parametrize("name", ["../x", "/x", "", "a\\b"])
def test_archive_member_that_leaves_it_is_refused(name: str) -> None:
    with pytest.raises(BadDataError, match="no path"):
        canonical.pack_zip({name: b""})


def test_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(BadDataError, match="link"):
        canonical.pack_tar(tmp_path)


def test_page_holds_every_cell_uncut_and_escaped(frame: pd.DataFrame) -> None:
    frame.loc[0, "word"] = "<b>" + "long " * 50
    page = canonical.html_text(frame, title="a < b")
    assert "long " * 49 in page
    assert "&lt;b&gt;" in page
    assert "<title>a &lt; b</title>" in page
    with pd.option_context("display.precision", 2, "display.max_colwidth", 5):
        assert canonical.html_text(frame, title="a < b") == page


def test_markdown_table_escapes_what_would_end_a_cell() -> None:
    text = canonical.markdown_text(pd.DataFrame({"a|b": ["x|y\nz", "\\"], "n": [0.123456789, 1.0]}))
    assert text.splitlines() == [r"| a\|b | n |", "| --- | --- |", r"| x\|y<br>z | 0.123457 |", r"| \\ | 1 |"]


@pytest.mark.parametrize("encode", [canonical.csv_text, canonical.html_text, canonical.markdown_text])
@pytest.mark.parametrize("cell", [{"b", "a"}, object(), [{1, 2}], {"k": {1}}])
def test_cell_without_a_stable_text_is_refused_with_its_place(encode: Any, cell: object) -> None:
    with pytest.raises(BadDataError, match="column `c`, row 1"):
        encode(pd.DataFrame({"c": ["fine", cell]}))


def test_sheet_is_read_back_by_pandas(tmp_path: Path, frame: pd.DataFrame) -> None:
    pytest.importorskip("openpyxl")
    write(tmp_path / "b.xlsx", {"one": frame, "two": frame.head(1)})
    pd.testing.assert_frame_equal(pd.read_excel(tmp_path / "b.xlsx", sheet_name="one"), frame)
    before = (tmp_path / "b.xlsx").read_bytes()
    assert canonical.xlsx_bytes(tmp_path / "b.xlsx") == before


def test_styled_page_has_a_fixed_id(frame: pd.DataFrame) -> None:
    pytest.importorskip("jinja2")
    assert canonical.html_text(frame.style) == canonical.html_text(frame.style)


def test_figure_drawn_twice_has_the_same_bytes() -> None:
    from tests.artifacts.canonical.everything import make_figure

    for encode in (canonical.svg_text, canonical.png_bytes, canonical.pdf_bytes):
        assert encode(make_figure()) == encode(make_figure())  # type: ignore[operator]
    assert canonical.pdf_bytes(make_figure()).startswith(b"%PDF-")


def test_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no canonical writer") as caught:
        write(tmp_path / "x.docx", "text")
    assert ".parquet" in caught.value.fix


def test_failed_write_keeps_the_last_good_file(tmp_path: Path) -> None:
    write(tmp_path / "sub/x.json", {"a": 1})
    with pytest.raises(BadDataError):
        write(tmp_path / "sub/x.json", {"a": {1, 2}})
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["x.json"]
    assert json.loads((tmp_path / "sub/x.json").read_text()) == {"a": 1}


def test_json_keys_that_would_become_one_are_refused() -> None:
    with pytest.raises(BadDataError, match="same text"):
        canonical.canonical_json({1: "a", "1": "b"})


@pytest.mark.parametrize(
    ("kind", "value"), [("Array", np.arange(4)), ("Html", "<p>ü</p>\n"), ("Csv", pd.DataFrame({"a": [1.5]}))]
)
def test_further_kinds_are_read_back(tmp_path: Path, kind: str, value: Any) -> None:
    save_artifact(kind, value, tmp_path / ("x.npy" if kind == "Array" else f"x.{kind.lower()}"))
    read = load_artifact(kind, tmp_path / ("x.npy" if kind == "Array" else f"x.{kind.lower()}"))
    assert (
        np.array_equal(read, value)
        if kind == "Array"
        else read == value
        if kind == "Html"
        else read.equals(value)
    )


@pytest.mark.parametrize("kind", ["Array", "Csv", "Database"])
def test_damaged_file_of_a_further_kind_is_bad_data(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(BadDataError):
        load_artifact(kind, tmp_path / "x")
    (tmp_path / "y").write_bytes(b"\x80\x04garbage" * 100)
    if kind != "Csv":
        with pytest.raises(BadDataError, match="not a readable"):
            load_artifact(kind, tmp_path / "y")


def test_pickle_and_joblib_are_read_back() -> None:
    value = {"set": {"b", "a"}, "array": np.arange(3), "objects": np.array(["a", None], dtype=object)}
    for read in (
        pickle.loads(canonical.pickle_bytes(value)),
        joblib.load(io.BytesIO(canonical.joblib_bytes(value))),
        joblib.load(io.BytesIO(canonical.joblib_bytes(value, compress=3))),
    ):
        assert read["set"] == value["set"]
        assert all(np.array_equal(read[name], value[name]) for name in ("array", "objects"))
