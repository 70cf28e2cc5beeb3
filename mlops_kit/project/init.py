"""Making a new project: everything is built beside the target and moved in place at the end, or nothing is there."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.project.answers import Answers, answers_of, plan_of, render_answers
from mlops_kit.project.desired import desired_files
from mlops_kit.project.eject import eject_step
from mlops_kit.project.infer import infer_dataset
from mlops_kit.project.merging import set_driver
from mlops_kit.project.record import new_record, write_record
from mlops_kit.project.scaffold import Plan, this_python
from mlops_kit.project.write import write_files

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BIG_FILE = 20 * 1024 * 1024


@dataclass(frozen=True)
class DataFile:
    """A data file of the user's and what is known about it."""

    path: Path
    target: str
    key: tuple[str, ...] = ()
    time: str | None = None


@dataclass(frozen=True)
class NewProject:
    """A project that was made."""

    root: Path
    title: str
    stages: tuple[str, ...]
    notes: tuple[str, ...]
    """What was inferred, and what to know."""


def create_project(target: Path, data: DataFile | None = None) -> NewProject:
    """Make a project in the new folder `target`: files, git repository, DVC set-up, first commit. Needs no network.

    Raises UsageError for a bad name, RefusedError when the folder is not empty or lies in a git repository, and the errors of
    the data file. Nothing is left behind then.
    """
    target = target.absolute()
    _check_target(target)
    answers, notes = _answers(target.name, data)
    plan = plan_of(answers, data=data.path if data else None)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        root = scratch / target.name
        _build(root, answers, plan)
        if target.exists():
            target.rmdir()
        root.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return NewProject(target, plan.title, tuple(plan.steps), tuple(notes))


def _check_target(target: Path) -> None:
    if not NAME.fullmatch(target.name):
        raise UsageError(
            f"`{target.name}` is not a project name",
            fix="letters, digits, dots, dashes and underscores, such as flights",
        )
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} does not exist", fix=f"mkdir -p {target.parent}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError(
            f"{target} exists and is not empty; nothing was changed", fix="choose another name"
        )
    if git.is_repository(target.parent) and not git.is_ignored(target.parent, target):
        raise RefusedError(
            f"{target.parent} lies in a git repository, and a project is one itself",
            fix="cd to a folder outside of it, or to one that it ignores",
        )


def _answers(name: str, data: DataFile | None) -> tuple[Answers, list[str]]:
    if data is None:
        return Answers(name, "flights", this_python()), [
            "the data is a sample of 43,927 real flights of 2013; --data FILE --target COLUMN takes yours"
        ]
    if not data.path.is_file():
        raise UsageError(f"{data.path}: no such file", fix="name a CSV or Parquet file with --data")
    inferred = infer_dataset(data.path, target=data.target, key=data.key, time=data.time)
    notes = list(inferred.notes)
    if data.path.stat().st_size > BIG_FILE:
        notes.append(
            f"{data.path.name} is larger than 20 MB and is committed to git; to keep it in DVC: git rm --cached it, then dvc add it"
        )
    return answers_of(name, this_python(), data.path, data.target, inferred), notes


def _build(root: Path, answers: Answers, plan: Plan) -> None:
    files = render_answers(answers)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    source = root / "data" / "source"
    source.mkdir(parents=True)
    shutil.copyfile(plan.data, source / plan.data.name)
    write_record(root, new_record(answers, files), files)
    for stage in plan.eject:
        eject_step(root, stage)
    write_files(root, desired_files(root))
    git.init_repository(root, "main")
    set_driver(root)
    git.commit_all(root, f"New project {answers.name}")
