"""What differs between two versions of a table: `mlops-kit data diff` against datacompy and a merge in pandas, ratios of one run.

python benchmarks/datadiff.py [rows] [repeats]

Each runs in a process of its own, from Parquet files to the counts: rows added, removed and changed by key, changed cells by column. All
three must find the same. datacompy and its pandas are installed into an environment of the benchmark's own with uv. Ours is measured as the
command does it (with distributions and examples), and without distributions, which is what the others compute.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import duckdb

FLOATS = [f"x{i}" for i in range(6)]
WHOLES = [f"n{i}" for i in range(4)]
TEXTS = ["carrier", "tail"]

OURS = """
import json, sys
from pathlib import Path
from mlops_kit.data.diff.keys import KeyWish
from mlops_kit.data.diff.reading import FileVersion
from mlops_kit.data.diff.table import DiffOptions, diff_table
old, new, shifts = sys.argv[1:4]
found = diff_table("t", [FileVersion("a.parquet", "", Path(old))], [FileVersion("b.parquet", "", Path(new))],
    DiffOptions((KeyWish(("id",), "--key"),), shifts=shifts == "yes"))
print(json.dumps([found.added, found.removed, found.changed, {c.column: c.changed for c in found.columns if c.changed}]))
"""

PANDAS = """
import json, sys
import pandas as pd
old, new = (pd.read_parquet(path) for path in sys.argv[1:3])
both = old.merge(new, on="id", how="outer", suffixes=("_old", "_new"), indicator=True)
side = both["_merge"]
same = side == "both"
changed, any_changed = {}, pd.Series(False, index=both.index)
for name in old.columns.drop("id"):
    a, b = both[name + "_old"], both[name + "_new"]
    differs = (same & ~((a == b).fillna(False) | (a.isna() & b.isna()))).astype(bool)
    any_changed |= differs
    if differs.sum():
        changed[name] = int(differs.sum())
print(json.dumps([int((side == "right_only").sum()), int((side == "left_only").sum()), int(any_changed.sum()), changed]))
"""

DATACOMPY = """
import json, sys
import pandas as pd, datacompy
old, new = (pd.read_parquet(path) for path in sys.argv[1:3])
cls = getattr(datacompy, "PandasCompare", None) or datacompy.Compare
found = cls(old, new, join_columns="id")
changed = {s["column"]: s["unequal_cnt"] for s in found.column_stats if s["unequal_cnt"]}
rows = len(found.intersect_rows) - found.count_matching_rows()
print(json.dumps([len(found.df2_unq_rows), len(found.df1_unq_rows), int(rows), {k: int(v) for k, v in changed.items()}]))
"""


class Cost(NamedTuple):
    """What a run took."""

    wall: float
    cpu: float
    peak: float
    found: object


def make_tables(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write a table of 15 columns and its next version: 1 % of the rows changed, 0.5 % removed, 0.5 % added, in another order."""
    columns = [
        *(f"round(10 * sin(i * {j + 1}.37) + (i % 1009), 3) AS x{j}" for j in range(6)),
        *(f"(i * {7919 + j}) % {100_003 + j} AS n{j}" for j in range(4)),
        "['AA', 'B6', 'DL', 'UA', 'WN'][1 + i % 5] AS carrier",
        "CASE WHEN i % 50 <> 0 THEN 'N' || (i * 31) % 4999 END AS tail",
        "TIMESTAMP '2013-01-01' + INTERVAL 1 MINUTE * (i % 525600) AS at",
        "i % 7 = 0 AS late",
    ]
    base = f"SELECT i AS id, {', '.join(columns)} FROM range({{start}}, {{stop}}) r(i)"
    connection = duckdb.connect(config={"memory_limit": "2GB"})
    paths = folder / "old.parquet", folder / "new.parquet"
    connection.execute(
        f"COPY ({base.format(start=0, stop=rows)}) TO '{paths[0]}' (FORMAT parquet, COMPRESSION zstd)"
    )
    edited = (
        "SELECT * REPLACE (CASE WHEN id % 200 = 1 THEN x0 + 1 ELSE x0 END AS x0, "
        "CASE WHEN id % 200 = 3 THEN NULL ELSE tail END AS tail) FROM "
        f"({base.format(start=0, stop=rows + rows // 200)}) WHERE id % 200 <> 5 ORDER BY hash(id)"
    )
    connection.execute(f"COPY ({edited}) TO '{paths[1]}' (FORMAT parquet, COMPRESSION zstd)")
    connection.close()
    return paths


def measure(python: str, code: str, *arguments: str) -> Cost:
    """Run code in a process of its own."""
    import time

    start = time.perf_counter()
    process = subprocess.Popen([python, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"ended with {process.returncode}: out of memory?")
    lines = said.splitlines()
    if len(lines) > 1:
        print(f"said besides: {lines[:-1]!r}", file=sys.stderr)
    return Cost(
        time.perf_counter() - start,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        json.loads(lines[-1]),
    )


def rivals_python(folder: Path) -> str:
    """Return the Python of an environment with datacompy, made once in `folder`."""
    python = folder / "venv/bin/python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", str(folder / "venv")], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", str(python), "datacompy", "pandas", "pyarrow"],
            check=True,
        )
    return str(python)


def median(costs: list[Cost]) -> Cost:
    """Return the median of each number."""
    return Cost(*(statistics.median(c[i] for c in costs) for i in range(3)), costs[0].found)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlops-kit-benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    theirs = rivals_python(cache)
    with tempfile.TemporaryDirectory() as name:
        # In a process of its own: what a program starts inherits the peak of its memory.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            paths = [str(path) for path in pool.submit(make_tables, Path(name), rows).result()]
        runs = {
            "data diff, all": (sys.executable, OURS, *paths, "yes"),
            "data diff, rows": (sys.executable, OURS, *paths, "no"),
            "pandas merge": (theirs, PANDAS, *paths),
            "datacompy": (theirs, DATACOMPY, *paths),
        }
        costs = {key: [] for key in runs}
        for _ in range(repeats):  # in turn, so that a busy machine troubles all of them
            for key, run in runs.items():
                costs[key].append(measure(*run))
                print(f"{key}: {costs[key][-1]}", file=sys.stderr)
    found = {key: median(some) for key, some in costs.items()}
    wrong = {key: cost.found for key, cost in found.items() if cost.found != found["data diff, all"].found}
    print(
        f"{rows:,} rows x 15 columns, {os.cpu_count()} processors, median of {repeats}; found {found['data diff, all'].found}"
    )
    for key, cost in found.items():
        print(f"{key:<16} {cost.wall:7.1f} s   {cost.cpu:7.1f} s CPU   {cost.peak:8,.0f} MB")
    for ours in ("data diff, all", "data diff, rows"):
        for rival in ("pandas merge", "datacompy"):
            one, other = found[ours], found[rival]
            print(
                f"{ours} against {rival}: {other.wall / one.wall:.1f} times faster, {other.cpu / one.cpu:.1f} times less CPU, "
                f"{one.peak / other.peak:.0%} of the memory"
            )
    if wrong:
        raise SystemExit(f"other counts: {wrong}")


if __name__ == "__main__":
    main()
