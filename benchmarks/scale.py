"""Rows by 15 columns through acquire, clean, features, label, split and data diff, each step a process of its own under a memory limit.

python benchmarks/scale.py [--rows 50000000] [--memory 4.0] [--folder FOLDER] [--only STEP,...] [--keep]

The source is one Parquet file whose keys are in no order. The limit is that of a control group where this process may make one (Linux, as
root), which counts the page cache too and has the kernel give it back; elsewhere nothing enforces it. Peak memory is the largest resident
set of the process (ru_maxrss), which is what the limit is compared with in the end. Spill is the most that lay in the temporary folder,
looked at five times a second. 50 million rows need about 25 GB of disk.

5 million rows with a limit of 1 GiB, so that DuckDB has 512 MiB, on two busy cores (processor seconds, peak MB, spill MB): acquire 20, 356,
0; clean 32, 816, 513; split 36, 733, 295; data diff 12, 600, 99. With 4 GiB: features 13, 272, 0; label 3, 295, 0; split 35, 839, 256.
50 million rows with 4 GiB, at low priority beside other work (peak MB): acquire 429, clean 1345, features 308, label 749, split 882, data
diff 2061.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.duck import open_duck

STEPS = {
    "acquire": "mlops_kit.steps.data.acquire_file",
    "clean": "mlops_kit.steps.data.clean_rules",
    "features": "mlops_kit.steps.data.features_calendar",
    "label": "mlops_kit.steps.labels.label_column",
    "split": "mlops_kit.steps.data.split_time",
}
PROJECT = {
    "mlops.yaml": """\
version: 1
project: {name: scale}
task: {kind: classification, target: late, key: [id], time: moment, group: customer}
runtime: {threads: 2, lock: none}
steps:
  acquire: {uses: acquire.file}
  clean: {uses: clean.rules}
  features: {uses: features.calendar}
  label: {uses: label.column}
  split: {uses: split.time}
""",
    "params.yaml": """\
acquire: {source: source.parquet, by_month: true}
clean: {dedupe: true}
features: {calendar: true}
label: {column: delay, at_least: 15, known_after_days: 7}
split: {test_share: 0.25, validation_share: 0.1}
""",
    "schema.yaml": """\
max_quarantine: 0.05
columns:
  id: {type: integer, role: key, nullable: false, min: 0}
  moment: {type: timestamp, role: time, nullable: false}
  customer: {type: string, nullable: false, pattern: "c[0-9]+"}
  country: {type: string, nullable: false}
  channel: {type: string, values: [app, shop, web]}
  amount: {type: number, min: 0, max: 1000}
  price: {type: number}
  score: {type: number, min: 0, max: 1}
  quantity: {type: integer, min: 0, max: 98}
  age: {type: integer, min: 0, max: 120}
  visits: {type: integer}
  member: {type: boolean}
  code: {type: string}
  note: {type: string}
  delay: {type: number, role: label_source}
