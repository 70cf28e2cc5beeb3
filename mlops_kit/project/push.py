"""`mlops-kit push`: data first, verified to be on the remote object by object, and only then git."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.examine import FaultKind, Finding
from mlops_kit.artifacts.inventory import Inventory, read_inventory
from mlops_kit.artifacts.places import Places, Remote, read_places
from mlops_kit.artifacts.remote_runs import PortableRun, portable_runs
from mlops_kit.artifacts.remote_store import fetch_objects
from mlops_kit.artifacts.scope import Scope, find_scope
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.uploads import Uploads, is_named
from mlops_kit.errors import OutsideError, RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.project.mending import Mender

_SHOWN = 5


@dataclass(frozen=True)
class PushOptions:
    """What to push where."""

    remote: str = ""
    """The DVC remote; the default one when empty."""
    git: bool = True
    """Whether git is pushed too."""
    check: bool = False
    """Only say whether everything is on the remote; transfer nothing."""
    runs: bool = True
    """Whether the run cache is pushed too: what was computed here and what it gave, so that nobody computes it again."""


@dataclass(frozen=True)
class PushReport:
    """What a push did."""

    objects: int
    """Objects that locks name and that are known to be on the remote now."""
    uploaded: tuple[str, ...] = ()
    """Paths whose content was uploaded."""
    replaced: tuple[str, ...] = ()
    """Paths of which the remote had wrong content; that is in quarantine now."""
    runs: int = 0
    """Entries of the run cache that were uploaded with all that they name."""
    bytes: int = 0
    """Bytes that were uploaded."""
    branch: str = ""
    """What git pushed, `main -> origin/main`; empty when git was not asked."""


@dataclass(frozen=True)
class PushWatch:
    """Whom a push tells what it does."""

    on_line: Callable[[str], None] = lambda line: None
    """Hears what else is worth a line."""
    on_total: Callable[[int, int], None] = lambda files, size: None
    """Hears how many files and bytes there are to upload."""
    on_file: Callable[[str, int], None] = lambda name, size: None
    """Hears of each file that was uploaded, with its bytes."""


def push_project(root: Path, options: PushOptions, watch: PushWatch | None = None) -> PushReport:
    """Upload what the locks name and the remote lacks, then the run cache, verify that all of it is there, then push the current branch.

    Of a remote that is a folder the content is verified, of others the size. A push that was cut off goes on where it was: a folder's
    listing is uploaded after its files, an entry of the run cache after what it names. Raises RefusedError before anything is uploaded when
    content is damaged or nowhere, OutsideError when the remote or git does not take it; git is not pushed then.
    """
    destination = _destination(root) if options.git and not options.check else None
    memory = StatCache(root)
    try:
        report = _Pusher(root, options, memory, watch or PushWatch()).push()
    finally:
        memory.save()
    if destination is None:
        return report
    git.push_branch(root, *destination)
    return replace(report, branch=f"{destination[1]} -> {destination[0]}/{destination[2]}")


def _destination(root: Path) -> tuple[str, str, str]:
    """Return git's remote, the current branch, and its name there. Raises UsageError when there is none."""
    branch = git.current_branch(root)
    if branch is None:
        raise UsageError(
            "no branch is checked out, so git has nothing to push",
            fix="git switch -c NAME, or push the data alone: mlops-kit push --no-git",
        )
    remote, name = git.upstream(root, branch)
    if not remote:
        raise UsageError(
            "git has no remote to push to",
            fix="git remote add origin URL, or push the data alone: mlops-kit push --no-git",
        )
    return remote, branch, name


