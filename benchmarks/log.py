"""`mlops-kit log` against `dvc metrics show -A` and `dvc exp show`, in one run on the same repositories: seconds and their ratios.

python benchmarks/log.py

The repositories have this project's own dvc.yaml, dvc.lock, params.yaml and metric files, and a history in which each commit changes code,
a parameter, a metric and the lock, as a run does; `git fast-import` makes it. DVC needs a part of a second for each commit, so its commands
are run once, on an empty site cache; over 1,000 commits they take minutes, so there `dvc exp show` is run over the last 100 only, which says
less than the truth. Ours is the median of several runs.
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.support.histories import import_history

RUNS = 7
GOAL = 50
METRICS = "metrics/evaluation.json"


def make_repository(root: Path, commits: int) -> None:
    here = Path(__file__).resolve().parent.parent
    lock = (here / "dvc.lock").read_text(encoding="utf-8")
    evaluation = json.loads((here / METRICS).read_text(encoding="utf-8"))
    recorded = "md5: " + next(line for line in lock.splitlines() if "md5: " in line).split("md5: ")[1]
    metrics = {
        path.relative_to(here).as_posix(): path.read_text(encoding="utf-8")
        for path in (here / "metrics").glob("*.json")
    }
    fixed = {
        **{
            name: (here / name).read_text(encoding="utf-8")
            for name in ("dvc.yaml", "params.yaml", ".mlops/provenance.yaml", ".gitignore")
        },
        **metrics,
        ".dvc/config": "",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    }
    changes = (
        {
            **(fixed if number == 0 else {}),
            "src/step.py": f"# {number}\n",
            METRICS: json.dumps({**evaluation, "roc_auc": number / commits}),
            "dvc.lock": lock.replace(recorded, f"md5: {number:032x}"),
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
    values = [commit["values"]["roc_auc"] for commit in json.loads(ours.stdout)["commits"]]
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
            for arguments in (["metrics", "show", "-A", "--json"], ["exp", "show", "-n", "100", "--json"]):
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
