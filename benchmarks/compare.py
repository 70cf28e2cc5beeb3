"""`mlops-kit compare` against `dvc metrics diff`, in one run on one repository: medians of paired runs and their ratio.

python benchmarks/compare.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
STAGES = 10
STEP = """\
import json, sys
json.dump({f"m{sys.argv[1]}": open("params.yaml").read().count("a") + int(sys.argv[1])}, open(f"metrics/{sys.argv[1]}.json", "w"))
"""


def make_repository(root: Path) -> None:
    (root / "metrics").mkdir()
    (root / "step.py").write_text(STEP)
    stages = [
        f"  s{number}:\n    cmd: python step.py {number}\n    params: [a]\n    metrics:\n      - metrics/{number}.json:\n          cache: false\n"
        for number in range(STAGES)
    ]
    (root / "dvc.yaml").write_text("stages:\n" + "".join(stages))
    environment = {
        **os.environ,
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(*command: str) -> None:
        subprocess.run(command, cwd=root, check=True, capture_output=True, env=environment)

    run("git", "init", "-q", "-b", "main")
    run(sys.executable, "-m", "dvc", "init", "-q")
    for value in ("x", "a a"):
        (root / "params.yaml").write_text(f"a: {json.dumps(value)}\n")
        run(sys.executable, "-m", "dvc", "repro", "-q")
        run("git", "add", "-A")
        run("git", "-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qm", value)


def seconds(command: list[str], root: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(
        command, cwd=root, check=True, capture_output=True, env={**environment, "DVC_NO_ANALYTICS": "1"}
    )
    return time.perf_counter() - start


def main() -> None:
    ours = [sys.executable, "-m", "mlops_kit", "compare", "HEAD~1", "HEAD", "--json"]
    theirs = [sys.executable, "-m", "dvc", "metrics", "diff", "HEAD~1", "HEAD", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_repository(root)
        found = json.loads(subprocess.run(ours, cwd=root, capture_output=True, check=True).stdout)
        assert len(found["metrics"]) == STAGES
        assert all(metric["old"] != metric["new"] for metric in found["metrics"])
        pairs = [(seconds(ours, root), seconds(theirs, root)) for _ in range(RUNS + 1)][1:]
    one, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{STAGES} stages with metrics in git, medians of {RUNS} paired runs")
    print(f"mlops-kit compare   {one:.3f} s\ndvc metrics diff    {other:.3f} s")
    print(f"times as fast       {statistics.median(b / a for a, b in pairs):.1f} (goal: 5)")


if __name__ == "__main__":
    main()
