"""Runs a case by DVC and by us, step by step, and says where the two work trees differ."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from tests.support.pipelines.case import Case, steps, write

Runner = Callable[[Path], object]
_SKIPPED = {"tmp"}
_OURS = {".git", ".mlops", "mlops-kit", "__pycache__"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same."""

    case: str
    runner: str
    step: str
    path: str
    expected: str
    found: str


def prepare(case: Case, folder: Path) -> Path:
    """Make the repository of a case in an empty folder and return the root of the DVC repository."""
    world = folder / "w"
    root = world / "git" / case.folder
    (root / ".dvc/tmp").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=world / "git", check=True)
    (root / ".dvc/config").write_text(case.config, encoding="utf-8")
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    write(case, root)
    return root


def run_dvc(root: Path, *args: str) -> None:
    """Run DVC in this process. Raises AssertionError when it fails."""
    from dvc.cli import main

    with chdir(root):
        code = main([*(args or ("repro", "--all-pipelines")), "-q"])
    if code:
        raise AssertionError(f"dvc {' '.join(args) or 'repro'} ended with {code} in {root}")


def differences(case: Case, folder: Path, runners: Mapping[str, Runner]) -> Iterator[Difference]:
    """Yield what differs after each step between DVC and each of `runners` (name -> what brings pipelines up to date)."""
    names = ["dvc", *(name for name in runners)]
    roots = {name: prepare(case, folder / name) for name in names}
    for label, edit in steps(case):
        for root in roots.values():
            edit(root)
        run_dvc(roots["dvc"])
        expected = snapshot(folder / "dvc")
        for name, run in runners.items():
            run(roots[name])
            found = snapshot(folder / name)
            for path in sorted({*expected, *found}):
                if expected.get(path) != found.get(path):
                    yield Difference(
                        case.name, name, label, path, expected.get(path, "-"), found.get(path, "-")
                    )
    for name in runners:
        if state := status(roots[name]):
            yield Difference(case.name, name, "dvc status", "", "{}", state)


def status(root: Path) -> str:
    """Return what DVC says has changed, apart from stages that always do; empty when nothing."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo, chdir(root):
        found = {
            name: said
            for name, said in repo.status().items()
            if said != ["always changed"] and "frozen" not in name
        }
    return str(found) if found else ""


def snapshot(folder: Path) -> dict[str, str]:
    """Return path -> what lies there: kind, mode and content; locks, run cache and small texts as they are."""
    found: dict[str, str] = {}
    for here, folders, files in os.walk(folder):
        inside_dvc = Path(here).name == ".dvc"
        folders[:] = [name for name in folders if name not in _OURS and not (inside_dvc and name in _SKIPPED)]
        for name in (*folders, *files):
            path = Path(here, name)
            state = path.lstat()
            mode = oct(stat.S_IMODE(state.st_mode))
            key = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[key] = f"link to {os.readlink(path).replace(str(folder), '')}"
            elif path.is_dir():
                if name == "cache" and os.listdir(path) == [
                    "mlops-kit"
                ]:  # what stages cost; DVC kept nothing
                    continue
                found[key] = f"folder {mode}"
            else:
                content = path.read_bytes()
                text = content.decode("utf-8", "replace") if _shown(key) else hashlib.md5(content).hexdigest()
                found[key] = f"file {mode} x{min(state.st_nlink, 2)} {text}"
    return found


def _shown(key: str) -> bool:
    return key.endswith(("dvc.lock", ".gitignore")) or "/runs/" in key
