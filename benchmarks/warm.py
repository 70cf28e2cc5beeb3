"""What warm starts save: ten programs that import pandas and scikit-learn, one after another, warm against afresh, in paired rounds.

Warm counts from the making of the server to the end of the last program, so its imports are in it. A machine's speed drifts, so both ways
take turns, and the ratio is taken round by round. Also printed: the memory of the server, and of a program in a fork of it.

python benchmarks/warm.py [ROUNDS]
"""

from __future__ import annotations

import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mlops_kit.outside.tree import descendants
from mlops_kit.steps.preload import WarmStarts

STAGES = 10
PROGRAM = """\
import sys
import pandas as pd
from sklearn.linear_model import LinearRegression

frame = pd.DataFrame({"x": range(100), "y": range(100)})
model = LinearRegression().fit(frame[["x"]], frame["y"])
with open(f"out{sys.argv[1]}.txt", "w") as file:
    file.write(f"{model.coef_[0]:.6f}")
"""


def make_folder(root: Path) -> dict[str, str]:
    """Write the program and return the environment in which it runs."""
    (root / "fit.py").write_text(PROGRAM, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(root), "OPENBLAS_NUM_THREADS": "1"}


def run_cold(root: Path, environment: Mapping[str, str]) -> float:
    """Return the seconds that all programs take afresh, each below a shell as DVC starts it."""
    start = time.perf_counter()
    for number in range(STAGES):
        subprocess.run(["/bin/sh", "-c", f"python fit.py {number}"], cwd=root, env=environment, check=True)
    return time.perf_counter() - start


def run_warm(root: Path, environment: Mapping[str, str]) -> tuple[float, float, int, int]:
    """Return the seconds that all programs take warm, those without the first, and bytes of the server and of one program."""
    commands = {f"s{number}": f"python fit.py {number}" for number in range(STAGES)}
    start = first = time.perf_counter()
    starts = WarmStarts(root)
    starts.expect((stage, [command], root) for stage, command in commands.items())
    output = os.open(os.devnull, os.O_WRONLY)
    server = peak = 0
    for stage, command in commands.items():
        variables = {**environment, "DVC_STAGE": stage}
        child = starts.start(command.split(), cwd=root, environment=variables, stdout=output)
        assert child is not None
        while (ended := child.poll()) is None:
            select.select([child], [], [])
        assert child.warm
        assert ended.code == 0
        child.close()
        if stage == "s0":
            first = time.perf_counter()
        peak = max(peak, ended.peak_bytes)
    end = time.perf_counter()
    server = sum(map(own_memory, descendants(os.getpid())))
    starts.close()
    os.close(output)
    return end - start, end - first, server, peak


def own_memory(pid: int) -> int:
    """Return the proportional share of memory of a process, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def compare_starts(rounds: int) -> dict[str, float]:
    """Return the medians: seconds afresh and warm, their ratio, the ratio without the first program, MiB of the server and a program."""
    folder = Path(tempfile.mkdtemp())
    try:
        environment = make_folder(folder)
        run_cold(folder, environment)  # byte code, page cache
        found = []
        for number in range(rounds):
            if number % 2:
                warm, cold = run_warm(folder, environment), run_cold(folder, environment)
            else:
                cold, warm = run_cold(folder, environment), run_warm(folder, environment)
            rest = cold * (STAGES - 1) / STAGES / warm[1]
            found.append((cold, warm[0], cold / warm[0], rest, warm[2] / 2**20, warm[3] / 2**20))
    finally:
        shutil.rmtree(folder)
    names = ("cold", "warm", "ratio", "ratio after the first", "server MiB", "program MiB")
    return dict(zip(names, map(statistics.median, zip(*found, strict=True)), strict=True))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name, value in compare_starts(rounds).items():
        print(f"{name:>22}: {value:8.2f}")


if __name__ == "__main__":
    main()
