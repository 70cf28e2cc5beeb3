"""Validating a table against its data contract: time, processor time and memory against pandera (pandas backend), in one run.

python benchmarks/contract.py [rows] [--bad SHARE] [--keep FOLDER]

Both read the same Parquet file, each in a fresh process, check the same rules (types, missing values, ranges, allowed values, a pattern, a
unique key) and must find the same number of bad rows. pandera goes into an environment of its own, made by uv. It is given the rows as
typed columns and once more its time without reading the file; ours always includes reading.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STATIONS = ("EWR", "JFK", "LGA")
CHUNK = 1_000_000


def make_file(path: Path, rows: int, bad: float) -> None:
    """Write `rows` rows; a share of `bad` of them breaks one rule each, in turn."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    letters = np.array([f"{a}{b}{c}" for a in "ABCDEFGH" for b in "KLMNOP" for c in "RSTUVW"])
    writer = None
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        number = np.arange(start, start + count)
        broken = rng.random(count) < bad
        fault = np.where(broken, rng.integers(0, 5, count), -1)
        delay = rng.normal(10, 40, count).clip(-100, 900)
        table = pa.table(
            {
                "id": np.where((fault == 0) & (number > 0), 0, number),
                "time": (np.datetime64("2013-01-01T00:00:00", "us") + (number % 31_000_000) * np.timedelta64(1, "s")),
                "origin": np.where(fault == 1, "XXX", np.array(STATIONS)[rng.integers(0, 3, count)]),
                "dest": np.where(fault == 2, "no", letters[rng.integers(0, len(letters), count)]),
                "distance": np.where(fault == 3, 9_999, rng.integers(50, 5_000, count)),
                "delay": pa.array(np.where(fault == 4, 2_000.0, delay), mask=rng.random(count) < 0.02),
                "seats": pa.array(rng.integers(1, 400, count).astype(float), mask=rng.random(count) < 0.05),
                "late": rng.random(count) < 0.2,
            }
        )  # fmt: skip
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def validate_with_contract(path: Path) -> dict[str, float]:
    from mlops_kit.artifacts.duck import open_duck
    from mlops_kit.artifacts.tables import TableFiles
    from mlops_kit.data.contract.judge import judge
    from mlops_kit.data.contract.rules import compile_contract, numbered, stored_columns
    from mlops_kit.spec.model import Column, Schema

    schema = Schema(
        {
            "id": Column("integer", nullable=False, min=0),
            "time": Column("timestamp", nullable=False, min="2013-01-01", max="2014-12-31"),
            "origin": Column("string", nullable=False, values=STATIONS),
            "dest": Column("string", nullable=False, pattern="[A-Z]{3}"),
            "distance": Column("integer", nullable=False, min=1, max=6000),
            "delay": Column("number", min=-200, max=1500),
            "seats": Column("number", min=1, max=1000),
            "late": Column("boolean", nullable=False),
        }
    )
    start = time.perf_counter()
    files = TableFiles((path,))
    relation = numbered(files)
    with open_duck() as duck:
        contract = compile_contract(schema, key=("id",), stored=stored_columns(duck, relation))
        judged = judge(duck, contract, relation, rows=files.count())
    return {"bad": judged.bad, "seconds": time.perf_counter() - start, "read": 0.0}


def validate_with_pandera(path: Path) -> dict[str, float]:
    import pandas as pd
    import pandera.pandas as pa

    def between(kind: Any, low: Any, high: Any, **options: Any) -> Any:
        return pa.Column(kind, pa.Check.in_range(low, high), **options)

    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(int, pa.Check.ge(0), unique=True, report_duplicates="exclude_first"),
            "time": between("datetime64[us]", pd.Timestamp("2013-01-01"), pd.Timestamp("2014-12-31")),
            "origin": pa.Column(str, pa.Check.isin(STATIONS)),
            "dest": pa.Column(str, pa.Check.str_matches(r"^[A-Z]{3}$")),
            "distance": between(int, 1, 6000),
            "delay": between(float, -200, 1500, nullable=True),
            "seats": between(float, 1, 1000, nullable=True),
            "late": pa.Column(bool),
        }
    )
    start = time.perf_counter()
    frame = pd.read_parquet(path)
    read = time.perf_counter() - start
    bad = 0
    try:
        schema.validate(frame, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        bad = errors.failure_cases["index"].nunique()
    return {"bad": bad, "seconds": time.perf_counter() - start, "read": read}


WORKERS = {"contract": validate_with_contract, "pandera": validate_with_pandera}


def pandera_python(folder: Path) -> str:
    """Return the Python of an environment with pandera, made in `folder`."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(python), "pandera[pandas]", "pyarrow"], check=True
    )
    return str(python)


def run_worker(name: str, python: str, path: Path) -> dict[str, float]:
    """Return what the worker says of its run: seconds, processor seconds, peak memory in MB, and the bad rows that it found."""
    done = subprocess.run(
        [python, __file__, "--worker", name, "--file", str(path)], check=True, stdout=subprocess.PIPE
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def work(name: str, path: Path) -> None:
    found = WORKERS[name](path)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found |= {"cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}
    print(json.dumps(found))


def show(rows: int, results: dict[str, dict[str, float]]) -> None:
    ours, theirs = results["contract"], results["pandera"]
    assert ours["bad"] == theirs["bad"], results
    print(f"{rows:,} rows x 8 columns, {int(ours['bad']):,} bad rows, found by both")
    for name, found in results.items():
        print(
            f"  {name:<9} {found['seconds']:7.2f} s   {found['cpu']:7.2f} s CPU   {found['memory']:7.0f} MB peak"
        )
    checked = theirs["seconds"] - theirs["read"]
    print(
        f"  ratio     {theirs['seconds'] / ours['seconds']:7.1f}     {theirs['cpu'] / ours['cpu']:7.1f}         "
        f"{theirs['memory'] / ours['memory']:7.1f}"
    )
    print(
        f"  pandera without reading the file: {checked:.2f} s, {checked / ours['seconds']:.1f} times ours with it"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--bad", type=float, default=0.001)
    parser.add_argument("--python", help="a Python that has pandera")
    parser.add_argument("--worker", choices=sorted(WORKERS))
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.worker:
        return work(given.worker, given.file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        make_file(path, given.rows, given.bad)
        pythons = {
            "contract": sys.executable,
            "pandera": given.python or pandera_python(Path(folder, "venv")),
        }
        show(given.rows, {name: run_worker(name, python, path) for name, python in pythons.items()})
    return None


if __name__ == "__main__":
    main()
