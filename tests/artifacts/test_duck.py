from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_kit.artifacts.duck import open_duck, quoted
from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.artifacts.tables import RowStream, read_parquet, write_parquet

ROWS = "SELECT i AS id, (i * 7919 % 1000)::VARCHAR AS word, (i % 13) / 7.0 AS x FROM range(200000) r(i) ORDER BY i * 48271 % 2147483647, i"


def test_a_stream_is_written_as_the_bytes_of_the_whole_table(tmp_path: Path) -> None:
    save_artifact("Rows", open_duck().stream(ROWS), tmp_path / "a.parquet")
    write_parquet(read_parquet(tmp_path / "a.parquet"), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_a_stream_has_the_same_bytes_for_any_number_of_threads(tmp_path: Path, threads: int) -> None:
    save_artifact("Rows", open_duck().stream(ROWS), tmp_path / "a.parquet")
    save_artifact("Rows", open_duck(threads=threads).stream(ROWS), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_stream_cut_anyhow_is_written_the_same(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(70_000))})
    for name, size in (("a", 70_000), ("b", 999)):
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(size))
        save_artifact("Rows", RowStream(lambda reader=reader: reader), tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_no_rows_keep_their_columns(tmp_path: Path) -> None:
    save_artifact("Rows", open_duck().stream("SELECT 1 AS a, 'x' AS b WHERE false"), tmp_path / "a.parquet")
    found = load_artifact("Rows", tmp_path / "a.parquet")
    assert (found.count(), list(found.schema())) == (0, ["a", "b"])


def test_table_files_of_partitions_are_matched_by_name(tmp_path: Path) -> None:
    write_parquet(pa.table({"a": [1], "b": ["x"]}), tmp_path / "1.parquet")
    write_parquet(pa.table({"b": ["y"], "a": [2.5]}), tmp_path / "2.parquet")
    files = load_artifact("PartitionRows", tmp_path)
    with open_duck() as duck:
        assert duck.run(f"SELECT a, b FROM {files.sql()}").fetchall() == [(1.0, "x"), (2.5, "y")]
    assert files.schema() == {"a": pa.float64(), "b": pa.string()}


def test_a_closed_database_leaves_no_folder() -> None:
    with open_duck() as duck:
        assert duck.scratch.is_dir()
    assert not duck.scratch.exists()


def test_quoted_takes_any_name() -> None:
    name = 'a "b"; --'
    with open_duck() as duck:
        assert duck.run("SELECT 1 AS " + quoted(name)).description[0][0] == name


def test_a_stream_is_in_utc_wherever_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    stream = open_duck().stream("SELECT make_timestamptz(0) AS moment, hour(make_timestamptz(0)) AS hour")
    save_artifact("Rows", stream, tmp_path / "a.parquet")
    table = read_parquet(tmp_path / "a.parquet")
    assert str(table.schema.field("moment").type) == "timestamp[us, tz=UTC]"
    assert table["hour"].to_pylist() == [0]


def test_rows_with_nan_are_found_although_statistics_leave_them_out(tmp_path: Path) -> None:
    write_parquet(pa.table({"x": [1.0, float("nan"), None]}), tmp_path / "a.parquet")
    source = load_artifact("Rows", tmp_path / "a.parquet").sql()
    with open_duck() as duck:
        assert duck.run(f"SELECT count(*) FROM {source} WHERE isnan(x)").fetchone() == (1,)
        assert duck.run(f"SELECT count(nullif(x, 'NaN'::DOUBLE)) FROM {source}").fetchone() == (1,)


def test_a_long_query_of_a_program_without_main_file_draws_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "from mlops_kit.artifacts.duck import open_duck\n"
        "with open_duck() as duck:\n"
        "    bars = [c.execute(\"SELECT current_setting('enable_progress_bar')\").fetchone() for c in (duck.connection,)]\n"
        "    reader = duck.stream(\"SELECT current_setting('enable_progress_bar') AS bar\").open()\n"
        "    print(bars, reader.read_all()['bar'].to_pylist())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert capfd.readouterr().out.split() == ["[(False,)]", "[False]"]


def test_ctrl_c_in_a_query_is_an_interruption_and_leaves_no_scratch(tmp_path: Path) -> None:
    code = (
        "import os, signal, threading\n"
        "from mlops_kit.artifacts.duck import open_duck\n"
        "with open_duck(threads=1) as duck:\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    duck.run('SELECT sum(hash(i * j)) FROM range(3000000) a(i), range(3000000) b(j)')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "KeyboardInterrupt" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
