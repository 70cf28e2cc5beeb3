"""Re-hashing everything that locks name, wherever it lies, and saying what is not what its name says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mlops_kit.artifacts.evidence import Evidence, folder_files
from mlops_kit.artifacts.hashing import FileHash, fold_folder, hash_files
from mlops_kit.artifacts.hidden_edits import recorded_evidence
from mlops_kit.artifacts.inventory import Inventory, Recorded
from mlops_kit.artifacts.places import Place, Places, Remote, is_content
from mlops_kit.artifacts.remote_digests import hash_objects
from mlops_kit.artifacts.scope import NamedObject, Scope
from mlops_kit.artifacts.statcache import StatCache, stamp_of
from mlops_kit.outside.remote_objects import RemoteObject

WORK_TREE = "work tree"


class FaultKind(StrEnum):
    """What can be wrong."""

    DAMAGED = "damaged"
    MISSING = "missing"
    CHANGED = "changed"
    TWIN = "MD5 twin"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Finding:
    """One thing that is not what it should be."""

    kind: FaultKind
    place: str
    """`work tree`, `cache`, or the name of a remote."""
    path: str
    """The path that names the content, below the root; the MD5 where nothing names it."""
    digest: str
    """What it should be."""
    stage: str = ""
    """The stage or .dvc file that names it."""
    file: str = ""
    """Where it lies or should lie."""
    detail: str = ""
    """What else is known."""


@dataclass(frozen=True)
class Examination:
    """What a check found."""

    findings: tuple[Finding, ...]
    absent: tuple[str, ...] = ()
    """Paths whose content is not on this machine but on a remote, as in a clone without its data."""
    files: int = 0
    """Files that were read."""
    bytes: int = 0
    """Their size together."""


@dataclass
class Examiner:
    """Goes through work tree, cache and remotes."""

    root: Path
    inventory: Inventory
    scope: Scope
    evidence: Evidence
    places: Places
    memory: StatCache
    trust: bool = False
    """Whether files whose stamp is known are not read again."""
    remote: bool = False
    """Whether the remotes are gone through as well."""
    everything: bool = False
    """Whether objects that nothing names count too."""
    on_total: Callable[[int], None] = lambda count: None
    on_bytes: Callable[[int], None] = lambda count: None
    seen: dict[str, dict[str, RemoteObject]] = field(default_factory=dict)
    """Remote behind a network -> objects on it that were whole a moment ago; they are not downloaded again."""
    _hashes: dict[Path, FileHash | OSError] = field(default_factory=dict)
    _fetched: dict[str, Mapping[str, RemoteObject]] = field(default_factory=dict)

    def examine(self) -> Examination:
        """Read everything once and return what was found. Raises OutsideError when a remote does not answer."""
        wanted = list(dict.fromkeys(self._to_read()))
        self._hash(wanted)
        absent: list[str] = []
        findings = [*self._work_tree(), *self._cache(absent)]
        for remote in self.remotes():
            if remote.place is None:
                self._fetch(remote)
            findings += self._remote(remote)
        sizes = [found.size for found in self._hashes.values() if isinstance(found, FileHash)]
        sizes += [found.size for objects in self._fetched.values() for found in objects.values()]
        return Examination(tuple(dict.fromkeys(findings)), tuple(sorted(absent)), len(sizes), sum(sizes))

    def remotes(self) -> list[Remote]:
        """Return the remotes that the check is about."""
        if not self.remote:
            return []
        names = {
            name or self.places.default for named in self.scope.objects.values() for name in named.remotes
        }
        return [remote for remote in self.places.remotes if remote.name in names]

    def _to_read(self) -> Iterator[Path]:
        for item in self._items():
            yield from (path for path, _ in self._parts(item))
        local = [self.places.cache, *(remote.place for remote in self.remotes() if remote.place)]
        for place in local:
            yield from (path for digest in self.scope.objects if (path := place.find(digest)))
            if self.everything:
                yield from (path for _, path in place.objects())

    def _items(self) -> Iterable[Recorded]:
        seen: dict[tuple[str, str, bool], Recorded] = {}
        outs = {out.path for out in self.inventory.outs}
        for item in (*self.inventory.outs, *self.inventory.deps):
            seen.setdefault((item.path, item.digest, item.path in outs), item)
        return seen.values()

    def _parts(self, item: Recorded) -> list[tuple[Path, str]]:
        """Return the files of an input or output that are in the work tree, each with its MD5, empty where it is not known."""
        path = self.root / item.path
        if path.is_file():
            return [(path, item.digest)]
        if not path.is_dir():
            return []
        known = self.scope.folders.get(item.digest)
        names = known if known is not None else dict.fromkeys(folder_files(path), "")
        return [(path / name, digest) for name, digest in names.items()]

    def _hash(self, paths: list[Path]) -> None:
        fresh: list[Path] = []
        for path in paths:
            known = self.memory.lookup(path) if self.trust else None
            if known is None:
                fresh.append(path)
            else:
                self._hashes[path] = known
        stamps = {path: stamp_of(path) for path in fresh}
        self.on_total(sum(stamp.size for stamp in stamps.values() if stamp))
        now = time.time_ns()
        for path, found in hash_files([path for path in fresh if stamps[path]], on_bytes=self.on_bytes):
            self._hashes[path] = found
            if isinstance(found, FileHash):
                self.memory.learn(path, stamps[path], found, now)

    def _work_tree(self) -> Iterator[Finding]:
        outs = {(out.path, out.digest) for out in self.inventory.outs}
        for item in self._items():
            is_out = (item.path, item.digest) in outs
            parts = self._parts(item)
            wrong = [part for part in parts if not self._is(part[0], part[1])] if parts and is_out else []
            for path, _ in wrong:
                name = path.relative_to(self.root).as_posix()
                kind = FaultKind.CHANGED if path.exists() else FaultKind.MISSING
                yield Finding(kind, WORK_TREE, name, item.digest, item.stage, str(path))
            if is_out and not parts and not item.cached:  # no cache has it
                yield Finding(FaultKind.MISSING, WORK_TREE, item.path, item.digest, item.stage)
            if parts and not wrong:
                yield from self._twin(item, [path for path, _ in parts], is_out=is_out)

    def _twin(self, item: Recorded, paths: list[Path], *, is_out: bool) -> Iterator[Finding]:
        entry = recorded_evidence(item, self.evidence)
        hashes = {path: found for path in paths if isinstance(found := self._hashes.get(path), FileHash)}
        if len(hashes) < len(paths):
            return
        top = self.root / item.path
        found = (
            hashes[top]
            if top in hashes
            else fold_folder({path.relative_to(top).as_posix(): value for path, value in hashes.items()})
        )
        if item.is_folder and found.md5 != item.digest:
            known = item.digest in self.scope.folders
            if is_out and not known:
                yield Finding(FaultKind.CHANGED, WORK_TREE, item.path, item.digest, item.stage, str(top))
            return
        if entry and found.md5 == entry.md5 and found.sha256 != entry.sha256:
            detail = f"SHA-256 {found.sha256[:12]}, recorded {entry.sha256[:12]}"
            yield Finding(FaultKind.TWIN, WORK_TREE, item.path, item.digest, item.stage, str(top), detail)

    def _is(self, path: Path, digest: str) -> bool:
        found = self._hashes.get(path)
        if not isinstance(found, FileHash):
            return False
        try:
            return not digest or is_content(path, found, digest)
        except OSError:
            return False

    def _cache(self, absent: list[str]) -> Iterator[Finding]:
        cache = self.places.cache
        for named in self.scope.objects.values():
            if cache.find(named.digest) is None:
                if self._is_elsewhere(named):
                    absent.append(named.label)
                else:
                    yield self._finding(FaultKind.MISSING, cache, named)
            else:
                yield from self._object(cache, named)
        yield from self._folders(cache)
        yield from self._unnamed(cache)

    def _is_elsewhere(self, named: NamedObject) -> bool:
        """Return whether a remote that is a folder has an object; one behind a network is not asked here."""
        remotes = [self.places.remote(name) for name in named.remotes]
        return any(remote and remote.place and remote.place.find(named.digest) for remote in remotes)

    def _object(self, place: Place, named: NamedObject) -> Iterator[Finding]:
        path = place.find(named.digest)
        assert path is not None
        found = self._hashes.get(path)
        if not isinstance(found, FileHash):
            yield self._finding(FaultKind.UNREADABLE, place, named, detail=str(found or ""))
        elif not self._is(path, named.digest):
            yield self._finding(FaultKind.DAMAGED, place, named)
        elif named.sha256 and found.md5 == named.digest and found.sha256 != named.sha256:
            detail = f"SHA-256 {found.sha256[:12]}, recorded {named.sha256[:12]}"
            yield self._finding(FaultKind.TWIN, place, named, detail=detail)

    def _folders(self, place: Place) -> Iterator[Finding]:
        """Yield folders all of whose files have the right MD5 and which are still not what was recorded."""
        for digest, recorded in self.scope.folder_sha256.items():
            members = self.scope.folders.get(digest, {})
            hashes = {
                name: found
                for name, member in members.items()
                if (path := place.find(member)) and isinstance(found := self._hashes.get(path), FileHash)
            }
            if members and len(hashes) == len(members):
                folded = fold_folder(hashes)
                if folded.md5 == digest and folded.sha256 != recorded:
                    detail = f"a file in it: SHA-256 {folded.sha256[:12]}, recorded {recorded[:12]}"
                    yield self._finding(FaultKind.TWIN, place, self.scope.objects[digest], detail=detail)

    def _unnamed(self, place: Place) -> Iterator[Finding]:
        if self.everything:
            for digest, path in place.objects():
                if digest not in self.scope.objects and not self._is(path, digest):
                    yield Finding(FaultKind.DAMAGED, place.name, digest, digest, file=str(path))

    def _remote(self, remote: Remote) -> Iterator[Finding]:
        for named in self.scope.objects.values():
            if remote.name not in {name or self.places.default for name in named.remotes}:
                continue
            if remote.place is None:
                yield from self._fetched_object(remote, named)
            elif remote.place.find(named.digest) is None:
                yield self._finding(FaultKind.MISSING, remote.place, named)
            else:
                yield from self._object(remote.place, named)
        if remote.place is not None:
            yield from self._folders(remote.place)
            yield from self._unnamed(remote.place)

    def _fetch(self, remote: Remote) -> None:
        """Hash what a remote behind a network has, and remember in `seen` what is whole."""
        seen = self.seen.setdefault(remote.name, {})
        wanted = [
            named.digest
            for named in self.scope.objects.values()
            if named.digest not in seen
            and remote.name in {name or self.places.default for name in named.remotes}
        ]
        fresh = hash_objects(self.root, remote.name, wanted, on_bytes=self.on_bytes)
        self._fetched[remote.name] = {**seen, **fresh}
        wrong = {
            finding.digest for d in fresh for finding in self._fetched_object(remote, self.scope.objects[d])
        }
        seen.update({digest: found for digest, found in fresh.items() if digest not in wrong})

    def _fetched_object(self, remote: Remote, named: NamedObject) -> Iterator[Finding]:
        found = self._fetched[remote.name].get(named.digest)
        kind = None
        if found is None:
            kind = FaultKind.MISSING
        elif found.md5 != named.digest.removesuffix(".dir"):
            kind = FaultKind.DAMAGED
        elif named.sha256 and found.sha256 != named.sha256:
            kind = FaultKind.TWIN
        if kind is not None:
            yield Finding(kind, remote.name, named.label, named.digest, named.paths[named.label], remote.url)

    def _finding(self, kind: FaultKind, place: Place, named: NamedObject, *, detail: str = "") -> Finding:
        path = place.find(named.digest) or place.home(named.digest)
        stage = named.paths.get(named.label, "")
        return Finding(kind, place.name, named.label, named.digest, stage, str(path), detail)
