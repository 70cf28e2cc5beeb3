"""Push, pull and a fresh clone against DVC, in one run on the same project: seconds, bytes moved and their ratios.

python benchmarks/remote.py [FILES] [MEGABYTES] [RUNS]

The remote is a folder, so that disks and processors are measured and no network. The project has one folder of FILES small files, one file of
MEGABYTES and a pipeline of six stages. Every number is the smallest of RUNS on fresh copies; `mlops-kit push` hashes what it sends and what arrived,
`dvc push` to a folder does neither.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

KIT = [sys.executable, "-m", "mlops_kit"]
DVC = [sys.executable, "-m", "dvc"]
STAGES = """\
stages:
  clean: {cmd: cp big.bin clean.bin, deps: [big.bin], outs: [clean.bin]}
  count: {cmd: ls many | wc -l > count.txt, deps: [many], outs: [count.txt]}
  split: {cmd: head -c 1000000 clean.bin > part.bin, deps: [clean.bin], outs: [part.bin]}
  train:
    cmd: (cat params.yaml; head -c 300000 part.bin) > model.bin
    deps: [part.bin]
    params: [rate]
    outs: [model.bin]
  score:
    cmd: wc -c < model.bin > score.txt && cat params.yaml > score.yaml
    deps: [model.bin]
    params: [rate]
    outs: [score.txt]
    metrics: [score.yaml: {cache: false}]
  report: {cmd: cat score.txt count.txt > report.txt, deps: [score.txt, count.txt], outs: [report.txt]}
"""


def environment(site: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    who = {
        f"GIT_{role}_{what}": "x@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {**kept, **who, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(site)}


def call(command: list[str], root: Path) -> str:
    done = subprocess.run(
        command, cwd=root, env=environment(root.parent / f"{root.name} site"), capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def build(root: Path, files: int, megabytes: int) -> None:
    (root / "many").mkdir(parents=True)
    call(["git", "init", "-q", "-b", "main"], root)
    call([*DVC, "init", "-q"], root)
    (root / ".dvc/config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
    )
    for number in range(files):
        (root / f"many/{number}").write_bytes(os.urandom(1000))
    (root / "big.bin").write_bytes(os.urandom(megabytes << 20))
    (root / "params.yaml").write_text("rate: 1\n")
    (root / "dvc.yaml").write_text(STAGES)
    call([*DVC, "add", "-q", "many", "big.bin"], root)
    call([*DVC, "repro", "-q"], root)
    call(["git", "add", "-A"], root)
    call(["git", "commit", "-qm", "one"], root)


def seconds(command: list[str], root: Path) -> tuple[float, float]:
    """Return wall clock and processor time of a command and all that it starts."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    call(command, root)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


class Bench:
    """One world for each measurement: a project, its remote beside it, perhaps a clone."""

    def __init__(self, template: Path, runs: int) -> None:
        self._template = template
        self._runs = runs

    def best(
        self, prepare: Callable[[Path], None], command: list[str], where: str
    ) -> tuple[float, float, int]:
        """Return the smallest time of `command`, and the bytes that came into the cache of the folder `where` (or its remote) by it."""
        found: list[tuple[float, float, int]] = []
        for _ in range(self._runs):
            with tempfile.TemporaryDirectory(dir=self._template.parent.parent) as name:
                world = Path(name)
                shutil.copytree(self._template, world / "a", symlinks=True)
                (world / "store").mkdir()
                prepare(world)
                counted = world / "store" if where == "a" else world / where / ".dvc/cache"
                before = size(counted)
                taken = seconds(command, world / where)
                found.append((*taken, size(counted) - before))
        return min(found)

    def compare(
        self, title: str, prepare: Callable[[Path], None], where: str, commands: dict[str, list[str]]
    ) -> None:
        results = {name: self.best(prepare, command, where) for name, command in commands.items()}
        wall, cpu, _ = next(iter(results.values()))
        for name, (taken, used, moved) in results.items():
            times = f"{taken:7.2f} s {taken / wall:5.1f}x   cpu {used:6.2f} s {used / cpu:5.1f}x"
            print(f"{title:<28} {name:<34} {times} {moved / 1e6:9.2f} MB", flush=True)


def nothing(world: Path) -> None:
    """Leave the world as it is."""


def pushed(world: Path) -> None:
    call([*DVC, "push", "-q", "--run-cache"], world / "a")


def pushed_twice(world: Path) -> None:
    pushed(world)
    call([*KIT, "push", "--no-git"], world / "a")


def cloned(world: Path) -> None:
    call([*KIT, "push", "--no-git"], world / "a")
    call(["git", "clone", "-q", str(world / "a"), str(world / "b")], world)


def cloned_after_trial(world: Path) -> None:
    """Machine A has tried rate 2, gone back, and pushed; in the clone the rate is set to 2."""
    root = world / "a"
    (root / "params.yaml").write_text("rate: 2\n")
    call([*DVC, "repro", "-q"], root)
    call(["git", "checkout", "-q", "--", "."], root)
    call([*DVC, "checkout", "-q"], root)
    pushed(world)
    cloned(world)
    (world / "b/params.yaml").write_text("rate: 2\n")


def cloned_and_changed(world: Path) -> None:
    cloned(world)
    (world / "b/params.yaml").write_text("rate: 3\n")


def main() -> None:
    given = [int(text) for text in sys.argv[1:]]
    files, megabytes, runs = (*given, *(1000, 100, 3)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template" / "a"
        build(template, files, megabytes)
        bench = Bench(template, runs)
        push = {
            "mlops-kit push": [*KIT, "push", "--no-git"],
            "mlops-kit push --no-runs": [*KIT, "push", "--no-git", "--no-runs"],
            "dvc push": [*DVC, "push"],
            "dvc push --run-cache": [*DVC, "push", "--run-cache"],
        }
        pull = {
            "mlops-kit pull": [*KIT, "pull"],
            "dvc pull": [*DVC, "pull"],
            "dvc pull --run-cache": [*DVC, "pull", "--run-cache"],
        }
        run = {
            "mlops-kit run --pull": [*KIT, "run", "--pull"],
            "dvc repro --pull --allow-missing": [*DVC, "repro", "--pull", "--allow-missing"],
        }
        print(
            f"{files} files of 1 kB, one of {megabytes} MB, six stages; smallest of {runs}; last column: bytes moved or made"
        )
        bench.compare("push to an empty remote", nothing, "a", push)
        bench.compare("push of what is there", pushed_twice, "a", push)
        bench.compare("pull into a fresh clone", cloned, "b", pull)
        bench.compare(
            "pull of one output",
            cloned,
            "b",
            {"mlops-kit": [*KIT, "pull", "score"], "dvc": [*DVC, "pull", "score"]},
        )
        bench.compare("clone, nothing changed", cloned, "b", run)
        bench.compare("clone, one param changed", cloned_and_changed, "b", run)
        bench.compare("clone, param tried elsewhere", cloned_after_trial, "b", run)


if __name__ == "__main__":
    main()
