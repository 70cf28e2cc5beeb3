"""A project to be hit, and what is to be seen of it: small, with every kind of output that can be lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.lock_damage import find_damage
from mlops_kit.outside.dvc import dvc_environment
from tests.support.shapes import write
from tests.support.world import edit, git

MARK = "MLOPS_KIT_CRASH_TEST"
FILES = {
    "mlops.yaml": """\
version: 1
project: {name: crash}
task: {kind: classification, target: y, key: [id]}
steps:
  parts: {cmd: sh parts.sh, deps: [parts.sh, raw.csv], outs: [data/parts]}
  side: {cmd: sh side.sh, deps: [side.sh, raw.csv], outs: [data/side.txt]}
  join: {cmd: sh join.sh, deps: [join.sh, data/parts, data/side.txt], outs: [data/model.txt], metrics: [score.json]}
""",
    "parts.sh": """\
mkdir -p data/parts/deep
head -c 100 raw.csv > data/parts/one.txt
tail -c 100 raw.csv > data/parts/deep/two.txt
""",
    "side.sh": "tr a-z A-Z < raw.csv > data/side.txt\n",
    "join.sh": """\
cat data/parts/one.txt data/parts/deep/two.txt data/side.txt > data/model.txt
echo "{\\"bytes\\": $(wc -c < raw.csv)}" > score.json
""",
    "raw.csv": "one,1\ntwo,2\nthree,3\nfour,4\n" * 20,
    "params.yaml": "{}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
    ".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n    verify = true\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}  # fmt: skip
_OURS = (".git", ".dvc/tmp", ".dvc/cache")


@dataclass(frozen=True)
class Seen:
    """What a project consists of."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Path -> MD5 of the files of the work tree."""
    objects: frozenset[str] = frozenset()
    """Names in the cache."""
    stored: frozenset[str] = frozenset()
    """Names in the remote."""
    branch: str = ""
    """Commit that the other git repository has."""


def environment() -> dict[str, str]:
    """Return the environment for commands; its mark finds every process that is left of them, and it is always the same moment."""
    return {
        **dvc_environment(), MARK: str(os.getpid()), "DVC_NO_ANALYTICS": "1", "COLUMNS": "200", "SOURCE_DATE_EPOCH": "1357000000",
    }  # fmt: skip


def kit(*args: str) -> list[str]:
    """Return a command line of ours."""
    return [sys.executable, "-m", "mlops_kit", *args]


def build(folder: Path) -> Path:
    """Make a project that was run, committed and pushed, with the data and a step changed since, in `folder`/project."""
    root = folder / "project"
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "origin.git")], check=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Test")
    git(root, "config", "user.email", "test@localhost")
    git(root, "remote", "add", "origin", "../origin.git")
    write(root, FILES)
    _must(root, "run")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    git(root, "push", "-q", "-u", "origin", "main")
    _must(root, "push")
    edit(root / "raw.csv", "four,4", "five,55")
    edit(root / "parts.sh", "head -c 100", "head -c 120")
    return root


def build_unpushed(folder: Path) -> Path:
    """Make a project as `build` does, run and committed again."""
    root = build(folder)
    _must(root, "run")
    git(root, "commit", "-qam", "second")
    return root


def build_clone(folder: Path) -> Path:
    """Make a project as `build_unpushed` does, pushed, and replace it by a fresh clone without data."""
    root = build_unpushed(folder)
    _must(root, "push")
    shutil.rmtree(root)
    git(folder, "clone", "-q", "origin.git", "project")
    return root


def look(folder: Path) -> Seen:
    """Return what the project in `folder` consists of now."""
    root = folder / "project"
    files = {
        path.relative_to(root).as_posix(): _md5(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.relative_to(root).as_posix().startswith(_OURS)
    }
    branch = subprocess.run(
        ["git", "-C", str(folder / "origin.git"), "rev-parse", "main"], capture_output=True, text=True
    )
    return Seen(files, _names(root / ".dvc/cache"), _names(folder / "store"), branch.stdout.strip())


def faults(folder: Path, before: Seen, after: Seen) -> Iterator[str]:
    """Yield what is wrong after a hit: every file has to be what it was or what it becomes, and every object what its name says."""
    root, now = folder / "project", look(folder)
    for path in sorted({*before.files, *now.files}):
        if now.files.get(path) in (before.files.get(path), after.files.get(path)):
            continue
        if path == "dvc.lock" and path in now.files:
            if damage := find_damage((root / path).read_bytes()):
                yield f"dvc.lock {damage}"
            continue  # of some stages the new entries: the run after it shows whether they are right
        yield f"lost: {path}" if path not in now.files else f"half-written: {path}"
    for place in (root / ".dvc/cache", folder / "store"):
        for path in sorted((place / "files/md5").glob("??/*")):
            if (
                len(path.name.removesuffix(".dir")) == 30
                and path.is_file()
                and _md5(path) != (path.parent.name + path.name).removesuffix(".dir")
            ):
                yield f"corrupt object: {path.relative_to(folder)}"


def leftovers(folder: Path) -> Iterator[str]:
    """Yield what a command that went well has left lying about."""
    root = folder / "project"
    for path in (root / ".dvc/tmp/mlops-kit/aside").glob("*"):
        yield f"left aside: {path.name}"
    for path in (root / ".dvc/tmp/mlops-kit/acquire").rglob("*"):
        yield f"left in staging: {path.name}"
    for place in (root / ".dvc/cache", folder / "store"):
        for path in place.rglob("*"):
            if path.is_file() and (
                path.name.startswith(".") or path.name.endswith((".tmp", ".new", ".part"))
            ):
                yield f"left behind: {path.relative_to(folder)}"


def orphans(*, patience: float = 15.0) -> list[int]:
    """Return the processes that a command has left, when they are still there after `patience` seconds."""
    deadline = time.monotonic() + patience
    while found := _marked():
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return []


def _marked() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                content = Path(f"/proc/{name}/environ").read_bytes()
            except OSError:
                continue
            if f"{MARK}={os.getpid()}".encode() in content.split(b"\0"):
                found.append(int(name))
    return found


def _must(root: Path, *args: str) -> None:
    done = subprocess.run(kit(*args), cwd=root, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{args} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")


def _names(place: Path) -> frozenset[str]:
    return frozenset(
        path.relative_to(place).as_posix() for path in (place / "files").rglob("*") if path.is_file()
    )


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()
