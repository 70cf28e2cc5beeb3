"""Acquiring 1 % new data against acquiring all of it, and a call that finds nothing new: ratios of one run, over real processes.

python benchmarks/acquire.py [--files 100] [--rows 200000]      (rows of one file; 15 columns of CSV)
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.acquiring import acquiring_project

COLUMNS = 15


def write_file(path: Path, number: int, rows: int) -> None:
    """Write a file of the inbox; quick to make, and no two lines are equal."""
    head = ",".join(["id", "at", "y", *(f"c{i}" for i in range(COLUMNS - 3))])
    tail = ",".join(f"{number * 7 + i}.25" for i in range(COLUMNS - 4))
    day = f"2013-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00Z"
    with path.open("w", newline="\n") as file:
        file.write(head + "\n")
        for start in range(0, rows, 10_000):
            numbers = range(number * rows + start, number * rows + min(start + 10_000, rows))
            file.write("".join(f"{n},{day},{n % 2},name {n % 977},{tail}\n" for n in numbers))


def acquire(project: Path) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds, and peak memory (MB) of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-c", PEAK, "acquire"], cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, float((project / "peak").read_text())


PEAK = """\
import resource, sys
from pathlib import Path
from mlops_kit.cli.edge import run_guarded
code = run_guarded(sys.argv[1:])
Path("peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
sys.exit(code)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rows", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="acquire-bench-") as folder:
        project = acquiring_project(Path(folder) / "project", months=0)
        inbox = project / "inbox"
        inbox.mkdir()
        for number in range(options.files):
            write_file(inbox / f"{number:05}.csv", number, options.rows)
        size = sum(path.stat().st_size for path in inbox.iterdir()) / 1e6
        print(
            f"{options.files} files, {options.files * options.rows:,} rows, {COLUMNS} columns, {size:,.0f} MB of CSV"
        )
        print(f"{'':24} {'wall s':>8} {'cpu s':>8} {'peak MB':>8}")
        full = acquire(project)
        write_file(inbox / f"{options.files:05}.csv", options.files, options.files * options.rows // 100)
        more, none = acquire(project), acquire(project)
        for name, found in (("all of it", full), ("1 % new", more), ("nothing new", none)):
            print(f"{name:24} {found[0]:8.2f} {found[1]:8.2f} {found[2]:8.0f}")
        print(
            f"1 % new costs {more[0] / full[0]:.1%} of the wall time and {more[1] / full[1]:.1%} of the processor (at most 3 % is the goal)"
        )
        print(f"nothing new costs {none[0] / full[0]:.1%} and {none[1] / full[1]:.1%}")


if __name__ == "__main__":
    main()
