"""`mlops-kit run` against `dvc repro -P`: ratios measured in one run, and how cost grows with the number of stages.

python benchmarks/runner.py [--noop 10,100,500] [--trivial 100,500] [--steps 10] [--map 8] [--growth 10,100,500,2000] [--skip WHAT,...]

Everything but DVC's own 500 trivial stages (`--trivial 100`) took three and a half minutes on two quiet cores; those 500 alone take DVC
13 minutes and more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

KIT = [sys.executable, "-m", "mlops_kit", "run"]
DVC = [sys.executable, "-m", "dvc", "repro", "--all-pipelines"]
PARTS = ("noop", "trivial", "steps", "map", "clone", "growth")
STEP = """\
import sys
import pandas, sklearn.linear_model
table = pandas.read_csv(sys.argv[1])
table["y"] = table["y"] + 1
table.to_csv(sys.argv[2], index=False)
"""


def seconds(command: Sequence[str], root: Path) -> float:
    """Return how long a command takes. Raises CalledProcessError when it fails."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    began = time.perf_counter()
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def repository(root: Path, pipeline: str) -> Path:
    """Make a DVC repository with one dvc.yaml in an empty folder."""
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text("", encoding="utf-8")
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    (root / "dvc.yaml").write_text(pipeline, encoding="utf-8")
    (root / "in.txt").write_text("1\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def trivial(count: int) -> str:
    """Return a dvc.yaml of stages that copy one small file each."""
    return f"""\
stages:
  copy:
    foreach: [{", ".join(map(str, range(count)))}]
    do:
      cmd: cp in.txt out-${{item}}.txt
      deps: [in.txt]
      outs:
        - out-${{item}}.txt
"""


def chain(count: int) -> str:
    """Return a dvc.yaml of Python steps, each of which imports pandas and scikit-learn and reads what the one before wrote."""
    stages = "".join(
        f"  s{n}: {{cmd: python step.py t{n}.csv t{n + 1}.csv, deps: [step.py, t{n}.csv], outs: [t{n + 1}.csv]}}\n"
        for n in range(count)
    )
    return f"stages:\n{stages}"


def map_reduce(count: int) -> str:
    """Return a dvc.yaml of stages that sleep for 3 seconds each, and one that needs all of them."""
    stages = "".join(
        f"  m{n}: {{cmd: sleep 3; cp in.txt m{n}.txt, deps: [in.txt], outs: [m{n}.txt]}}\n"
        for n in range(count)
    )
    names = ", ".join(f"m{n}.txt" for n in range(count))
    return f"stages:\n{stages}  all: {{cmd: cat m*.txt > all.txt, deps: [{names}], outs: [all.txt]}}\n"


def compare(name: str, theirs: float, ours: float, goal: float) -> None:
    """Print one row."""
    print(
        f"{name:40} dvc {theirs:8.2f} s   kit {ours:8.2f} s   {theirs / ours:6.1f} times faster (goal {goal:g})",
        flush=True,
    )


def both(folder: Path, make: Callable[[Path], Path], *options: str) -> tuple[float, float, Path]:
    """Run fresh copies of a repository with DVC and with us; return seconds of both and our folder. The locks have to be the same."""
    theirs, ours = make(folder / "dvc"), make(folder / "kit")
    times = seconds(DVC, theirs), seconds([*KIT, *options], ours)
    if (theirs / "dvc.lock").read_bytes() != (ours / "dvc.lock").read_bytes():
        raise SystemExit("the locks differ")
    return (*times, ours)


def noop(folder: Path, counts: Sequence[int]) -> None:
    """Nothing has changed: the best of three."""
    for count, goal in zip(counts, (4, 6, 8, *[8] * len(counts)), strict=False):
        root = repository(folder / f"noop-{count}", trivial(count))
        seconds(KIT, root)
        seconds(DVC, root)  # DVC remembers hashes in a place of its own
        theirs, ours = (min(seconds(command, root) for _ in range(3)) for command in (DVC, KIT))
        compare(f"nothing changed, {count} stages", theirs, ours, goal)


def first_runs(folder: Path, counts: Sequence[int]) -> None:
    """Everything runs once, and each stage does next to nothing."""
    for count, goal in zip(counts, (10, 50, *[50] * len(counts)), strict=False):

        def make(root: Path, count: int = count) -> Path:
            return repository(root, trivial(count))

        theirs, ours, _ = both(folder / f"trivial-{count}", make)
        compare(f"{count} trivial stages", theirs, ours, goal)


def steps(folder: Path, count: int) -> None:
    """Python steps with heavy imports, one behind the other."""

    def make(root: Path) -> Path:
        repository(root, chain(count))
        (root / "step.py").write_text(STEP, encoding="utf-8")
        (root / "t0.csv").write_text(
            "x,y\n" + "".join(f"{n},{n % 7}\n" for n in range(2000)), encoding="utf-8"
        )
        return root

    theirs, ours, _ = both(folder / "steps", make)
    compare(f"{count} steps that import pandas and sklearn", theirs, ours, 5)


def mapped(folder: Path, count: int) -> None:
    """Stages that only wait, all at once."""
    theirs, ours, _ = both(folder / "map", lambda root: repository(root, map_reduce(count)), "-j", str(count))
    compare(f"map-reduce, {count} x 3 s, -j {count}", theirs, ours, 7)


def clones(folder: Path) -> None:
    """A fresh clone with a remote: nothing changed, then one input; time, and bytes that came into the cache."""
    root = repository(
        folder / "origin",
        "stages:\n"
        "  big: {cmd: head -c 50000000 /dev/zero > big.bin, deps: [in.txt], outs: [big.bin]}\n"
        "  small: {cmd: wc -c < big.bin > small.txt, deps: [big.bin], outs: [small.txt]}\n"
        "  last: {cmd: cat small.txt last.txt > end.txt, deps: [small.txt, last.txt], outs: [end.txt]}\n",
    )
    (root / "last.txt").write_text("1\n", encoding="utf-8")
    (root / ".dvc/config").write_text(
        f"[core]\n    remote = r\n['remote \"r\"']\n    url = {folder / 'store'}\n", encoding="utf-8"
    )
    seconds(KIT, root)
    seconds([sys.executable, "-m", "dvc", "push"], root)
    for words in (
        ["add", "-A"],
        ["-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-qm", "b"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    for name, edit in (("nothing changed", ""), ("one input changed", "2\n")):
        found = []
        for tool, command in (("dvc", [*DVC, "--pull", "--allow-missing"]), ("kit", [*KIT, "--pull"])):
            clone = folder / f"{tool}-{len(name)}"
            subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
            if edit:
                (clone / "last.txt").write_text(edit, encoding="utf-8")
            spent = seconds(command, clone)
            objects = clone / ".dvc/cache/files"
            found.append((spent, sum(file.stat().st_size for file in objects.rglob("*") if file.is_file())))
        (theirs, their_bytes), (ours, our_bytes) = found
        compare(f"fresh clone, {name}", theirs, ours, 1)
        print(
            f"{'':40} dvc {their_bytes:8} bytes kit {our_bytes:8} bytes in the cache afterwards", flush=True
        )


def growth(folder: Path, counts: Sequence[int]) -> None:
    """Seconds for each further stage, first run and nothing changed, without what starting costs: flat within 1.5 is the goal."""
    rows = []
    for count in counts:
        root = repository(folder / f"growth-{count}", trivial(count))
        first = seconds(KIT, root)
        again = min(seconds(KIT, root) for _ in range(3))
        rows.append((count, first, again))
        print(f"{count:6} stages   first run {first:7.2f} s   nothing changed {again:6.2f} s", flush=True)
        shutil.rmtree(root)
    for (fewer, first, again), (more, later, later_again) in pairwise(rows):
        span = more - fewer
        print(
            f"{fewer:6} to {more:5}: {1000 * (later - first) / span:6.2f} ms a stage that runs, "
            f"{1000 * (later_again - again) / span:6.2f} ms one that does not"
        )


def main() -> None:
    """Measure and print."""

    def numbers(text: str) -> list[int]:
        return [int(word) for word in text.split(",") if word]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noop", type=numbers, default=[10, 100, 500])
    parser.add_argument("--trivial", type=numbers, default=[100, 500])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--map", type=int, default=8)
    parser.add_argument("--growth", type=numbers, default=[10, 100, 500, 2000])
    parser.add_argument("--skip", default="", help=f"any of {', '.join(PARTS)}")
    chosen = parser.parse_args()
    skipped = set(chosen.skip.split(","))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], None]] = {
            "noop": lambda: noop(folder, chosen.noop),
            "trivial": lambda: first_runs(folder, chosen.trivial),
            "steps": lambda: steps(folder, chosen.steps),
            "map": lambda: mapped(folder, chosen.map),
            "clone": lambda: clones(folder / "clones"),
            "growth": lambda: growth(folder, chosen.growth),
        }
        for part in PARTS:
            if part not in skipped:
                parts[part]()


if __name__ == "__main__":
    main()
