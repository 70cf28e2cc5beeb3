"""`mlops-kit push`: data first, verified to be on the remote object by object, and only then git."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.examine import FaultKind, Finding
from mlops_kit.artifacts.inventory import Inventory, read_inventory
from mlops_kit.artifacts.places import Places, Remote, is_content, read_places
from mlops_kit.artifacts.scope import NamedObject, Scope, find_scope
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.errors import OutsideError, RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.outside.dvc import fetch_objects, push_data
from mlops_kit.outside.remote_objects import stat_objects
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


@dataclass(frozen=True)
class PushReport:
    """What a push did."""

    objects: int
    """Objects that are known to be on the remote now."""
    uploaded: tuple[str, ...] = ()
    """Paths whose content was uploaded."""
    again: tuple[str, ...] = ()
    """Those of them that DVC left out though it ended without an error."""
    branch: str = ""
    """What git pushed, `main -> origin/main`; empty when git was not asked."""


def push_project(
    root: Path, options: PushOptions, *, on_line: Callable[[str], None] = lambda line: None
) -> PushReport:
    """Upload what the locks name and the remote lacks, verify that all of it is there, then push the current branch.

    Of a remote that is a folder the content is verified, of others the size. Raises RefusedError before anything is uploaded when
    content is damaged or nowhere, OutsideError when the remote or git does not take it; git is not pushed then.
    """
    destination = _destination(root) if options.git and not options.check else None
    memory = StatCache(root)
    try:
        pusher = _Pusher(root, options, memory, on_line)
        report = pusher.push()
    finally:
        memory.save()
    if destination is None:
        return report
    git.push_branch(root, *destination)
    branch = f"{destination[1]} -> {destination[0]}/{destination[2]}"
    return PushReport(report.objects, report.uploaded, report.again, branch)


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
    def __init__(
        self, root: Path, options: PushOptions, memory: StatCache, on_line: Callable[[str], None]
    ) -> None:
        self._root = root
        self._options = options
        self._memory = memory
        self._on_line = on_line
        self._places: Places = read_places(root)
        self._evidence = read_evidence(root)
        self._inventory = read_inventory(root)
        self._scope = self._find_scope()

    def push(self) -> PushReport:
        wanted = {
            digest: remotes
            for digest, named in self._scope.objects.items()
            if (remotes := {self._remote(name, named).name for name in named.remotes})
        }
        damaged = [
            named.label for digest in wanted if self._is_wrong_here(named := self._scope.objects[digest])
        ]
        if damaged:
            raise RefusedError(
                f"not pushed: {_some(damaged)} {'is' if len(damaged) == 1 else 'are'} damaged in the cache, and the remote would get that",
                fix="mlops-kit fsck --repair",
            )
        lacking = self._lacking(wanted)
        self._refuse_what_is_nowhere(lacking)
        if not lacking:
            return PushReport(len(wanted))
        labels = self._labels(lacking)
        if self._options.check:
            raise RefusedError(
                f"{len(lacking)} objects that dvc.lock names are not on the remote: {_some(labels)}",
                fix="mlops-kit push (or mlops-kit push --no-git for the data alone)",
            )
        for remote in {name for names in lacking.values() for name in names}:
            push_data(
                self._root, remote, on_line=self._on_line
            )  # its exit code says little, so the remote is asked instead
        left = self._lacking(lacking)
        if left:
            self._upload(left)
        still = self._lacking(left)
        if still:
            raise OutsideError(
                f"the remote still lacks {_some(self._labels(still))}; git was not pushed",
                fix="see that the remote can be written to and is not full, then mlops-kit push",
            )
        return PushReport(len(wanted), tuple(labels), tuple(self._labels(left)))

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

    def _remote(self, name: str, named: NamedObject) -> Remote:
        wanted = name or self._options.remote
        remote = self._places.remote(wanted)
        if remote is None:
            missing = f"remote `{wanted}` is not configured" if wanted else "no DVC remote is configured"
            raise RefusedError(
                f"not pushed: {missing}, so {named.label} would stay on this machine alone",
                fix=f"dvc remote add {'' if wanted else '--default '}{shlex.quote(wanted or 'NAME')} URL",
            )
        return remote

    def _is_wrong_here(self, named: NamedObject) -> bool:
        path = self._places.cache.find(named.digest)
        return path is not None and not self._is_whole(path, named)

    def _is_whole(self, path: Path, named: NamedObject) -> bool:
        try:
            found = self._memory.hash(path)
            if named.sha256 and found.md5 == named.digest and found.sha256 != named.sha256:
                return False
            return is_content(path, found, named.digest)
        except OSError:
            return False

    def _lacking(self, wanted: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Return digest -> remotes that do not have it whole."""
        lacking: dict[str, set[str]] = {}
        for remote in self._places.remotes:
            digests = [digest for digest, names in wanted.items() if remote.name in names]
            for digest in self._lacks(remote, digests):
                lacking.setdefault(digest, set()).add(remote.name)
        return lacking

    def _lacks(self, remote: Remote, digests: list[str]) -> list[str]:
        if remote.place is not None:
            found = {digest: remote.place.find(digest) for digest in digests}
            return [
                digest
                for digest, path in found.items()
                if path is None or not self._is_whole(path, self._scope.objects[digest])
            ]
        there = stat_objects(self._root, remote.name, digests)
        return [
            digest
            for digest in digests
            if digest not in there or self._other_size(digest, there[digest].size)
        ]

    def _other_size(self, digest: str, size: int) -> bool:
        path = self._places.cache.find(digest)
        return path is not None and size >= 0 and path.stat().st_size != size

    def _refuse_what_is_nowhere(self, lacking: Mapping[str, set[str]]) -> None:
        gone = [self._scope.objects[d].label for d in lacking if self._places.cache.find(d) is None]
        if gone:
            raise RefusedError(
                f"not pushed: {_some(gone)} {'is' if len(gone) == 1 else 'are'} neither in the cache nor on the remote",
                fix="mlops-kit fsck --repair, or mlops-kit run",
            )

    def _upload(self, left: Mapping[str, set[str]]) -> None:
        """Upload object by object what DVC left out; what is there and wrong is moved out of the way first."""
        mender = Mender(self._root, self._inventory, self._scope, self._evidence, self._places, self._on_line)
        findings = []
        for digest, names in left.items():
            named = self._scope.objects[digest]
            for name in sorted(names):
                remote = self._places.remote(name)
                wrong = remote.place.find(digest) if remote and remote.place else None
                kind = FaultKind.DAMAGED if wrong else FaultKind.MISSING
                findings.append(Finding(kind, name, named.label, digest, file=str(wrong or "")))
        mender.mend(findings)

    def _labels(self, digests: Iterable[str]) -> list[str]:
        return sorted(self._scope.objects[digest].label for digest in digests)


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