class _Pusher:
    def __init__(self, root: Path, options: PushOptions, memory: StatCache, watch: PushWatch) -> None:
        self._root = root
        self._options = options
        self._memory = memory
        self._watch = watch
        self._places: Places = read_places(root)
        self._evidence = read_evidence(root)
        self._inventory = read_inventory(root)
        self._scope = self._find_scope()
        self._runs: list[PortableRun] = []

    def push(self) -> PushReport:
        with closing(Uploads(self._root, self._places, self._memory, self._watch.on_file)) as uploads:
            wanted = {
                digest: remotes
                for digest, named in self._scope.objects.items()
                if (remotes := {self._remote(name, named.label).name for name in named.remotes})
            }
            lacking = uploads.lacking(wanted, self._sha256)
            self._refuse_what_is_wrong_here(lacking)
            if self._options.check:
                self._refuse_what_is_not_there(lacking)
                return PushReport(len(wanted))
            runs = self._new_runs(uploads) if self._options.runs else []
            extra = self._of_runs(runs, wanted)
            both = {**lacking, **uploads.lacking(extra, self._sha256)}
            replaced = self._replace(uploads.wrong)
            missing = {digest: names for digest, names in both.items() if digest not in uploads.wrong}
            self._watch.on_total(len(missing) + 2 * len(runs), uploads.size(missing))
            uploads.send_objects(missing)
            still = uploads.lacking(uploads.wrong, self._sha256, again=True)
            if still:
                raise OutsideError(
                    f"the remote still lacks {_some(self._labels(still))}; git was not pushed",
                    fix="see that the remote can be written to and is not full, then mlops-kit push",
                )
            if runs:
                uploads.send_runs(self._remote("", "the run cache").name, runs)
        return PushReport(
            len(wanted), tuple(self._labels(lacking)), tuple(replaced), len(runs), uploads.bytes
        )

    def _find_scope(self) -> Scope:
        inventories = [self._inventory]
        if self._options.git and git.find_commit(self._root, "HEAD") is not None:
            committed = read_inventory(self._root, "HEAD")
            inventories += [committed] if committed.outs != self._inventory.outs else []
        self._refuse_what_is_not_understood(inventories)
        places = [self._places.cache, *(remote.place for remote in self._places.remotes if remote.place)]
        scope = find_scope(self._root, inventories, self._evidence, places)
        unknown = [d for d in scope.objects if d.endswith(".dir") and d not in scope.folders]
        if unknown and any(remote.place is None for remote in self._places.remotes):
            fetch_objects(self._root, unknown)  # listings alone: they say what else must be there
            scope = find_scope(self._root, inventories, self._evidence, places)
        return scope

    def _refuse_what_is_not_understood(self, inventories: Iterable[Inventory]) -> None:
        problems = [problem for inventory in inventories for problem in inventory.problems]
        if problems:
            raise RefusedError(f"not pushed: {problems[0]}", fix="mend the file; then mlops-kit push")

    def _remote(self, name: str, label: str) -> Remote:
        wanted = name or self._options.remote
        remote = self._places.remote(wanted)
        if remote is None:
            missing = f"remote `{wanted}` is not configured" if wanted else "no DVC remote is configured"
            raise RefusedError(
                f"not pushed: {missing}, so {label} would stay on this machine alone",
                fix=f"dvc remote add {'' if wanted else '--default '}{shlex.quote(wanted or 'NAME')} URL",
            )
        if remote.versioned:
            raise RefusedError(
                f"not pushed: the remote `{remote.name}` keeps versions of files by path, which DVC alone can write",
                fix="dvc push && git push",
            )
        return remote

    def _refuse_what_is_wrong_here(self, lacking: Mapping[str, set[str]]) -> None:
        """Refuse to upload content that is damaged in the cache, or that is nowhere."""
        found = {digest: self._places.cache.find(digest) for digest in lacking}
        self._memory.warm(path for path in found.values() if path is not None)
        damaged = self._labels(
            digest
            for digest, path in found.items()
            if path is not None and not is_named(path, digest, self._sha256(digest), self._memory)
        )
        if damaged:
            raise RefusedError(
                f"not pushed: {_some(damaged)} {'is' if len(damaged) == 1 else 'are'} damaged in the cache, and the remote would get that",
                fix="mlops-kit fsck --repair",
            )
        gone = self._labels(digest for digest, path in found.items() if path is None)
        if gone:
            raise RefusedError(
                f"not pushed: {_some(gone)} {'is' if len(gone) == 1 else 'are'} neither in the cache nor on the remote",
                fix="mlops-kit fsck --repair, or mlops-kit run",
            )

    def _refuse_what_is_not_there(self, lacking: Mapping[str, set[str]]) -> None:
        if lacking:
            raise RefusedError(
                f"{len(lacking)} objects that dvc.lock names are not on the remote: {_some(self._labels(lacking))}",
                fix="mlops-kit push (or mlops-kit push --no-git for the data alone)",
            )

    def _new_runs(self, uploads: Uploads) -> list[PortableRun]:
        """Return the runs that the remote does not have, of those whose outputs are whole here."""
        runs = list(portable_runs(self._places.cache, read_pipelines(self._root)))
        new = uploads.new_runs(self._remote("", "the run cache").name, runs) if runs else []
        found = {
            d: path for run in new for d in run.objects if (path := self._places.cache.find(d)) is not None
        }
        self._memory.warm(found.values())
        whole = {
            digest
            for digest, path in found.items()
            if is_named(path, digest, self._sha256(digest), self._memory)
        }
        return [run for run in new if whole.issuperset(run.objects)]

    def _of_runs(self, runs: Iterable[PortableRun], wanted: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Return what runs name beside what the locks do, with the remotes that should have it."""
        extra: dict[str, set[str]] = {}
        for run in runs:
            for digest, name in run.objects.items():
                remote = self._remote(name, run.stage).name
                if remote not in wanted.get(digest, ()):
                    extra.setdefault(digest, set(wanted.get(digest, ()))).add(remote)
        return extra

    def _replace(self, wrong: Mapping[str, set[str]]) -> list[str]:
        """Move what is there and wrong out of the way, upload it again, and return the paths that it is known by."""
        mender = Mender(
            self._root, self._inventory, self._scope, self._evidence, self._places, self._watch.on_line
        )
        findings = []
        for digest, names in wrong.items():
            for name in sorted(names):
                remote = self._places.remote(name)
                path = remote.place.find(digest) if remote and remote.place else None
                label = self._label(digest)
                findings.append(Finding(FaultKind.DAMAGED, name, label, digest, file=str(path or "")))
        mender.mend(findings)
        return self._labels(wrong)

    def _sha256(self, digest: str) -> str:
        named = self._scope.objects.get(digest)
        return named.sha256 if named else ""

    def _label(self, digest: str) -> str:
        named = self._scope.objects.get(digest)
        return named.label if named else digest

    def _labels(self, digests: Iterable[str]) -> list[str]:
        return sorted(map(self._label, digests))


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
