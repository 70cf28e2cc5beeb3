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
        yield check_out(root, tree, sha)
    finally:
        git.remove_worktree(root, tree)
        shutil.rmtree(folder, ignore_errors=True)


def check_out(root: Path, tree: Path, sha: str) -> Path:
    """Check the commit `sha` out into the new folder `tree`, with the DVC cache of `root` and its remotes that are folders.

    Returns the folder that corresponds to `root` in it.
    """
    git.add_worktree(root, tree, sha)
    inner = tree / git.prefix_of(root)
    if (inner / ".dvc").is_dir():
        places = read_places(root)
        lines = ["[cache]", f"    dir = {places.cache.folder.resolve().as_posix()}"]
        for remote in places.remotes:
            if remote.place is not None:  # a relative path would lead elsewhere from here
                lines += [
                    f"['remote \"{remote.name}\"']",
                    f"    url = {remote.place.folder.resolve().as_posix()}",
                ]
        (inner / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return inner
