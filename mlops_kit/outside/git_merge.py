"""git's merges: settings of the clone, attributes of paths, and what a merge left unmerged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.outside.git import git_environment
from mlops_kit.outside.process import CommandResult, run_command


@dataclass(frozen=True)
class Conflict:
    """A path that a merge, rebase or cherry-pick left unmerged."""

    path: str
    """Relative to the top of the work tree."""
    base: bytes | None
    """Content in the common ancestor, None where there was none."""
    ours: bytes | None
    """Content on our side, None where it was removed."""
    theirs: bytes | None
    """Content on the other side, None where it was removed."""


def read_setting(root: Path, name: str) -> str:
    """Return the setting `name` of git for the repository at `root`, empty when it is not set."""
    return _git(root, "config", "--get", name).text


def write_setting(root: Path, name: str, value: str) -> None:
    """Set `name` in the configuration of this clone. Raises OutsideError with git's words."""
    result = _git(root, "config", "--local", name, value)
    if result.code != 0:
        raise OutsideError(f"git config {name} failed: {result.complaint}", fix="see the message of git")


def merge_attributes(root: Path, paths: Sequence[str]) -> Mapping[str, str]:
    """Return path -> value of the attribute `merge`, for paths relative to `root` that need not exist; unset ones are left out."""
    if not paths:
        return {}
    stdin = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    out = _git(root, "check-attr", "-z", "--stdin", "merge", stdin=stdin).stdout
    words = out.decode("utf-8", "surrogateescape").split("\0")
    found = zip(words[::3], words[2::3], strict=False)
    return {path: value for path, value in found if value not in ("unspecified", "unset")}


def unmerged(top: Path) -> tuple[Conflict, ...]:
    """Return what is unmerged in the work tree whose top folder is `top`, by path."""
    out = _git(top, "ls-files", "--unmerged", "-z", "--full-name").stdout.decode("utf-8", "surrogateescape")
    sides: dict[str, dict[str, bytes]] = {}
    for entry in filter(None, out.split("\0")):
        head, _, path = entry.partition("\t")
        _, blob, stage = head.split(" ")
        sides.setdefault(path, {})[stage] = _git(top, "cat-file", "blob", blob).stdout
    return tuple(
        Conflict(path, found.get("1"), found.get("2"), found.get("3"))
        for path, found in sorted(sides.items())
    )


def mark_merged(top: Path, paths: Sequence[str]) -> None:
    """Tell git that the unmerged `paths` are what the work tree has now."""
    result = _git(top, "add", "--", *(f":(literal){path}" for path in paths))
    if result.code != 0:
        raise OutsideError(f"git add failed: {result.complaint}", fix="see the message of git")


def _git(root: Path, *args: str, stdin: bytes = b"") -> CommandResult:
    return run_command(["git", *args], cwd=root, env=git_environment(), stdin=stdin)
