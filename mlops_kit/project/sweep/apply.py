"""What a sweep found, taken into the project: into params.yaml, or as branches."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.statcache import replace_text
from mlops_kit.errors import RefusedError
from mlops_kit.outside import git
from mlops_kit.project.sweep.record import Sweep, Trial
from mlops_kit.spec.load import PARAMS
from mlops_kit.spec.yaml_edit import set_values


@dataclass(frozen=True)
class Applied:
    """A trial whose params are in params.yaml now."""

    trial: Trial
    changed: bool
    """Whether params.yaml was another one before."""


def apply_trial(root: Path, sweep: Sweep, number: int | None = None) -> Applied:
    """Write the params of the trial `number`, of the best one when None, into params.yaml; everything else in the file stays.

    The next run takes what the trial computed from the cache. Raises UsageError when there is no such trial.
    """
    trial = sweep.find(number)
    path = root / PARAMS
    text = path.read_text(encoding="utf-8")
    made = set_values(text, trial.point, where=PARAMS)
    if made != text:
        replace_text(path, made)
    return Applied(trial, made != text)


def branch_trials(root: Path, sweep: Sweep, numbers: Sequence[int]) -> tuple[str, ...]:
    """Make a branch `sweep/ID-NUMBER` for each trial: the sweep's base commit with the trial's params; return their names.

    Raises UsageError when there is no such trial, RefusedError when a branch of that name exists; then none is made.
    """
    trials = [sweep.find(number) for number in numbers]
    names = [f"sweep/{sweep.spec.id}-{trial.number}" for trial in trials]
    for name in names:
        if git.find_commit(root, f"refs/heads/{name}"):
            raise RefusedError(f"the branch {name} exists", fix=f"git branch -D {name}")
    for trial, name in zip(trials, names, strict=True):
        _branch(root, sweep, trial, name)
    return tuple(names)


def _branch(root: Path, sweep: Sweep, trial: Trial, name: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mlops-kit-branch-"))
    tree = folder / "tree"
    try:
        git.add_worktree(root, tree, sweep.spec.base)
        inner = tree / git.prefix_of(root)
        made = set_values((inner / PARAMS).read_text(encoding="utf-8"), trial.point, where=PARAMS)
        replace_text(inner / PARAMS, made)
        shown = ", ".join(f"{key} {value}" for key, value in trial.point.items()) or "params as committed"
        message = f"Sweep {sweep.spec.id}, trial {trial.number}: {shown}"
        git.create_branch(root, name, git.commit_all(inner, message) if trial.point else sweep.spec.base)
    finally:
        git.remove_worktree(root, tree)
        shutil.rmtree(folder, ignore_errors=True)
