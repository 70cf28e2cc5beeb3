"""`mlops-kit log` against `dvc metrics show -A` and `dvc exp show`, in one run on the same repositories: seconds and their ratios.

python benchmarks/log.py

Each commit changes code, params.yaml, two metric files and dvc.lock of a pipeline of 10 stages, as a run does. Histories are made by
`git fast-import`. DVC needs about 0.15 s for a commit, so over 1,000 commits each of its commands is run once, on a clean site cache; ours
is the median of several runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.support.histories import import_history

RUNS = 7
STAGES = 10
GOAL = 50


def pipeline() -> str:
    stages = [
        f"  s{number}:\n    cmd: python step.py {number}\n    params: [a]\n    outs: [data/{number}.bin]\n"
        for number in range(STAGES)
    ]
    return (
        "stages:\n"
        + "".join(stages)
        + "    metrics:\n      - metrics/eval.json: {cache: false}\n      - metrics/data.json: {cache: false}\n"
    )


def lock(commit: int) -> str:
    def digest(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    stages = [
        f"  s{number}:\n    cmd: python step.py {number}\n    params:\n      params.yaml:\n        a: {commit}\n    outs:\n"
        f"    - path: data/{number}.bin\n      hash: md5\n      md5: {digest(f'{commit} {number}')}\n      size: 1\n"
        for number in range(STAGES)
    ]
    return "schema: '2.0'\nstages:\n" + "".join(stages)


def make_repository(root: Path, commits: int) -> None:
    fixed = {
        "dvc.yaml": pipeline(),
        ".dvc/config": "",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        ".gitignore": "/data\n",
    }
    changes = (
        {
            **(fixed if number == 0 else {}),
            "src/step.py": f"# {number}\n",
            "params.yaml": f"a: {number}\n",
            "metrics/eval.json": json.dumps({"val": {"auc": number / commits, "loss": 1 - number / commits}}),
            "metrics/data.json": json.dumps({"rows": number}),
            "dvc.lock": lock(number),
        }
        for number in range(commits)
    )
    import_history(root, changes)


def seconds(command: list[str], root: Path, home: Path) -> float:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=root,
        capture_output=True,
        env={**kept, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(home)},
    )
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stderr.decode()
    return taken


def check_same_numbers(root: Path, commits: int) -> None:
    """Make sure that both read all commits, and the same values."""
    ours = subprocess.run([*KIT, "-n", "0", "--json"], cwd=root, capture_output=True, check=True)
    values = [commit["values"]["val.auc"] for commit in json.loads(ours.stdout)["commits"]]
    assert values == [number / commits for number in reversed(range(commits))]


KIT = [sys.executable, "-m", "mlops_kit", "log"]
DVC = [sys.executable, "-m", "dvc"]


def main() -> int:
    short = False
    for commits in (100, 1000):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "repo"
            make_repository(root, commits)
            check_same_numbers(root, commits)
            ours = [seconds([*KIT, "-n", "0", "-A"], root, Path(folder)) for _ in range(RUNS + 1)][1:]
            median = statistics.median(ours)
            print(
                f"{commits} commits: mlops-kit log -n 0 -A   {median:8.3f} s (median of {RUNS})", flush=True
            )
            for arguments in (
                ["metrics", "show", "-A", "--json"],
                ["exp", "show", "-n", str(commits), "--json"],
            ):
                home = Path(folder) / arguments[0]
                theirs = seconds([*DVC, *arguments], root, home)
                short |= theirs / median < GOAL
                name = f"dvc {' '.join(arguments[:-1])}"
                print(
                    f"{commits} commits: {name:<24} {theirs:8.3f} s (once): {theirs / median:.0f} times as long",
                    flush=True,
                )
    print(f"goal: at least {GOAL} times{', not reached' if short else ''}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
