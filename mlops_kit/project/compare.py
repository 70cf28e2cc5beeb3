"""Comparing a repository's commits: which sides, and what is said about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlops_kit.artifacts.production import read_production
from mlops_kit.artifacts.side import Side, read_side
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.data_section import DataLevel, describe_data
from mlops_kit.compare.label_section import describe_labels
from mlops_kit.compare.model import Comparison
from mlops_kit.errors import UnreadableSideError
from mlops_kit.outside import git
from mlops_kit.project.deepen import find_default_branch, first_parent, require_commit, require_merge_base
from mlops_kit.project.names import project_name
from mlops_kit.project.roots import find_root

RESULTS = ("dvc.lock", "params.yaml", "metrics")


def compare_commits(
    root: Path, base: str | None = None, head: str | None = None, *, data: DataLevel = "auto"
) -> Comparison:
    """Return the comparison of `head` (None: the work tree) with `base` (None: chosen by find_base).

    `data` is how far it looks into the data.

    Works in any repository with a dvc.yaml. Raises UsageError outside of one, UnreadableSideError for a revision that does not exist.
    """
    root = find_root(root)
    chosen = base or find_base(root, head)
    old = _read(root, chosen) if chosen else None
    new = _read(root, head)
    made = compare_sides(
        old,
        new,
        project=project_name(root),
        production=read_production(root, new.kpis),
        looks=_looks(root, new) if old and old.predictions else 0,
    )
    labels = describe_labels(root, old, new) if data != "none" else None
    return replace(made, data_section=describe_data(root, old, new, data), label_diff=labels)


def _read(root: Path, rev: str | None) -> Side:
    """Read a side; a shallow clone fetches what is missing for it."""
    try:
        return read_side(root, rev)
    except UnreadableSideError:
        if rev is None:
            raise
        require_commit(root, rev)
        return read_side(root, rev)


def _looks(root: Path, side: Side) -> int:
    from mlops_kit.artifacts.looks import looks_at_test_set  # reads history, which few comparisons need

    return looks_at_test_set(root, side)


def find_base(root: Path, head: str | None) -> str | None:
    """Return the revision to compare with when none is named.

    The merge base with the default branch; on the default branch itself the last commit when results have changed since, else the
    commit before. None when there is only one commit. A shallow clone is deepened as far as this needs. Raises UnreadableSideError
    when that cannot be done.
    """
    tip = require_commit(root, head or "HEAD")
    default = find_default_branch(root)
    fork = require_merge_base(root, default, tip) if default else None
    if fork and fork != tip:
        return fork
    if head is None and git.dirty_paths(root, RESULTS):
        return "HEAD"
    return first_parent(root, tip)
