"""The one edit that adopting proposes: lines in .gitignore for outputs that DVC keeps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_kit.outside import git
from mlops_kit.project.adopt.model import PlannedEdit, StageProposal, Survey

NAME = ".gitignore"


def ignore_edit(survey: Survey, stages: Sequence[StageProposal]) -> tuple[PlannedEdit, ...]:
    """Return the edit of the DVC root's .gitignore that keeps DVC's outputs out of git; none without that file.

    DVC adds such lines itself when a stage has run; until then `git add` would take outputs that are there already.
    """
    file = survey.root / NAME
    cached = [out.path for stage in stages for out in stage.outputs if out.cache]
    if not cached or not file.is_file() or file.is_symlink():
        return ()
    try:
        before = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return ()
    ignored = git.ignored_paths(survey.root, cached)
    lines = [f"/{_escaped(path)}" for path in cached if path not in ignored]
    if not lines:
        return ()
    end = "\r\n" if "\r\n" in before else "\n"
    start = before if before.endswith("\n") or not before else before + end
    after = start + "".join(f"{line}{end}" for line in lines)
    return (PlannedEdit(survey.from_top(NAME), before, after, "outputs that DVC keeps stay out of git"),)


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)
