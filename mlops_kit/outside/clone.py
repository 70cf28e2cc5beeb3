"""A commit in folders of its own: one small clone, and from it as many work trees as wanted, each with its own git folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.outside.git import find_commit, git_environment, list_tree, top_level
from mlops_kit.outside.process import CommandResult, run_command

# Hooks of the user's own configuration must not run in folders that nobody works in.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "protocol.version=2", "-c", "protocol.file.allow=always",
          "-c", "advice.detachedHead=false", "-c", "gc.auto=0")  # fmt: skip


def _git(folder: Path, *args: str, env: Mapping[str, str] | None = None) -> CommandResult:
    done = run_command(["git", *_QUIET, *args], cwd=folder, env={**git_environment(), **(env or {})})
    if done.code != 0:
        raise OutsideError(f"git {args[0]} failed: {done.complaint}", fix="git fsck")
    return done


def clone_commit(root: Path, sha: str, folder: Path) -> None:
    """Make the new folder `folder` a clone of the repository around `root` that holds the commit `sha` alone, checked out.

    Nothing of the work tree gets in, only what is committed. Submodules whose recorded commit is here are checked out too.
    Raises OutsideError when git fails.
    """
    source = top_level(root).resolve()
    folder.mkdir(parents=True)
    form = _git(source, "rev-parse", "--show-object-format").text or "sha1"
    _git(folder, "init", "--quiet", f"--object-format={form}", "--template=", ".")
    _git(folder, "fetch", "--quiet", "--no-tags", "--depth=1", "--", str(source), sha)
    _git(folder, "checkout", "--quiet", "--detach", sha)
    _add_submodules(source, sha, folder)


def check_out(clone: Path, folder: Path) -> None:
    """Make the new folder `folder` another checkout of the commit in `clone`: own files, own index, the clone's objects."""
    inner = folder / ".git"
    (inner / "objects" / "info").mkdir(parents=True)
    (inner / "refs").mkdir()
    for name in ("HEAD", "config", "index", "shallow"):
        if (clone / ".git" / name).exists():
            shutil.copyfile(clone / ".git" / name, inner / name)
    objects = (clone / ".git" / "objects").as_posix()
    (inner / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8", newline="\n")
    _git(folder, "checkout-index", "--quiet", "--all", "--force", "--index")
    for path in _submodules(clone):
        shutil.copytree(clone / path, folder / path, dirs_exist_ok=True, symlinks=True)


def _submodules(clone: Path) -> list[str]:
    out = _git(clone, "ls-files", "-z", "--stage").stdout.decode("utf-8", "surrogateescape")
    return [entry.partition("\t")[2] for entry in out.split("\0") if entry.startswith("160000")]


def _add_submodules(source: Path, sha: str, folder: Path) -> None:
    for path, commit in list_tree(source, sha).submodules.items():
        place = source / path
        if not (place / ".git").exists() or not find_commit(place, commit):
            continue  # what needs it says that it is not there
        index = {"GIT_INDEX_FILE": str(folder / ".git" / "submodule-index")}
        _git(place, "read-tree", commit, env=index)
        (folder / path).mkdir(parents=True, exist_ok=True)
        target = (folder / path).as_posix()
        _git(place, "checkout-index", "--quiet", "--all", "--force", f"--prefix={target}/", env=index)
        (folder / ".git" / "submodule-index").unlink(missing_ok=True)
