"""A proposal of new data: acquired and committed where nothing may be written, then pushed and opened where nothing foreign is read.

The commit goes from one job to the other as a git bundle. The second job takes it only if it is one commit on top of the branch that
it is for, and changes nothing but records of data: a hostile source that got hold of the first job changes no code through the second.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.artifacts.datadocs import MANIFEST
from mlops_kit.compare.model import Comparison
from mlops_kit.errors import ExitCode, RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.outside.git_proposal import (
    changed_entries,
    commit_paths,
    fetch_tip,
    message_of,
    set_branch,
    take_bundle,
    write_bundle,
)
from mlops_kit.project.acquire.model import AcquireOptions, AcquireReport, AcquireWatcher
from mlops_kit.project.acquire.session import acquire_project
from mlops_kit.project.arrivals import Arrivals, check_arrivals
from mlops_kit.project.compare import compare_commits
from mlops_kit.project.push import PushOptions, push_project
from mlops_kit.report.data_text import data_lines, data_title

BRANCH = "mlops/acquire"
TRAILER = "Proposed-by: mlops-kit ci acquire"
BUNDLE = "commit.bundle"
REPORT = "report.json"
RECORDS = ("dvc.lock", ".gitignore")
EVIDENCE = ".mlops/evidence.json"


@dataclass(frozen=True)
class Prepared:
    """What acquiring for a proposal came to."""

    comparison: Comparison
    """What is new; its notes say what does not fit the contract, and what a source has rewritten."""
    sha: str
    """The commit; empty when there is nothing new."""
    code: ExitCode
    """0, 5 when what came breaks the contract, 7 when a source rewrote what was recorded."""


@dataclass(frozen=True)
class Proposal:
    """A commit that may be pushed."""

    sha: str
    """The commit."""
    expected: str | None
    """Where the branch is now; None when there is none."""


def prepare_proposal(
    root: Path, out: Path, variables: Mapping[str, str], watcher: AcquireWatcher | None = None
) -> Prepared:
    """Acquire on the branch of proposals, commit, push the data, and write the commit as a bundle into `out`.

    The branch has one commit on top of the one that is checked out: an open proposal is added to, and made anew when the branch that it is
    for has moved on. `variables` let git read from the host. Raises RefusedError when the work tree has changes, when the branch holds
    somebody's work, or when data cannot be pushed.
    """
    dirty = git.dirty_paths(root)
    if dirty:
        raise RefusedError(
            f"{len(dirty)} files are not committed ({', '.join(dirty[:3])})", fix="git commit or git stash"
        )
    base = git.resolve(root, "HEAD")
    tip = _own_tip(root, base, variables)
    goes_on = tip is not None and git.parents(root, tip) == [base]
    set_branch(root, BRANCH, tip if goes_on and tip else base)
    acquired = acquire_project(root, AcquireOptions(), watcher)
    arrivals = check_arrivals(root, acquired)
    code = acquired.exit_code or (ExitCode.OK if arrivals.fit else ExitCode.BAD_DATA)
    fresh = _records(root)
    (out / BUNDLE).unlink(missing_ok=True)
    if not fresh:
        made = compare_commits(root, base, "HEAD", data="summary")
        return Prepared(_with_notes(made, acquired, arrivals), "", code)
    commit_paths(root, fresh, f"Acquire new data\n\n{TRAILER}", amend=goes_on)
    made = compare_commits(root, base, "HEAD")
    words = "\n".join(f"- {line}" for line in data_lines(made))
    sha = commit_paths(root, fresh, f"{data_title(made)}\n\n{words}\n\n{TRAILER}", amend=True)
    push_project(root, PushOptions(git=False))
    write_bundle(root, out / BUNDLE, base, BRANCH)
    return Prepared(_with_notes(made, acquired, arrivals), sha, code)


def take_proposal(root: Path, folder: Path, variables: Mapping[str, str]) -> Proposal | None:
    """Return the proposal in `folder`, checked; None when it holds none, because nothing was new.

    Raises RefusedError for a commit that is not on top of the one checked out, or that changes anything but records of data.
    """
    path = folder / BUNDLE
    if not (folder / REPORT).is_file():
        raise UsageError(f"{folder / REPORT}: no such file", fix="see the log of the job that acquires")
    if not path.is_file():
        return None
    base = git.resolve(root, "HEAD")
    sha = take_bundle(root, path, BRANCH)
    if git.parents(root, sha) != [base]:
        raise RefusedError(
            f"{sha[:12]} is not one commit on top of {base[:12]}", fix="run the workflow again"
        )
    wrong = [path for mode, path in changed_entries(root, base, sha) if not _is_record(mode, path)]
    if wrong:
        raise RefusedError(
            f"the proposal changes {', '.join(wrong[:3])}, and new data changes manifests and dvc.lock alone",
            fix="look at what the source sent before you run anything of it",
        )
    return Proposal(sha, _own_tip(root, base, variables))


def _own_tip(root: Path, base: str, variables: Mapping[str, str]) -> str | None:
    """Return the tip of the branch of proposals, None without one. Raises RefusedError when it is not a proposal alone."""
    tip = fetch_tip(root, BRANCH, variables)
    if tip is None or tip == base:
        return tip
    if TRAILER not in message_of(root, tip) or len(git.parents(root, tip)) != 1:
        raise RefusedError(
            f"the branch {BRANCH} holds a commit that is no proposal of new data ({tip[:12]})",
            fix=f"merge its pull request, or delete the branch: git push origin --delete {BRANCH}",
        )
    return tip


def _records(root: Path) -> list[str]:
    """Return the files that acquiring has changed. Raises RefusedError when it has changed others."""
    dirty = git.dirty_paths(root)
    other = [path for path in dirty if not _is_record("100644", path)]
    if other:
        raise RefusedError(
            f"acquiring changed {', '.join(other[:3])} too: generated files are not up to date",
            fix="mlops-kit generate, and commit that first",
        )
    return dirty


def _is_record(mode: str, path: str) -> bool:
    name = posixpath.basename(path)
    return mode == "100644" and (name in RECORDS or name.endswith(MANIFEST) or path == EVIDENCE)


def _with_notes(made: Comparison, acquired: AcquireReport, arrivals: Arrivals) -> Comparison:
    notes = [*arrivals.words]
    notes += [f"{stage.stage}: {problem}" for stage in acquired.stages for problem in stage.problems]
    for stage in acquired.stages:
        names = ", ".join(old.partition for old, _ in stage.rewritten[:5])
        if names:
            notes.append(
                f"{stage.stage}: the source has rewritten {names}; what was recorded is kept. "
                f"To take the new version: mlops-kit acquire {stage.stage} --accept-rewrite NAME"
            )
        if stage.gone:
            gone = ", ".join(line.partition for line in stage.gone[:5])
            notes.append(f"{stage.stage}: no longer at the source, and kept: {gone}")
    return replace(made, notes=(*notes, *made.notes))
