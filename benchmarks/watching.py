"""What watching costs: the reference project's stages watched (`warn`) and confined (`refuse`) against not watched, in paired runs.

Whole stage processes in a clone of this repository, forced; CPU seconds (user and system, children included) and wall seconds. A machine's speed
drifts, so the modes take turns, and the ratio is taken pair by pair.

python benchmarks/watching.py [PAIRS]
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = {
    "train": "mlops_kit.steps.model.train_boosting",
    "evaluate": "mlops_kit.steps.model.evaluate_classification",
}
MODES = ("off", "warn", "refuse")


def make_project(root: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--no-local", str(ROOT), str(root)], check=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "mlops_kit", "run", *STAGES]
    subprocess.run(command, cwd=root, check=True, capture_output=True, env=environment)


def measure(root: Path, mode: str) -> tuple[float, float]:
    """Return CPU and wall seconds of the stages in this mode."""
    environment = {**os.environ, "MLOPS_KIT_WATCH": mode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for stage, module in STAGES.items():
        subprocess.run(
            [sys.executable, "-m", module, stage], cwd=root, check=True, capture_output=True, env=environment
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_project(root)
        for mode in MODES:
            measure(root, mode)  # byte code, page cache
        rounds = []
        for number in range(pairs):
            order = MODES if number % 2 else MODES[::-1]
            seconds = {mode: measure(root, mode) for mode in order}
            rounds.append([seconds[mode] for mode in MODES])
    print(f"stages {' and '.join(STAGES)} of the reference project, {pairs} rounds")
    off = [round_[0] for round_ in rounds]
    print(
        f"off      {statistics.median(cpu for cpu, _ in off):6.2f} s CPU {statistics.median(wall for _, wall in off):6.2f} s"
    )
    for number, mode in enumerate(MODES[1:], 1):
        cpu = sorted(round_[number][0] / round_[0][0] for round_ in rounds)
        wall = sorted(round_[number][1] / round_[0][1] for round_ in rounds)
        print(
            f"{mode:<8} CPU x {statistics.median(cpu):.3f} ({cpu[0]:.3f} to {cpu[-1]:.3f}), "
            f"wall x {statistics.median(wall):.3f} ({wall[0]:.3f} to {wall[-1]:.3f})   goal: 1.05"
        )


if __name__ == "__main__":
    main()
