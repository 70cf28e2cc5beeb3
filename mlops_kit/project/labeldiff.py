"""What changed in the labels between two commits of a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.side import SideInfo, read_side
from mlops_kit.compare.label_section import describe_labels
from mlops_kit.labels.diff.model import LabelDiff
from mlops_kit.outside import git
from mlops_kit.project.compare import find_base
from mlops_kit.project.deepen import require_commit
from mlops_kit.project.roots import find_root

LABELS = ("labels",)


@dataclass(frozen=True)
class DiffedLabels:
    """Two sides and what differs in their labels."""

    base: SideInfo | None
    """The base side; None when there is nothing to compare with."""
    head: SideInfo
    """The head side."""
    found: LabelDiff
    """What differs."""


def diff_labels(
    root: Path, base: str | None = None, head: str | None = None, *, limit: int = 10
) -> DiffedLabels:
    """Return what differs in the labels of `head` (None: the work tree) against `base`, however many events there are.

    Without a base that is where the branch left the default branch; on the default branch itself the last commit when label files
    differ from it, else the commit before. `limit` is how many items are told for each task. Raises UsageError outside of a DVC repository,
    UnreadableSideError for a revision that does not exist.
    """
    root = find_root(root)
    for rev in (base, head):
        if rev is not None:
            require_commit(root, rev)
    dirty = head is None and bool(git.dirty_paths(root, LABELS))
    chosen = base or _base(root, head, dirty=dirty)
    new = read_side(root, head, fetch=False)
    old = read_side(root, chosen, fetch=False) if chosen else None
    found = describe_labels(root, old, new, budget=None, limit=limit, fetch=True)
    return DiffedLabels(old.info if old else None, new.info, found or LabelDiff())


def _base(root: Path, head: str | None, *, dirty: bool) -> str | None:
    chosen = find_base(root, head)
    if not dirty:
        return chosen
    before = git.find_commit(root, "HEAD^")
    on_default = chosen is None or (before is not None and git.find_commit(root, chosen) == before)
    return "HEAD" if on_default else chosen
