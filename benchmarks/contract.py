"""Validating a table against its data contract: time, processor time and memory against pandera (pandas backend), in one run.

python benchmarks/contract.py [rows] [--bad SHARE] [--texts]

The contract is that of the reference project (10 columns of flights; a key of four columns). Both read the same Parquet file, each in a
fresh process, check the same rules and must find the same number of bad rows; pandera gets the faster of its own ways (`inplace`).
With `--texts` all cells are texts, as `acquire` keeps those of a CSV file, and both cast them (`coerce=True`). pandera goes into an
environment of its own, made by uv. Seconds and processor seconds count from the file to the verdict, imports aside.
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
CARRIERS = ("AA", "B6", "DL", "EV", "UA", "US", "WN", "9E")
CHUNK = 1_000_000
FLIGHTS_AN_HOUR = 2_000


def make_file(path: Path, rows: int, bad: float, *, texts: bool) -> None:
    """Write `rows` rows; a share of `bad` of them breaks one rule each, in turn."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    places = np.array([f"{a}{b}{c}" for a in "ABCDEFGH" for b in "KLMN" for c in "RST"])
    tails = np.array([f"N{number}{letter}" for number in range(1000) for letter in "ABCD"])
    writer = None
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        number = np.arange(start, start + count)
        fault = np.where(rng.random(count) < bad, rng.integers(0, 5, count), -1)
        first = (fault == 0) & (number > 0)
        hour = np.where(first, 0, number // FLIGHTS_AN_HOUR)
        table = pa.table(
            {
                "time_hour": np.datetime64("2013-01-01T00:00:00", "us") + hour * np.timedelta64(1, "h"),
                "carrier": np.array(CARRIERS)[np.where(first, 0, number) % 8],
                "flight": np.where(first, 0, number) % FLIGHTS_AN_HOUR + 1,
                "origin": np.where(fault == 1, "XXX", np.array(STATIONS)[np.where(first, 0, number) % 3]),
                "dest": np.where(fault == 2, "no", places[rng.integers(0, len(places), count)]),
                "tailnum": pa.array(tails[rng.integers(0, len(tails), count)], mask=rng.random(count) < 0.01),
                "distance": np.where(fault == 3, 9_999, rng.integers(50, 5_000, count)),
                "sched_dep_time": rng.integers(0, 2_360, count),
                "sched_arr_time": rng.integers(0, 2_401, count),
                "arr_delay": pa.array(
                    np.where(fault == 4, -500, rng.integers(-60, 500, count)), mask=rng.random(count) < 0.02
                ),
            }
        )
        if texts:
            table = pa.table({name: _as_texts(table[name]) for name in table.column_names})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _as_texts(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        return pc.strftime(column.cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    return column.cast(pa.string())


class Clock:
    """Counts seconds and processor seconds (of all threads) from when it is made."""

    def __init__(self) -> None:
        self.start, self.start_cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.start, time.process_time() - self.start_cpu


def validate_with_contract(path: Path) -> dict[str, float]:
    import duckdb  # noqa: F401 - imports do not count
    import numpy as np  # noqa: F401 - likewise
    import pyarrow.compute as pc  # noqa: F401 - likewise
    import pyarrow.parquet as pq  # noqa: F401 - likewise

    from mlops_kit.artifacts.duck import open_duck
    from mlops_kit.artifacts.tables import TableFiles
    from mlops_kit.data.contract.judge import judge
    from mlops_kit.data.contract.rules import compile_contract, numbered, stored_columns
    from mlops_kit.spec.model import Column, Schema

    schema = Schema(
        {
            "time_hour": Column("timestamp", nullable=False),
            "carrier": Column("string", nullable=False, pattern="[A-Z0-9]{2}"),
            "flight": Column("integer", nullable=False, min=1),
            "origin": Column("string", nullable=False, values=STATIONS),
            "dest": Column("string", nullable=False, pattern="[A-Z]{3}"),
            "tailnum": Column("string"),
            "distance": Column("integer", nullable=False, min=1, max=6000),
            "sched_dep_time": Column("integer", nullable=False, min=0, max=2359),
            "sched_arr_time": Column("integer", nullable=False, min=0, max=2400),
            "arr_delay": Column("integer", min=-200, max=3000),
        }
    )
    key = ("time_hour", "carrier", "flight", "origin")
    clock = Clock()
    files = TableFiles((path,))
    relation = numbered(files)
    with open_duck() as duck:
        contract = compile_contract(schema, key=key, stored=stored_columns(duck, relation))
        judged = judge(duck, contract, relation, rows=files.count())
        seconds, cpu = clock.read()
        clock = Clock()  # judging reads while it looks; this is what reading each column once takes
        duck.run(f"SELECT max(hash(COLUMNS(*))) FROM {relation}").fetchall()
        read, _ = clock.read()
    return {"bad": judged.bad, "seconds": seconds, "cpu": cpu, "read": read}


def validate_with_pandera(path: Path) -> dict[str, float]:
    import pandas as pd
    import pandera.pandas as pa

    whole = pa.Column("Int64", pa.Check.in_range(-200, 3000), nullable=True)
    schema = pa.DataFrameSchema(
        {
            "time_hour": pa.Column("datetime64[us]"),
            "carrier": pa.Column(str, pa.Check.str_matches(r"^[A-Z0-9]{2}$")),
            "flight": pa.Column(int, pa.Check.ge(1)),
            "origin": pa.Column(str, pa.Check.isin(STATIONS)),
            "dest": pa.Column(str, pa.Check.str_matches(r"^[A-Z]{3}$")),
            "tailnum": pa.Column(str, nullable=True),
            "distance": pa.Column(int, pa.Check.in_range(1, 6000)),
            "sched_dep_time": pa.Column(int, pa.Check.in_range(0, 2359)),
            "sched_arr_time": pa.Column(int, pa.Check.in_range(0, 2400)),
            "arr_delay": whole if TEXTS else pa.Column(float, pa.Check.in_range(-200, 3000), nullable=True),
        },
        unique=["time_hour", "carrier", "flight", "origin"],
        report_duplicates="exclude_first",
        coerce=TEXTS,
    )
    clock = Clock()
    frame = pd.read_parquet(path)
    read, _ = clock.read()
    bad = 0
    try:
        schema.validate(frame, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        bad = errors.failure_cases["index"].nunique()
    seconds, cpu = clock.read()
    return {"bad": bad, "seconds": seconds, "cpu": cpu, "read": read}


WORKERS = {"contract": validate_with_contract, "pandera": validate_with_pandera}
TEXTS = "--texts" in sys.argv


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
        [python, __file__, "--worker", name, "--file", str(path), *(["--texts"] if TEXTS else [])],
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def work(name: str, path: Path) -> None:
    found = WORKERS[name](path)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def show(rows: int, results: dict[str, dict[str, float]]) -> None:
    ours, theirs = results["contract"], results["pandera"]
    assert ours["bad"] == theirs["bad"], results
    print(
        f"{rows:,} rows x 10 columns{' of texts' if TEXTS else ''}, {int(ours['bad']):,} bad rows, found by both"
    )
    for name, found in results.items():
        print(
            f"  {name:<9} {found['seconds']:7.2f} s   {found['cpu']:7.2f} s CPU   {found['memory']:7.0f} MB peak"
        )
    print(
        f"  ratio     {theirs['seconds'] / ours['seconds']:7.1f}     {theirs['cpu'] / ours['cpu']:7.1f}         "
        f"{theirs['memory'] / ours['memory']:7.1f}"
    )
    checked = theirs["seconds"] - theirs["read"]
    print(
        f"  reading each column once takes {ours['read']:.2f} s and {theirs['read']:.2f} s; pandera without it {checked:.2f} s, "
        f"{checked / ours['seconds']:.1f} times ours with it"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--bad", type=float, default=0.001)
    parser.add_argument("--python", help="a Python that has pandera")
    parser.add_argument("--worker", choices=sorted(WORKERS))
    parser.add_argument("--file", type=Path)
    parser.add_argument("--texts", action="store_true", help="all cells are texts, which both cast")
    given = parser.parse_args()
    if given.worker:
        return work(given.worker, given.file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        make_file(path, given.rows, given.bad, texts=TEXTS)
        pythons = {
            "contract": sys.executable,
            "pandera": given.python or pandera_python(Path(folder, "venv")),
        }
        show(given.rows, {name: run_worker(name, python, path) for name, python in pythons.items()})
    return None


if __name__ == "__main__":
    main()
