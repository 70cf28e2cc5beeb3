"""A repository's history in two git processes, however long it is: one lists commits, one hands out objects."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError, UnreadableSideError, UsageError
from mlops_kit.outside.git import git_environment
from mlops_kit.outside.process import run_command

_FIELDS = ("%H", "%T", "%P", "%cI", "%D", "%s")


@dataclass(frozen=True)
class Place:
    """Where in which repository a folder is."""

    prefix: str
    """Path of the folder inside the repository, empty or ending in a slash."""
    shallow: bool
    """Whether the clone lacks older commits."""
    head: str
    """Full commit id of HEAD; empty before the first commit."""
    branch: str
    """Checked-out branch; empty for a detached head."""


@dataclass(frozen=True)
class Commit:
    """One commit as the log lists it."""

    sha: str
    """Full commit id."""
    tree: str
    """Id of its root tree."""
    parents: tuple[str, ...]
    """Full ids; none for a first commit and at a shallow boundary."""
    date: str
    """Commit date, ISO 8601 with its time zone."""
    refs: tuple[str, ...] = ()
    """Full names of what points at it: `refs/heads/main`, `refs/tags/v1`; `HEAD` too when it is detached."""
    subject: str = ""
    """First line of the message (untrusted text)."""


@dataclass(frozen=True)
class Walk:
    """Which commits to list."""

    revisions: tuple[str, ...] = ("HEAD",)
    """Revisions and ranges as git knows them: `HEAD`, `main..topic`, `^v1`."""
    refs: tuple[str, ...] = ()
    """What else to start from: `branches`, `remotes`, `tags`."""
    tips_only: bool = False
    """List what is named itself, not its ancestors."""
    first_parent: bool = True
    """Follow the first parent of merges only."""
    since: str = ""
    """Only commits after this date, in git's words (`2 weeks ago`); empty for all."""


def locate(root: Path) -> Place:
    """Return where `root` is.

    Raises UsageError when it does not lie in a git work tree, OutsideError when git refuses the repository.
    """
    missing = UsageError(
        f"{root} is not in a git repository",
        fix="cd into one, run `git init`, or make a project: mlops-kit init NAME",
    )
    if not root.is_dir():
        raise missing
    asked = ("--is-inside-work-tree", "--is-shallow-repository", "--show-prefix", "HEAD")
    done = run_command(
        ["git", "rev-parse", *asked, "--symbolic-full-name", "HEAD"], cwd=root, env=git_environment()
    )
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    if lines[0] != "true":
        refused = done.code != 0 and "not a git repository" not in done.stderr.decode("utf-8", "replace")
        raise OutsideError(f"git refuses {root}: {done.complaint}", fix="git status") if refused else missing
    born = done.code == 0  # HEAD names no commit before the first one
    branch = lines[4].removeprefix("refs/heads/") if born and lines[4].startswith("refs/heads/") else ""
    return Place(lines[2], lines[1] == "true", lines[3] if born else "", branch)


def check_revision(text: str) -> str:
    """Return `text` when it can be given to git as a revision or range. Raises UsageError otherwise."""
    if text.startswith("-") or not text.strip() or any(sign in text for sign in "\0\n\r"):
        raise UsageError(
            f"`{text}` is not a revision or range", fix="for example --rev main..HEAD, or --rev v1.0"
        )
    return text


def walk_commits(root: Path, walk: Walk) -> Generator[Commit]:
    """Yield the commits of `walk`, newest first and children before their parents, while git still lists them.

    Closing the iterator ends git. Raises UnreadableSideError for a revision that does not exist here.
    """
    process = subprocess.Popen(
        ["git", "log", *_options(walk)],
        cwd=root,
        env=git_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield from _commits(process)
        _check_end(process, walk)
    finally:
        process.terminate()
        process.communicate()


def _options(walk: Walk) -> list[str]:
    order = (
        "--no-walk=sorted" if walk.tips_only else "--first-parent" if walk.first_parent else "--date-order"
    )
    return [
        *("-z", "--no-color", "--no-show-signature", "--encoding=UTF-8", "--decorate=full", order),
        f"--format={'%x00'.join(_FIELDS)}",
        *([f"--since={walk.since}"] if walk.since else []),
        *(f"--{kind}" for kind in walk.refs),
        *("--end-of-options", *(check_revision(name) for name in walk.revisions), "--"),
    ]


def _commits(process: subprocess.Popen[bytes]) -> Iterator[Commit]:
    assert process.stdout is not None
    left, fields = b"", list[bytes]()
    while chunk := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
        *complete, left = (left + chunk).split(b"\0")
        fields += complete
        whole = len(fields) - len(fields) % len(_FIELDS)
        for start in range(0, whole, len(_FIELDS)):
            yield _commit(fields[start : start + len(_FIELDS)])
        del fields[:whole]


def _commit(fields: Sequence[bytes]) -> Commit:
    sha, tree, parents, date, refs, subject = (field.decode("utf-8", "replace") for field in fields)
    return Commit(sha, tree, tuple(parents.split()), date, _ref_names(refs), subject)


def _ref_names(decoration: str) -> tuple[str, ...]:
    """Return full names from `HEAD -> refs/heads/main, tag: refs/tags/v1`; a name holds no space, so nothing is ambiguous."""
    names = [part.removeprefix("HEAD -> ").removeprefix("tag: ") for part in decoration.split(", ")]
    shown = ("refs/heads/", "refs/tags/", "refs/remotes/")
    return tuple(
        name for name in names if name == "HEAD" or (name.startswith(shown) and not name.endswith("/HEAD"))
    )


def _check_end(process: subprocess.Popen[bytes], walk: Walk) -> None:
    _, complaints = process.communicate()
    if process.returncode:
        lines = complaints.decode("utf-8", "replace").strip().splitlines() or ["git log failed"]
        raise UnreadableSideError(
            f"the history of {', '.join(walk.revisions)} cannot be read: {lines[0]}",
            fix="check the names: git branch -a, git tag; or git fetch",
        )


def tracked_pipelines(root: Path) -> list[str]:
    """Return the dvc.yaml, dvc.lock and .dvc/config files that git tracks below `root`, relative to `root`."""
    asked = (":(glob)**/dvc.yaml", ":(glob)**/dvc.lock", ":(glob)**/.dvc/config")
    done = run_command(["git", "ls-files", "-z", "--", *asked], cwd=root, env=git_environment())
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def file_versions(root: Path, rev: str, name: str) -> list[tuple[str, str]]:
    """Return (path in the repository, blob id) of every version that files called `name` below `root` had in the history of `rev`.

    Each is listed once. Raises UnreadableSideError when `rev` does not exist here.
    """
    # Not `rev-list --objects`, which does not look for a pattern in folders. `-m`: a merge may hold what neither side had.
    how = (
        "--raw",
        "-z",
        "-m",
        "--full-history",
        "--no-abbrev",
        "--no-renames",
        "--no-show-signature",
        "--format=",
    )
    asked = ("--end-of-options", check_revision(rev), "--", f":(glob)**/{name}")
    done = run_command(["git", "log", *how, *asked], cwd=root, env=git_environment())
    if done.code != 0:
        raise UnreadableSideError(f"the history of {rev} cannot be read: {done.complaint}", fix="git fetch")
    words = [word for word in done.stdout.decode("utf-8", "surrogateescape").split("\0") if word]
    # `:mode mode id id status`, then the path; an id of zeros is a deletion.
    changes = [(path, change.split(" ")[3]) for change, path in zip(words[::2], words[1::2], strict=True)]
    return [(path, blob) for path, blob in dict.fromkeys(changes) if blob.strip("0")]
