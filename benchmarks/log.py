"""`mlops-kit log` against `dvc metrics show -A` and `dvc exp show`, in one run on the same repositories: seconds and their ratios.

python benchmarks/log.py

The repositories have this project's own dvc.yaml, dvc.lock, params.yaml and metric files, and a history in which each commit changes code,
a parameter, a metric and the lock, as a run does; `git fast-import` makes it. DVC needs a part of a second for each commit, so its commands
are run once, on an empty site cache, and over 1,000 commits they would take many minutes: there DVC reads a part of the history (a
repository that ends after 250 commits, or the last 250) and ours all of it, which says less than the truth. Ours is the median of several
runs.
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


def compare(root: Path, commits: int, parts: dict[str, tuple[Path, list[str]]]) -> bool:
    """Print how long each takes over `commits` commits; return whether one of DVC's is less than GOAL times as long as ours."""
    check_same_numbers(root, commits)
    ours = [seconds([*KIT, "-n", "0", "-A"], root, root.parent) for _ in range(RUNS + 1)][1:]
    median = statistics.median(ours)
    print(f"{commits} commits: mlops-kit log -n 0 -A   {median:8.3f} s (median of {RUNS})", flush=True)
    short = False
    for said, (place, arguments) in parts.items():
        theirs = seconds([*DVC, *arguments, "--json"], place, root.parent / f"site {said}")
        short |= theirs / median < GOAL
        name = f"dvc {' '.join(arguments)}{said}"
        print(
            f"{commits} commits: {name:<42} {theirs:8.3f} s (once): {theirs / median:.0f} times as long",
            flush=True,
        )
    return short


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        small, part, large = (Path(folder) / str(commits) / "repo" for commits in (100, 250, 1000))
        for root in (small, part, large):
            make_repository(root, int(root.parent.name))
        show, table = ["metrics", "show", "-A"], ["exp", "show", "-n", "100"]
        short = compare(small, 100, {"": (small, show), " ": (small, table)})
        short |= compare(
            large,
            1000,
            {" (of 250 commits)": (part, show), " (the last 250 commits)": (large, [*table[:-1], "250"])},
        )
    print(f"goal: at least {GOAL} times{', not reached' if short else ''}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
