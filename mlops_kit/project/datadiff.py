"""What changed in the data between two commits of a repository."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.data.diff.model import DataDiff
from mlops_kit.data.diff.sides import DiffRequest, diff_sides
from mlops_kit.outside import git
from mlops_kit.project.compare import find_base
from mlops_kit.project.deepen import require_commit
from mlops_kit.project.roots import find_root


def diff_data(
    root: Path, base: str | None = None, head: str | None = None, request: DiffRequest | None = None
) -> DataDiff:
    """Return what differs in the data of `head` (None: the work tree) against `base`.

    Without a base that is where the branch left the default branch; on the default branch itself the last commit when tracked data
    differ from it, else the commit before. Works in any DVC repository. Raises UsageError outside of one, or for a path that is not
    tracked, UnreadableSideError for a revision that does not exist.
    """
    root = find_root(root)
    wanted = request or DiffRequest()
    if head is not None:
        require_commit(root, head)
    if base is not None:
        require_commit(root, base)
        return diff_sides(root, base, head, wanted)
    chosen = find_base(root, head)
    if head is None and (chosen is None or _is_parent(root, chosen)):
        found = diff_sides(root, "HEAD", None, wanted)
        if found.tables or not found.is_empty:
            return found
    return diff_sides(root, chosen, head, wanted, first=chosen is None)


def _is_parent(root: Path, chosen: str) -> bool:
    """Return whether `chosen` is the commit before the last one, because nothing better was found on the default branch."""
    before = git.find_commit(root, "HEAD^")
    return before is not None and git.find_commit(root, chosen) == before
