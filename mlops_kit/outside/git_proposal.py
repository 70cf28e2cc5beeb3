"""One commit on a branch of its own, carried from one machine to another as a bundle, and pushed without losing what others did there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_kit.errors import OutsideError, RefusedError
from mlops_kit.outside import git
from mlops_kit.outside.process import CommandResult, run_command

_TAKEN = "refs/mlops/proposal"
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mlops-kit"), ("EMAIL", "mlops-kit@localhost"))
}


def fetch_tip(root: Path, branch: str, variables: Mapping[str, str]) -> str | None:
    """Return the commit that `branch` of `origin` points to, fetched with its parent; None when there is no such branch.

    `variables` are for git, such as what makes it known to the host. Raises OutsideError when `origin` cannot be reached.
    """
    listed = _must(_run(root, variables, "ls-remote", "--", "origin", f"refs/heads/{branch}"), "ls-remote")
    tip = listed.partition("\t")[0]
    if not tip:
        return None
    _must(_run(root, variables, "fetch", "--quiet", "--no-tags", "--depth=2", "--", "origin", tip), "fetch")
    return tip


def message_of(root: Path, sha: str) -> str:
    """Return the whole message of a commit."""
    return _must(_run(root, {}, "log", "--max-count=1", "--format=%B", sha, "--"), "log")


def set_branch(root: Path, branch: str, sha: str) -> None:
    """Check `branch` out at `sha`, wherever it was; the work tree must be clean."""
    _must(_run(root, {}, "switch", "--quiet", "--force-create", branch, sha), "switch")


def commit_paths(root: Path, paths: Sequence[str], message: str, *, amend: bool = False) -> str:
    """Commit `paths` alone and return the commit id; with `amend` in place of the last commit."""
    known = _run(root, {}, "config", "user.email").text or os.environ.get("EMAIL")
    variables = {} if known else _IDENTITY
    _must(_run(root, {}, "add", "--", *paths), "add")
    flags = ["--amend"] if amend else []
    _must(_run(root, variables, "commit", "--quiet", *flags, "--message", message), "commit")
    return git.resolve(root, "HEAD")


def write_bundle(root: Path, path: Path, base: str, branch: str) -> None:
    """Write the commits of `branch` that `base` lacks as the bundle `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ("bundle", "create", "--quiet", str(path), f"refs/heads/{branch}", f"^{base}")
    _must(_run(root, {}, *command), "bundle")


def take_bundle(root: Path, path: Path, branch: str) -> str:
    """Return the commit of `branch` in a bundle, whose objects are in the repository then. Raises OutsideError when it does not fit."""
    _must(
        _run(root, {}, "fetch", "--quiet", "--no-tags", str(path), f"+refs/heads/{branch}:{_TAKEN}"), "fetch"
    )
    return git.resolve(root, _TAKEN)


def changed_entries(root: Path, base: str, sha: str) -> list[tuple[str, str]]:
    """Return (mode, path) of what differs between two commits; the mode is the later one's, `000000` for a file that is gone."""
    out = _must(_run(root, {}, "diff", "--raw", "--no-renames", "-z", base, sha, "--"), "diff")
    parts = [part for part in out.split("\0") if part]
    return [(meta.split(" ")[1], path) for meta, path in zip(parts[::2], parts[1::2], strict=True)]


def push_tip(
    root: Path, sha: str, branch: str, *, expected: str | None, variables: Mapping[str, str]
) -> None:
    """Let `branch` of `origin` point to `sha`, if it still points to `expected` (None: if there is none).

    Raises RefusedError when somebody else has moved it meanwhile, OutsideError when the host refuses.
    """
    lease = f"--force-with-lease=refs/heads/{branch}:{expected or ''}"
    done = _run(root, variables, "push", "--quiet", lease, "--", "origin", f"{sha}:refs/heads/{branch}")
    if done.code and b"stale info" in done.stderr:
        raise RefusedError(f"the branch {branch} was moved meanwhile; nothing was pushed", fix="run it again")
    _must(done, "push")


def _run(root: Path, variables: Mapping[str, str], *args: str) -> CommandResult:
    return run_command(["git", *args], cwd=root, env={**git.git_environment(), **variables})


def _must(done: CommandResult, what: str) -> str:
    if done.code:
        raise OutsideError(f"git {what} failed: {done.complaint}", fix="see the message of git")
    return done.text
