"""git as a program: a scrubbed environment, NUL-separated output, `--` before paths, never a revision that looks like an option."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError, UnreadableSideError, UsageError
from mlops_kit.outside.process import CommandResult, run_command

# What git needs of the caller's world; GIT_DIR and its like would point it at another repository.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH",
         "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "GIT_CONFIG_COUNT")  # fmt: skip


def git_environment() -> dict[str, str]:
    """Return the environment in which git is started."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
        or name in _KEPT
        or name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))
    }
    return {**kept, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _git(root: Path, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> CommandResult:
    return run_command(["git", *args], cwd=root, env={**git_environment(), **(env or {})}, stdin=stdin)


def _must(root: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    result = _git(root, *args, env=env)
    if result.code != 0:
        raise OutsideError(f"git {args[0]} failed: {result.complaint}", fix="see the message of git")
    return result.text


def is_repository(root: Path) -> bool:
    """Return whether `root` lies in a git work tree."""
    return root.is_dir() and _git(root, "rev-parse", "--is-inside-work-tree").text == "true"


def is_ignored(root: Path, path: Path) -> bool:
    """Return whether the repository around `root` ignores `path`."""
    return _git(root, "check-ignore", "--quiet", "--", str(path)).code == 0


def require_repository(root: Path) -> None:
    """Raise UsageError when `root` does not lie in a git work tree."""
    if not is_repository(root):
        raise _not_in_repository(root)


def _not_in_repository(root: Path) -> UsageError:
    return UsageError(
        f"{root} is not in a git repository",
        fix="cd into one, run `git init`, or make a project: mlops-kit init NAME",
    )


def resolve(root: Path, rev: str) -> str:
    """Return the full commit id of `rev`.

    Raises UsageError for a revision that starts with `-`, UnreadableSideError for one that does not exist here.
    """
    if rev.startswith("-") or not rev.strip():
        raise UsageError(f"`{rev}` is not a revision", fix="name a branch, a tag or a commit")
    result = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if result.code != 0:
        fix = (
            "git fetch --unshallow (this clone is shallow)"
            if is_shallow(root)
            else f"git fetch origin {rev}, or check the name: git branch -a"
        )
        raise UnreadableSideError(f"revision `{rev}` does not exist in this repository", fix=fix)
    return result.text


def find_commit(root: Path, rev: str) -> str | None:
    """Return the full commit id of `rev`, None if it does not exist here."""
    try:
        return resolve(root, rev)
    except (UnreadableSideError, UsageError):
        return None


def merge_base(root: Path, one: str, other: str) -> str | None:
    """Return the best common ancestor of two commits, None if there is none here."""
    result = _git(root, "merge-base", "--", one, other)
    return result.text if result.code == 0 else None


def current_branch(root: Path) -> str | None:
    """Return the checked-out branch, None for a detached head."""
    return _git(root, "symbolic-ref", "--quiet", "--short", "HEAD").text or None


def default_branch(root: Path) -> str | None:
    """Return the default branch as a revision: what origin says, else main or master, local before remote; None if none exists."""
    named = _git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").text
    for candidate in ("main", "master", named, "origin/main", "origin/master"):
        if candidate and find_commit(root, candidate):
            return candidate
    return None


def subject(root: Path, sha: str) -> str:
    """Return the first line of a commit's message (untrusted text)."""
    return _must(root, "show", "--no-patch", "--format=%s", sha)


@dataclass(frozen=True)
class TreeListing:
    """What a commit holds below a folder."""

    files: tuple[str, ...]
    """Files, relative to the folder."""
    submodules: Mapping[str, str]
    """Folder of a submodule -> commit of it that is recorded."""


def list_tree(root: Path, sha: str) -> TreeListing:
    """Return the files and submodules of a commit below `root`, relative to `root`."""
    out = _git(root, "ls-tree", "-r", "-z", sha)
    if out.code != 0:
        raise UnreadableSideError(f"commit {sha[:12]} cannot be listed: {out.complaint}", fix="git fsck")
    entries = [
        entry.partition("\t") for entry in out.stdout.decode("utf-8", "surrogateescape").split("\0") if entry
    ]
    links = {path: head.split(" ")[2] for head, _, path in entries if head.startswith("160000")}
    return TreeListing(tuple(path for _, _, path in entries if path not in links), links)


def list_blobs(root: Path, sha: str, folder: str) -> dict[str, tuple[str, int]]:
    """Return path (relative to `root`) -> id and size of the files of a commit below `folder`, a path below `root` that ends in a slash."""
    out = _git(root, "ls-tree", "-r", "-l", "-z", sha, "--", folder).stdout.decode("utf-8", "surrogateescape")
    entries = [entry.partition("\t") for entry in out.split("\0") if entry]
    heads = [(path, head.split()) for head, _, path in entries]
    return {path: (head[2], int(head[3])) for path, head in heads if head[1] == "blob"}


def top_level(root: Path) -> Path:
    """Return the top folder of the work tree around `root`. Raises UsageError outside of one."""
    if root.is_dir():
        inside, _, top = _git(root, "rev-parse", "--is-inside-work-tree", "--show-toplevel").text.partition(
            "\n"
        )
        if inside == "true":
            return Path(top)
    raise _not_in_repository(root)


def main_work_tree(root: Path) -> Path | None:
    """Return the folder that corresponds to `root` in the main work tree, None when `root` lies in the main work tree itself."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if top is None or (top / ".git").is_dir():
        return None
    common = Path(_git(root, "rev-parse", "--path-format=absolute", "--git-common-dir").text)
    return common.parent / root.relative_to(top) if common.name == ".git" else None


def tracked_files(root: Path) -> list[str]:
    """Return the files that git tracks below `root`, relative to `root`."""
    out = _git(root, "ls-files", "-z").stdout.decode("utf-8", "surrogateescape")
    return [name for name in out.split("\0") if name]


def untracked_among(root: Path, paths: Sequence[str]) -> frozenset[str]:
    """Return those of `paths` (files below `root`) that lie in the work tree and that git does not track, ignored ones too."""
    out = _git(root, "ls-files", "-z", "--others", "--", *paths).stdout.decode("utf-8", "surrogateescape")
    return frozenset(out.split("\0")) & frozenset(paths)


def known_files(root: Path) -> list[str]:
    """Return the files below `root` that git tracks or would add (not the ignored and deleted ones), relative to `root`."""
    flags = ("--cached", "--others", "--deleted", "--exclude-standard")
    listed = _git(root, "ls-files", "-z", "-t", *flags).stdout.decode("utf-8", "surrogateescape").split("\0")
    gone = {line[2:] for line in listed if line.startswith("R ")} | {""}
    # A path in conflict is listed three times, one that is deleted as what git tracks, too.
    return [name for name in dict.fromkeys(line[2:] for line in listed) if name not in gone]


def ignored_paths(root: Path, paths: Sequence[str]) -> frozenset[str]:
    """Return those of `paths` (relative to `root`, they need not exist) that the repository ignores and does not track."""
    stdin = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    out = _git(root, "check-ignore", "-z", "--stdin", stdin=stdin).stdout if paths else b""
    return frozenset(name for name in out.decode("utf-8", "surrogateescape").split("\0") if name)


def stage_files(root: Path, paths: Sequence[str]) -> None:
    """Add files (relative to `root`) to the index. Raises OutsideError."""
    _must(root, "add", "--", *paths)


def remote_url(root: Path) -> str:
    """Return the address of origin, empty when there is none."""
    return _git(root, "config", "--get", "remote.origin.url").text


def prefix_of(root: Path) -> str:
    """Return the path of `root` inside its repository, empty or ending in a slash."""
    here = root.resolve()
    top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    if top is None:
        return _git(root, "rev-parse", "--show-prefix").text
    return "" if top == here else f"{here.relative_to(top).as_posix()}/"


def changed_paths(root: Path, base: str, head: str | None = None) -> list[str]:
    """Return the paths (relative to the repository) that differ between two commits, or between a commit and the work tree."""
    out = _git(root, "diff", "--name-only", "-z", base, *([head] if head else []), "--")
    return [name for name in out.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def is_shallow(root: Path) -> bool:
    """Return whether the clone lacks older commits."""
    return _git(root, "rev-parse", "--is-shallow-repository").text == "true"


def fetch_commit(root: Path, sha: str) -> bool:
    """Fetch one commit from origin without its history; return whether it is here now."""
    _git(root, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", sha)
    return find_commit(root, sha) is not None


def fetch_branch(root: Path, name: str) -> bool:
    """Fetch the tip of origin's branch or tag `name` without its history; return whether it is here now."""
    for kind, here in (("heads", f"refs/remotes/origin/{name}"), ("tags", f"refs/tags/{name}")):
        spec = f"+refs/{kind}/{name}:{here}"
        if _git(root, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", "--", spec).code == 0:
            return True
    return False


def deepen(root: Path, commits: int, branch: str | None = None) -> bool:
    """Fetch `commits` more commits of history of what is here, and of origin's `branch`; return whether origin answered."""
    wanted = [f"+refs/heads/{branch}:refs/remotes/origin/{branch}"] if branch else []
    return _git(root, "fetch", "--quiet", "--no-tags", f"--deepen={commits}", "origin", *wanted).code == 0


def tag_names(root: Path) -> list[str]:
    """Return the names of all tags here."""
    return _git(root, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags").text.splitlines()


def remote_tags(root: Path) -> list[str]:
    """Return the names of origin's tags; empty when it does not answer."""
    lines = _git(root, "ls-remote", "--tags", "--refs", "origin").text.splitlines()
    return [line.partition("\trefs/tags/")[2] for line in lines if "\trefs/tags/" in line]


def parents(root: Path, sha: str) -> list[str]:
    """Return the parents that a commit names, also those that a shallow clone lacks."""
    lines = _must(root, "cat-file", "commit", sha).partition("\n\n")[0].splitlines()
    return [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]


def remote_default_branch(root: Path) -> str | None:
    """Return the name of origin's default branch, asked of origin; None when it does not answer."""
    first = _git(root, "ls-remote", "--symref", "origin", "HEAD").text.partition("\n")[0]
    found = first.removeprefix("ref: refs/heads/").split("\t")[0]
    return found if first.startswith("ref: refs/heads/") else None


def init_repository(root: Path, branch: str) -> None:
    """Make `root` a git repository whose first branch is `branch`."""
    _must(root, "init", "--quiet", f"--initial-branch={branch}")


def commit_all(root: Path, message: str) -> str:
    """Commit every file below `root` that is not ignored and return the commit id.

    The user's identity is used; a neutral one where none is configured.
    """
    _must(root, "add", "--all", "--", ".")
    env: dict[str, str] = {}
    if not (_git(root, "config", "user.email").text or os.environ.get("EMAIL")):
        env = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "mlops-kit"), ("EMAIL", "mlops-kit@localhost"))
        }
    _must(root, "commit", "--quiet", "--message", message, env=env)
    return _must(root, "rev-parse", "HEAD")


def create_branch(root: Path, name: str, sha: str) -> None:
    """Make the branch `name` at a commit. Raises OutsideError when it exists."""
    _must(root, "branch", "--no-track", "--", name, sha)


def merge_file(base: str, yours: str, theirs: str, *, labels: tuple[str, str, str]) -> tuple[str, int]:
    """Merge two changes of one text by lines; return the result and the number of conflicts in it.

    Conflicts stand in the result between markers that are labelled with `labels` (yours, base, theirs), in the style of diff3.
    Nothing is read or written but temporary files. Raises OutsideError when the texts cannot be merged (binary content).
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mlops-kit-merge-") as name:
        folder = Path(name)
        for file, text in (("yours", yours), ("base", base), ("theirs", theirs)):
            (folder / file).write_bytes(text.encode("utf-8", "surrogateescape"))
        named = [part for label in labels for part in ("-L", label)]
        result = _git(folder, "merge-file", "-p", "--diff3", *named, "yours", "base", "theirs")
    if result.code > 127:
        raise OutsideError(f"git merge-file failed: {result.complaint}", fix="see the message of git")
    return result.stdout.decode("utf-8", "surrogateescape"), result.code


def root_commits(root: Path) -> list[tuple[str, str]]:
    """Return (full id, first line of the message) of the commits without a parent behind HEAD; empty without a commit."""
    out = _git(root, "log", "--max-parents=0", "-z", "--format=%H%x09%s", "HEAD")
    entries = out.stdout.decode("utf-8", "replace").split("\0") if out.code == 0 else []
    parts = [entry.partition("\t") for entry in entries if entry.strip()]
    return [(sha, message) for sha, _, message in parts]


def add_worktree(root: Path, path: Path, sha: str) -> None:
    """Check `sha` out into the new folder `path`, as a detached work tree of the same repository."""
    _must(root, "worktree", "add", "--quiet", "--detach", "--force", str(path), sha)


def remove_worktree(root: Path, path: Path) -> None:
    """Remove the work tree at `path`, whatever is in it."""
    _git(root, "worktree", "remove", "--force", "--force", str(path))
    _git(root, "worktree", "prune")


def dirty_paths(root: Path, paths: Sequence[str] = (), *, untracked: bool = True) -> list[str]:
    """Return the paths with uncommitted changes, limited to `paths` if given; untracked ones count unless told otherwise."""
    out = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--", *paths).stdout.decode(
        "utf-8", "surrogateescape"
    )
    return [
        entry[3:] for entry in out.split("\0") if len(entry) > 3 and (untracked or not entry.startswith("??"))
    ]


def short(root: Path, sha: str) -> str:
    """Return the shortest unambiguous form of a commit id, of at least ten signs."""
    return _must(root, "rev-parse", "--short=10", sha)


def upstream(root: Path, branch: str) -> tuple[str, str]:
    """Return the git remote that `branch` is pushed to and its name there; without one configured origin, else the only remote, else
    an empty text."""
    remote = _git(root, "config", "--get", f"branch.{branch}.remote").text
    if remote and remote != ".":
        name = _git(root, "config", "--get", f"branch.{branch}.merge").text.removeprefix("refs/heads/")
        return remote, name or branch
    remotes = _git(root, "remote").text.splitlines()
    return ("origin" if "origin" in remotes else remotes[0] if len(remotes) == 1 else ""), branch


def push_branch(root: Path, remote: str, branch: str, name: str) -> None:
    """Push `branch` as `name` to `remote`; its first push makes that its upstream. Raises OutsideError with git's words."""
    new = not _git(root, "config", "--get", f"branch.{branch}.remote").text
    flags = ["--set-upstream"] if new else []
    result = _git(root, "push", "--quiet", *flags, "--", remote, f"refs/heads/{branch}:refs/heads/{name}")
    if result.code != 0:
        words = result.stderr.decode("utf-8", "replace").strip().splitlines()
        told = next((line for line in words if "rejected" in line or "fatal" in line or "error" in line), "")
        raise OutsideError(
            f"the data is on the remote, git was not pushed: {(told or result.complaint).strip()}",
            fix="see git's message; after `git pull`, mlops-kit push again",
        )


def configured_path(root: Path, name: str) -> Path | None:
    """Return the path that git's setting `name` holds, with `~` resolved, None when it is not set."""
    value = _git(root, "config", "--type=path", "--get", name).text
    return Path(value) if value else None


def setting(root: Path, name: str) -> str | None:
    """Return what git's setting `name` holds, None when it is not set."""
    return _git(root, "config", "--get", name).text or None


def set_here(root: Path, name: str, value: str) -> None:
    """Set git's setting `name` for this clone alone. Raises OutsideError."""
    _must(root, "config", "--local", name, value)