""",
    ".gitignore": "/data/\n/source.parquet\n",
}
# One row in a hundred breaks a rule (quantity 99), some amounts are missing, and the keys are in no order.
SOURCE = """\
SELECT i * 7919 % {rows} AS id,
    make_timestamp(1735689600000000 + i * (31536000000000 // {rows})) AS moment,
    'c' || hash(i) % 2000000 AS customer, 'country ' || hash(i + 1) % 40 AS country,
    ['app', 'shop', 'web'][1 + CAST(hash(i + 2) % 3 AS INTEGER)] AS channel,
    CASE WHEN i % 17 = 0 THEN NULL ELSE (hash(i + 3) % 100000) / 100 END AS amount,
    (hash(i + 4) % 1000003) / 7 AS price, (hash(i + 5) % 1000) / 1000 AS score,
    CAST(hash(i + 6) % 100 AS INTEGER) AS quantity, CAST(hash(i + 7) % 100 AS INTEGER) AS age,
    CAST(hash(i + 8) % 100000 AS BIGINT) AS visits, hash(i + 9) % 2 = 0 AS member,
    md5(i::VARCHAR)[1:8] AS code, 'note ' || hash(i + 10) % 300 AS note, (hash(i + 11) % 4000) / 100 AS delay
FROM range({rows}) r(i)
"""
CHANGED = "SELECT * REPLACE (CASE WHEN id % 100 = 0 THEN price + 1 ELSE price END AS price) FROM read_parquet('{path}') WHERE id % 1000 <> 1"


@dataclass(frozen=True)
class Cost:
    """What one process cost."""

    seconds: float
    processor: float
    peak: int
    spill: int


def main() -> int:
    """Run the steps, print the table, and return 1 when a peak is above the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--memory", type=float, default=4.0, help="limit in GiB")
    parser.add_argument("--folder", type=Path, help="folder to work in; one that is there is gone on with")
    parser.add_argument("--only", default=",".join((*STEPS, "diff")), help="steps, separated by commas")
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    given = parser.parse_args()
    root = given.folder or Path(tempfile.mkdtemp(prefix="mlops-kit-scale-"))
    limit = int(given.memory * 2**30)
    prepare(root, given.rows)
    group = memory_group(limit)
    print(
        f"{given.rows:,} rows x 15 columns, limit {given.memory:g} GiB {'enforced' if group else 'not enforced'}"
    )
    print(
        f"{'step':<10}{'seconds':>9}{'CPU s':>9}{'rows/s':>12}{'peak MB':>9}{'spill MB':>10}{'written MB':>12}"
    )
    worst = 0
    for name in given.only.split(","):
        command = diff_command(root) if name == "diff" else [sys.executable, "-m", STEPS[name], name]
        before = time.time()
        cost = run(command, root, group)
        worst = max(worst, cost.peak)
        print(
            f"{name:<10}{cost.seconds:>9.1f}{cost.processor:>9.1f}{given.rows / cost.seconds:>12,.0f}{cost.peak >> 20:>9,}"
            f"{cost.spill >> 20:>10,}{size_of(root / 'data', since=before) >> 20:>12,}",
            flush=True,
        )
    if group:
        group.rmdir()
    if not given.keep and not given.folder:
        shutil.rmtree(root)
    print(f"largest peak {worst / 2**30:.2f} GiB: {'within' if worst <= limit else 'ABOVE'} the limit")
    return int(worst > limit)


def prepare(root: Path, rows: int) -> None:
    """Make the project and its source in `root`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in PROJECT.items():
        (root / name).write_text(text, encoding="utf-8")
    if not (root / "source.parquet").exists():
        with open_duck() as duck:
            duck.run(f"COPY ({SOURCE.format(rows=rows)}) TO '{root / 'part'}' (FORMAT parquet)")
        (root / "part").rename(root / "source.parquet")


def diff_command(root: Path) -> list[str]:
    """Commit two versions of the cleaned rows, one in a hundred changed, and return the command that compares them."""
    if (root / ".git").exists():
        return [sys.executable, "-m", "mlops_kit", "data", "diff", "HEAD~1", "HEAD", "--json"]
    for command in (
        ["git", "init", "-q"],
        ["git", "config", "user.name", "n"],
        ["git", "config", "user.email", "n@localhost"],
    ):
        subprocess.run(command, cwd=root, check=True)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("", encoding="utf-8")
    (root / ".dvc/.gitignore").write_text("/tmp\n/cache\n", encoding="utf-8")
    old, new = root / "data/clean.parquet", root / "new.parquet"
    with open_duck() as duck:
        duck.run(f"COPY ({CHANGED.format(path=old)}) TO '{new}' (FORMAT parquet)")
    for path in (old, new):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        cached = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, cached)
        text = f"outs:\n- md5: {digest}\n  size: {path.stat().st_size}\n  hash: md5\n  path: clean.parquet\n"
        (root / "data/clean.parquet.dvc").write_text(text, encoding="utf-8")
        subprocess.run(
            ["git", "add", "-f", "data/clean.parquet.dvc", ".dvc/config", ".dvc/.gitignore", *PROJECT],
            cwd=root,
            check=True,
        )
        subprocess.run(["git", "commit", "-q", "-m", path.name], cwd=root, check=True)
    new.unlink()
    return diff_command(root)


def memory_group(limit: int) -> Path | None:
    """Return a new control group (version 1 or 2) whose processes get at most `limit` bytes, None where there cannot be one."""
    for top, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(top, f"mlops-kit-scale-{os.getpid()}")
        try:
            group.mkdir()
            (group / name).write_text(str(limit), encoding="ascii")
        except OSError:
            if group.exists():
                group.rmdir()
            continue
        return group
    return None


def run(command: Sequence[str], root: Path, group: Path | None) -> Cost:
    """Run `command` in `root` and return what it cost. Ends this program with its last words when it fails."""
    scratch = Path(tempfile.mkdtemp(prefix=f"{root.name}-spill-", dir=root.parent))
    environment = {**os.environ, "TMPDIR": str(scratch)}
    enter = f"echo $$ > {group}/cgroup.procs && " if group else ""
    began = time.perf_counter()
    with (root / "log.txt").open("wb") as log:
        child = subprocess.Popen(
            ["sh", "-c", f'{enter}exec "$@"', "sh", *command],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=log,
        )
        watch = Watch(scratch)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        watch.done.set()
        watch.join()
    shutil.rmtree(scratch, ignore_errors=True)
    if child.returncode:
        words = (root / "log.txt").read_text(encoding="utf-8", errors="replace")[-2000:]
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{words}")
    seconds = time.perf_counter() - began
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, watch.most)


class Watch(threading.Thread):
    """Looks how much lies in a folder until `done` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.most = 0
        self._folder = folder

    def run(self) -> None:
        """Look five times a second."""
        while not self.done.wait(0.2):
            self.most = max(self.most, size_of(self._folder))


def size_of(folder: Path, *, since: float = 0.0) -> int:
    """Return the bytes that the files of `folder` take on disk, of those written after the moment `since`."""
    found = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                state = Path(top, name).stat()
            except OSError:
                continue
            if state.st_mtime >= since:
                found += state.st_blocks * 512
    return found


if __name__ == "__main__":
    sys.exit(main())
