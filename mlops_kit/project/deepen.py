"""Shallow clones: fetching just the history that a comparison needs."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.errors import UnreadableSideError
from mlops_kit.outside import git

FIRST_STEP = 32
MOST_STEPS = 12  # 32 commits, doubled each time: more than 100,000


def require_commit(root: Path, rev: str) -> str:
    """Return the commit id of `rev`; in a shallow clone what is missing for it is fetched from origin.

    Raises UsageError for what is no revision, UnreadableSideError when it does not exist here or cannot be fetched.
    """
    found = git.find_commit(root, rev)
    if found is None and not rev.startswith("-") and git.is_shallow(root):
        _fetch(root, rev)
    return found or git.resolve(root, rev)


def _fetch(root: Path, rev: str) -> None:
    """Fetch what `rev` needs: a full commit id by itself, an ancestor (`HEAD~3`) by deepening, a branch or tag by its name."""
    base, found, steps = rev.partition("~")
    base = base.partition("^")[0]
    name = base.removeprefix("origin/").removeprefix("refs/heads/")
    if len(base) == 40 and git.fetch_commit(root, base) and not found and "^" not in rev:
        return
    if git.find_commit(root, base) is None:
        git.fetch_branch(root, name)
    if git.find_commit(root, rev) is None:
        git.deepen(root, int(steps) if steps.isdecimal() else 1)


def require_merge_base(root: Path, default: str, tip: str) -> str:
    """Return the common ancestor of the branch `default` and the commit `tip`; a shallow clone is deepened until it is there.

    Raises UnreadableSideError with the command that mends it when there is none, or when origin does not answer.
    """
    found = git.merge_base(root, default, tip)
    step = FIRST_STEP
    for _ in range(MOST_STEPS):
        if found or not git.is_shallow(root):
            break
        if not git.deepen(
            root, step, default.removeprefix("origin/") if default.startswith("origin/") else None
        ):
            raise UnreadableSideError(
                f"this clone is shallow: the common ancestor with {default} is not here, and origin does not answer",
                fix="git fetch --unshallow, or name a base that is here: mlops-kit compare BASE",
            )
        found = git.merge_base(root, default, tip)
        step *= 2
    if found is None:
        raise UnreadableSideError(
            f"no common ancestor with {default} in this clone",
            fix="git fetch --unshallow, or name a base: mlops-kit compare BASE",
        )
    return found


def find_default_branch(root: Path) -> str | None:
    """Return the default branch as a revision that is here; a shallow clone of another branch alone fetches its tip from origin."""
    found = git.default_branch(root)
    if found or not git.is_shallow(root):
        return found
    name = git.remote_default_branch(root)
    if name and git.fetch_branch(root, name):
        return f"origin/{name}"
    return None


def first_parent(root: Path, tip: str) -> str | None:
    """Return the first parent of a commit, fetched alone when a shallow clone lacks it; None for a first commit.

    Raises UnreadableSideError when it exists and cannot be had.
    """
    named = git.parents(root, tip)
    if not named:
        return None
    if git.find_commit(root, named[0]) is None and not git.fetch_commit(root, named[0]):
        raise UnreadableSideError(
            f"this clone is shallow: {named[0][:9]}, the commit before {tip[:9]}, is not here",
            fix="git fetch --deepen=1, or check out with fetch-depth: 0",
        )
    return named[0]
