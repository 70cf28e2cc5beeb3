"""Which DVC repository a folder belongs to."""

from __future__ import annotations

import posixpath
from pathlib import Path

from mlops_kit.errors import UsageError
from mlops_kit.outside import git


class NoPipelineError(UsageError):
    """Nothing that git tracks now is a dvc.yaml."""


def find_root(start: Path) -> Path:
    """Return the DVC root for the folder `start`: the nearest one at or above it, else the only one below it.

    A git repository with a dvc.yaml and no .dvc folder counts as one whose root is the folder `start`, or the top of the work tree
    when nothing lies below `start`. Raises UsageError outside of git, without any dvc.yaml, and where several roots could be meant.
    """
    start = start.resolve()
    top = git.top_level(start).resolve()
    for folder in (start, *start.parents):
        if (folder / ".dvc").is_dir():
            return folder
        if folder == top:
            break
    names = git.tracked_files(top)
    below = start.relative_to(top).as_posix()
    inside = [name for name in names if below == "." or name.startswith(f"{below}/")]
    roots = sorted(
        posixpath.dirname(posixpath.dirname(name)) for name in inside if name.endswith("/.dvc/config")
    )
    if len(roots) == 1:
        return top / roots[0]
    if roots:
        shown = ", ".join(roots[:5]) + (", …" if len(roots) > 5 else "")
        raise UsageError(
            f"several DVC repositories lie below {start}: {shown}", fix=f"choose one: --repo {roots[0]}"
        )
    if (start / "dvc.yaml").exists() or any(posixpath.basename(name) == "dvc.yaml" for name in inside):
        return start
    if (top / "dvc.yaml").exists() or any(posixpath.basename(name) == "dvc.yaml" for name in names):
        return top
    raise NoPipelineError(
        f"no dvc.yaml below {start}",
        fix="cd to the DVC repository, take this one on: mlops-kit adopt, or make one: mlops-kit init NAME",
    )
