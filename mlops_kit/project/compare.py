"""Comparing a repository's commits: which sides, and what is said about them."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.side import read_side
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.model import Comparison
from mlops_kit.errors import UnreadableSideError, UsageError
from mlops_kit.outside import git
from mlops_kit.spec.load import LIFECYCLE, read_lifecycle

RESULTS = ("dvc.lock", "params.yaml", "metrics")


def compare_commits(root: Path, base: str | None = None, head: str | None = None) -> Comparison:
    """Return the comparison of `head` (None: the work tree) with `base` (None: chosen by find_base).

    Works in any repository with a dvc.yaml. Raises UsageError outside of one, UnreadableSideError for a revision that does not exist.
    """
    git.require_repository(root)
    if (
        not any(name == "dvc.yaml" or name.endswith("/dvc.yaml") for name in git.tracked_files(root))
        and not (root / "dvc.yaml").exists()
    ):
        raise UsageError(
            f"no dvc.yaml below {root}", fix="cd to the DVC repository, or make one: mlops-kit init NAME"
        )
    chosen = base or find_base(root, head)
    old = read_side(root, chosen) if chosen else None
    return compare_sides(old, read_side(root, head), project=project_name(root))


def find_base(root: Path, head: str | None) -> str | None:
    """Return the revision to compare with when none is named.

    The merge base with the default branch; on the default branch itself the last commit when results have changed since, else the
    commit before. None when there is only one commit. Raises UnreadableSideError in a clone that lacks the common ancestor.
    """
    tip = git.resolve(root, head or "HEAD")
    default = git.default_branch(root)
    fork = git.merge_base(root, default, tip) if default else None
    if default and fork is None:
        raise UnreadableSideError(
            f"no common ancestor with {default} in this clone",
            fix="git fetch --unshallow, or name a base: mlops-kit compare BASE",
        )
    if fork and fork != tip:
        return fork
    if head is None and git.dirty_paths(root, RESULTS):
        return "HEAD"
    return f"{tip}~1" if git.find_commit(root, f"{tip}~1") else None


def project_name(root: Path) -> str:
    """Return the name of the project, or of its folder when it is none of ours."""
    if (root / LIFECYCLE).exists():
        return read_lifecycle(root).project.name
    return root.resolve().name
