"""Looking around in a repository: git's list of files, where the DVC root is, what is vendored. Reads no contents."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_kit.errors import UsageError
from mlops_kit.outside import git
from mlops_kit.project.adopt.model import Survey

# Folders whose files are somebody else's, or made by tools.
VENDORED = frozenset(
    ("node_modules", "venv", ".venv", "env", ".env", "virtualenv", "site-packages", "vendor", "vendored", "third_party",
     "thirdparty", "external", "build", "dist", "__pycache__", ".ipynb_checkpoints", ".tox", ".nox", ".git", ".eggs",
     ".mypy_cache", ".pytest_cache", ".ruff_cache", "bower_components")
)  # fmt: skip
# Hidden folders that say something about the project.
SPOKEN = frozenset((".dvc", ".github", ".gitlab", ".circleci", ".mlops", ".devcontainer"))
_OUTSIDE = re.compile(
    r"(\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|[^/]+\.(toml|txt|in|cfg|lock)|setup\.py|environment\.ya?ml|Pipfile"
    r"|conda\.ya?ml|\.python-version|bitbucket-pipelines\.yml|azure-pipelines\.yml|Jenkinsfile|\.circleci/config\.yml)"
)


def survey(start: Path) -> Survey:
    """Look around in the git repository that `start` lies in.

    The DVC root is the nearest folder with `.dvc` from `start` upward, else the only one in the repository, else the nearest
    folder with a dvc.yaml, else the top. Raises UsageError outside of a repository, and when several DVC roots could be meant.
    """
    top = git.top_level(start)
    everything = git.known_files(top)
    prefix = _dvc_root(top, start.resolve(), everything)
    files, notes = _own_files(prefix, everything)
    lead = f"{prefix}/" if prefix else ""
    tracked = frozenset(name.removeprefix(lead) for name in git.tracked_files(top) if name.startswith(lead))
    return Survey(
        top=top,
        prefix=prefix,
        has_dvc=(top / prefix / ".dvc").is_dir(),
        branch=_branch(top),
        files=files,
        tracked=tracked,
        others=tuple(sorted(name for name in everything if _OUTSIDE.fullmatch(name))),
        notes=notes,
    )


def _branch(top: Path) -> str:
    """Return the name of the default branch; that of the checked-out one when there is no commit or no main or master."""
    return (git.default_branch(top) or git.current_branch(top) or "main").removeprefix("origin/")


def _dvc_root(top: Path, start: Path, everything: list[str]) -> str:
    top = top.resolve()
    here = [start, *(folder for folder in start.parents if folder == top or top in folder.parents)]
    for marker in (".dvc/config", ".dvc", "mlops.yaml", "dvc.yaml"):
        for folder in here if start != top else [top]:
            if (folder / marker).exists():
                return _relative(folder, top)
        ends = sorted({name[: -len(marker) - 1] for name in everything if name.endswith(f"/{marker}")})
        if len(ends) == 1 and marker == ".dvc/config":
            return ends[0]
        if len(ends) > 1 and marker == ".dvc/config":
            raise UsageError(
                f"several DVC roots: {', '.join(ends[:5])}",
                fix=f"name one: mlops-kit adopt --repo {ends[0]}",
            )
    return ""


def _relative(folder: Path, top: Path) -> str:
    return "" if folder == top else folder.relative_to(top).as_posix()


def _own_files(prefix: str, everything: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files below the DVC root that are the project's own, and what was left out in words."""
    lead = f"{prefix}/" if prefix else ""
    environments = {name.rpartition("/")[0] for name in everything if name.rpartition("/")[2] == "pyvenv.cfg"}
    kept: list[str] = []
    strange = 0
    for name in everything:
        if not name.startswith(lead):
            continue
        if not _is_text(name):
            strange += 1
        elif not _is_vendored(name[len(lead) :].split("/")[:-1]) and not _below(name, environments):
            kept.append(name[len(lead) :])
    notes = (f"{strange} files have names with line breaks or bytes that are no UTF-8; they are left out",)
    return tuple(sorted(kept)), notes if strange else ()


def _is_text(name: str) -> bool:
    return name.isprintable() and not any("\ud800" <= sign <= "\udfff" for sign in name)


def _is_vendored(folders: list[str]) -> bool:
    return any(
        folder in VENDORED
        or folder.endswith(".egg-info")
        or (folder.startswith(".") and folder not in SPOKEN)
        for folder in folders
    )


def _below(name: str, folders: set[str]) -> bool:
    return any(folder and name.startswith(f"{folder}/") for folder in folders)
