"""A file into partitions: which rows go where, and that cutting and spilling change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.tables import write_parquet
from mlops_kit.data.formats.acquiring import part_rows
from mlops_kit.data.formats.parting import PartitionWriters
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.data.rejects import read_rejects
from mlops_kit.errors import BadDataError


def parted(path: Path, text: str, **settings: str) -> Path:
    (path / "d.csv").write_text(text)
    (path / "raw").mkdir()
    part_rows(read_rows(path / "d.csv", name="d.csv"), **settings).write(path / "raw")
    return path / "raw"


def test_rows_without_a_month_and_lines_that_are_no_rows_are_kept(tmp_path: Path) -> None:
    folder = parted(
        tmp_path,
        "id,when\n1,2025-01-05\n2,soon\n3\n4,2025-02-01\n5,\n6,2025-13-01\n7,2025-01-01\n8,2025-03-01\n",
        month_of="when",
        through="2025-02",
    )
    found = {path.stem: pq.read_table(path)["id"].to_pylist() for path in folder.glob("*.parquet")}
    assert found == {"2025-01": ["1", "7"], "2025-02": ["4"], "unknown": ["2", "5", "6"]}
    assert [
        (reject.line, reject.text) for _, reject in read_rejects(sorted(folder.glob("*.rejects.jsonl")))
    ] == [(4, "3")]
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [(line["partition"], line["rows"], line.get("rejected", 0)) for line in lines] == [
        ("2025-01", 2, 0),
        ("2025-02", 1, 0),
        ("unknown", 3, 1),
    ]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("id,when\n", {}, "no rows, only a header"),
        ("id,when\n1,x\n2,y\n3,2025-01\n", {"month_of": "when"}, "start with year and month in 2 of 3 rows"),
        ("id,when\n1,2025-05-01\n", {"month_of": "when", "through": "2025-04"}, "no rows up to 2025-04"),
        ("id,wen\n1,2025-05-01\n", {"month_of": "when"}, "no column `when`"),
    ],
)
def test_a_source_that_makes_no_partitions_is_refused_without_its_values(
    tmp_path: Path, text: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(BadDataError, match=message):
        parted(tmp_path, text, **settings)
    assert not list((tmp_path / "raw").glob("*.parquet"))


@pytest.mark.parametrize("held", [0, 1 << 20, 1 << 30])
def test_partitions_have_the_bytes_of_their_rows_however_they_wait(tmp_path: Path, held: int) -> None:
    table = pa.table({"n": range(200_000), "text": [f"row {n % 77}" for n in range(200_000)]})
    with PartitionWriters(tmp_path, table.schema, held=held) as writers:
        for batch in table.to_batches(max_chunksize=30_001):
            for name in range(3):
                rest = pc.bit_wise_and(batch["n"], 3)
                writers.write(str(name), batch.filter(pc.equal(rest, name)))
        writers.close()
    for name in range(3):
        rows = table.filter(pc.equal(pc.bit_wise_and(table["n"], 3), name))
        write_parquet(rows, tmp_path / "whole.parquet")
        assert (tmp_path / f"{name}.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_rows_of_a_month_keep_their_order_and_types_in_any_batch(tmp_path: Path) -> None:
    moments = pa.array(
        [(n * 7919 % 90) * 86_400_000_000 for n in range(150_000)], pa.timestamp("us", tz="UTC")
    )
    words = pa.array([f"w{n % 5}" for n in range(150_000)]).dictionary_encode()
    table = pa.table({"n": range(150_000), "when": moments, "word": words})
    pq.write_table(table, tmp_path / "d.parquet", row_group_size=40_000)
    (tmp_path / "raw").mkdir()
    part_rows(read_rows(tmp_path / "d.parquet"), month_of="when").write(tmp_path / "raw")
    month = pc.strftime(table["when"], format="%Y-%m")
    for name in ("1970-01", "1970-02", "1970-03"):
        write_parquet(table.filter(pc.equal(month, name)), tmp_path / "whole.parquet")
        assert (tmp_path / "raw" / f"{name}.parquet").read_bytes() == (
            tmp_path / "whole.parquet"
        ).read_bytes()
