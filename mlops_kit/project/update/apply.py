"""Carrying an update out: all files or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.outside import git
from mlops_kit.project.record import remove_empty
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
    if not dry_run:
        if origin.record.conflicts:
            _require_clean(root, [file.path for file in plan.files if file.outcome in _OVERWRITES])
        write_all(root, plan.writes)
    return plan


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


def write_all(root: Path, writes: Mapping[str, str | None]) -> None:
    """Write (path -> text) and remove (path -> None) files below `root`: all of them, or none when one of them fails.

    Everything is written beside first and moved in place then; what was there is put back when a move fails.
    """
    beside = Path(tempfile.mkdtemp(prefix=".mlops-kit-", dir=root))
    done: list[tuple[Path, Path | None]] = []
    try:
        for path, text in writes.items():
            if text is not None:
                fresh = beside / "new" / path
                fresh.parent.mkdir(parents=True, exist_ok=True)
                fresh.write_bytes(text.encode("utf-8", "surrogateescape"))
                if (root / path).exists():
                    shutil.copymode(root / path, fresh)
        for path, text in writes.items():
            _move(root, path, beside, done, remove=text is None)
    except BaseException:
        for target, old in reversed(done):
            with contextlib.suppress(OSError):
                _put(old, target) if old is not None else target.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    for path, text in writes.items():
        if text is None:
            remove_empty((root / path).parent, root)


def _move(root: Path, path: str, beside: Path, done: list[tuple[Path, Path | None]], *, remove: bool) -> None:
    target = root / path
    old = beside / "old" / path if target.exists() else None
    if old is not None:
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(target, old)
    elif remove:
        return
    done.append((target, old))
    if remove:
        target.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        _put(beside / "new" / path, target)


def _put(source: Path, target: Path) -> None:
    os.replace(source, target)  # noqa: PTH105 - the one call that also replaces on Windows
