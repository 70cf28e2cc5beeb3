"""What earlier CI runs computed, by commit: the lock file and the small outputs that git keeps and the run did not commit.

A push without a local run leaves dvc.lock behind what the code says; CI reruns, and nobody commits its results. They are kept
here, inside the DVC cache folder that CI restores, so that the next run starts from the base's results: a branch that only edits
the README then reruns nothing. (DVC's own run cache cannot do it: it skips stages with outputs outside of the cache.)
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mlops_kit.artifacts.dvcfiles import DeclaredOutput, read_pipeline

FOLDER = "mlops-kit-results"
KEPT = 30
LOCK = "dvc.lock"


def save_results(root: Path, cache: Path, sha: str) -> None:
    """Keep dvc.lock and the outputs outside of the DVC cache as the results of commit `sha`; older results are dropped."""
    store = cache / FOLDER
    target = store / sha
    shutil.rmtree(target, ignore_errors=True)
    store.mkdir(parents=True, exist_ok=True)  # nothing is kept for pipelines in sub-folders
    for path in [LOCK, *_uncached(root)]:
        _copy(root / path, target / path)
    for old in sorted(store.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def restore_results(root: Path, cache: Path, sha: str) -> bool:
    """Put the results of commit `sha` into the work tree at `root`; return whether there were any."""
    source = cache / FOLDER / sha
    if not (source / LOCK).is_file():
        return False
    for entry in source.iterdir():
        _copy(entry, root / entry.name)
    return True


def _uncached(root: Path) -> list[str]:
    path = root / "dvc.yaml"
    outputs: tuple[DeclaredOutput, ...] = (
        read_pipeline(path.read_bytes(), "", "dvc.yaml").outputs if path.exists() else ()
    )
    return [output.path for output in outputs if not output.cache]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
