"""Carrying an update out: all files or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.outside import git
from mlops_kit.project.together import write_all
from mlops_kit.project.update.files import PROPOSAL
from mlops_kit.project.update.model import Outcome, UpdatePlan
from mlops_kit.project.update.origin import find_origin
from mlops_kit.project.update.plan import plan_update
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.spec.names import LIFECYCLE

_OVERWRITES = (Outcome.UPDATED, Outcome.MERGED, Outcome.REMOVED)


def update_project(
    root: Path,
    *,
    dry_run: bool = False,
    keep: Iterable[str] = (),
    take: Iterable[str] = (),
    rev: str | None = None,
) -> UpdatePlan:
    """Bring the project at `root` to the template of this installation, and return what was done; with `dry_run`, what would be.

    Files of which `keep` says so stay as they are, those of `take` become the template's. A conflict leaves its file alone, is written
    beside it as <file>.update and remembered; the next update goes on with it. Raises RefusedError, before anything is written, when git
    could not undo it (uncommitted changes) or when it is not known what the project was made from (`rev` names that commit).
    """
    git.require_repository(root)
    if not (root / LIFECYCLE).exists():
        read_lifecycle(root)  # says what is wrong
    origin = find_origin(root, rev)
    if not dry_run and not origin.record.conflicts:
        _require_clean(root)
    plan = plan_update(root, origin, keep=frozenset(keep), take=frozenset(take))
    if dry_run:
        return plan
    if origin.record.conflicts:
        _require_clean(root, [file.path for file in plan.files if file.outcome in _OVERWRITES])
    write_all(root, plan.writes)
    return replace(plan, notes=(*plan.notes, *_visible_proposals(root, plan)))


def _visible_proposals(root: Path, plan: UpdatePlan) -> list[str]:
    """Return a warning when git would take up a proposal with its markers, because the project's .gitignore lacks the template's line."""
    proposals = [file.proposal for file in plan.conflicts]
    ignored = git.ignored_paths(root, proposals)
    seen = [path for path in proposals if path not in ignored]
    return (
        [f"git does not ignore {', '.join(seen)}: add *{PROPOSAL} to .gitignore before `git add -A`"]
        if seen
        else []
    )


def _require_clean(root: Path, paths: Iterable[str] = (".",)) -> None:
    wanted = list(paths)
    if not wanted:
        return
    prefix = git.prefix_of(root)
    dirty = [
        name.removeprefix(prefix) for name in git.dirty_paths(root, wanted) if not name.endswith(PROPOSAL)
    ]
    if dirty:
        more = f" and {len(dirty) - 3} more" if len(dirty) > 3 else ""
        raise RefusedError(
            f"the work tree has uncommitted changes: {', '.join(dirty[:3])}{more}; nothing was changed",
            fix="git commit or git stash first, so that git can undo the update as a whole",
        )
