"""A commit checked out beside the work tree, with the same DVC cache."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_kit.artifacts.places import read_places
from mlops_kit.outside import git


@contextmanager
def shared_worktree(root: Path, sha: str) -> Iterator[Path]:
    """Check the commit `sha` out into a temporary folder and yield the folder that corresponds to `root` in it.

    What is computed there goes to the DVC cache of `root`. The folder is gone afterwards, whatever happens.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlops-kit-tree-"))
    tree = folder / "tree"
    try:
        git.add_worktree(root, tree, sha)
        inner = tree / git.prefix_of(root)
        if (inner / ".dvc").is_dir():
            cache = read_places(root).cache.folder.resolve()
            (inner / ".dvc" / "config.local").write_text(
                f"[cache]\n    dir = {cache.as_posix()}\n", encoding="utf-8"
            )
        yield inner
    finally:
        git.remove_worktree(root, tree)
        shutil.rmtree(folder, ignore_errors=True)
