"""Which stages of a commit are run again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.errors import UsageError
from mlops_kit.outside import git
from mlops_kit.project.reproduce.sources import Revision, StageSource, read_revision


def choose_named(revision: Revision, names: Sequence[str]) -> list[StageSource]:
    """Return the stages with these names. A name without `@` stands for all stages that a `foreach` or `matrix` makes of it.

    Raises UsageError for a name that no stage has.
    """
    chosen: list[StageSource] = []
    for name in names:
        found = [
            stage for stage in revision.stages if stage.name == name or stage.name.startswith(f"{name}@")
        ]
        if not found:
            known = ", ".join(stage.name for stage in revision.stages[:20])
            raise UsageError(f"no stage `{name}` in {revision.sha[:12]}", fix=f"one of: {known}")
        chosen += [stage for stage in found if stage not in chosen]
    return chosen


def choose_sample(revision: Revision, count: int, day: int) -> list[StageSource]:
    """Return `count` stages for the day with the number `day`: a window over the stages in an order that the commit gives by hash.

    The window moves by `count` each day, so that every stage is drawn once in `ceil(stages / count)` days.
    """
    ordered = sorted(
        revision.stages, key=lambda stage: hashlib.sha256(f"{revision.sha}\0{stage.name}".encode()).digest()
    )
    if count >= len(ordered):
        return list(revision.stages)
    start = day * count % len(ordered)
    drawn = {stage.name for stage in (*ordered, *ordered)[start : start + count]}
    return [stage for stage in revision.stages if stage.name in drawn]


def choose_changed(root: Path, revision: Revision) -> tuple[list[StageSource], str]:
    """Return the stages whose record is not that of the base, and the base's commit id (empty for a first commit, where all are).

    The base is where the revision left the default branch; on the default branch it is the commit before.
    """
    default = git.default_branch(root)
    fork = git.merge_base(root, default, revision.sha) if default else None
    base = fork if fork and fork != revision.sha else git.find_commit(root, f"{revision.sha}~1")
    if base is None:
        return list(revision.stages), ""
    before = {stage.name: stage for stage in read_revision(root, base).stages}
    return [stage for stage in revision.stages if before.get(stage.name) != stage], base
