"""Uploading to remotes: what they lack, in an order that leaves nothing half there when it is cut off."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.places import Places, Remote, is_content
from mlops_kit.artifacts.remote_digests import object_sizes
from mlops_kit.artifacts.remote_runs import (
    PortableRun,
    RunEntry,
    costs_name,
    index_name,
    read_index,
    write_index,
)
from mlops_kit.artifacts.shelves import Shelf, open_shelf
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.errors import OutsideError
from mlops_kit.outside.remote_objects import OnFile


class Uploads:
    """Uploads from the cache to the remotes of the DVC repository at `root`; close it after use."""

    def __init__(self, root: Path, places: Places, memory: StatCache, on_file: OnFile) -> None:
        self._root = root
        self._places = places
        self._memory = memory
        self._on_file = on_file
        self._shelves: dict[str, Shelf] = {}
        self.wrong: dict[str, set[str]] = {}
        """Digest -> remotes that have other content under that name, among what was asked for."""
        self.bytes = 0
        """Bytes that were uploaded."""

    def close(self) -> None:
        """Close all remotes."""
        for shelf in self._shelves.values():
            shelf.close()

    def lacking(
        self, wanted: Mapping[str, set[str]], sha256: Callable[[str], str], *, again: bool = False
    ) -> dict[str, set[str]]:
        """Return digest -> remotes that do not have it whole, of `wanted` (digest -> remotes); Raises OutsideError for one that does not answer.

        `again` looks once more after an upload, which has checked what it copied into folders.
        """
        lacking: dict[str, set[str]] = {}
        for remote in self._places.remotes:
            digests = [digest for digest, names in wanted.items() if remote.name in names]
            for digest in self._lacks(remote, digests, sha256, again=again) if digests else ():
                lacking.setdefault(digest, set()).add(remote.name)
        return lacking

    def size(self, digests: Iterable[str]) -> int:
        """Return how many bytes objects have in the cache."""
        found = [self._places.cache.find(digest) for digest in digests]
        return sum(path.stat().st_size for path in found if path is not None)

    def send_objects(self, missing: Mapping[str, set[str]]) -> None:
        """Upload objects (digest -> remotes) from the cache, listings after all files: DVC takes a folder for complete when its listing is there."""
        for listings in (False, True):
            for remote in self._places.remotes:
                paths = [
                    path
                    for digest, names in missing.items()
                    if remote.name in names and digest.endswith(LISTING) is listings
                    if (path := self._places.cache.find(digest)) is not None
                ]
                # An object of DVC before 3 goes where such a DVC looks for it, so its place in the cache is its name there.
                self._send(
                    remote, {path.relative_to(self._places.cache.folder).as_posix(): path for path in paths}
                )

    def new_runs(self, remote: str, runs: Iterable[PortableRun]) -> list[PortableRun]:
        """Return the runs that a remote does not have, or of which it may not have all outputs."""
        have = self._indexes(remote, {run.entry.key for run in runs})
        return [run for run in runs if run.entry.value not in have.get(run.entry.key, {})]

    def send_runs(self, remote: str, runs: Iterable[PortableRun]) -> None:
        """Upload entries of the run cache whose outputs are there, then the index of each key, with the costs that are known here."""
        found = self._places.remote(remote)
        assert found is not None
        entries: dict[str, dict[str, RunEntry]] = {}
        for run in runs:
            entries.setdefault(run.entry.key, {})[run.entry.value] = run.entry
        cache = self._places.cache.folder
        self._send(
            found, {entry.name: cache / entry.name for key in entries.values() for entry in key.values()}
        )
        have = self._indexes(remote, entries)
        with tempfile.TemporaryDirectory(prefix="mlops-kit-") as folder:
            files = {
                costs_name(key): cache / costs_name(key)
                for key in entries
                if (cache / costs_name(key)).is_file()
            }
            for key, fresh in entries.items():
                files[index_name(key)] = Path(folder) / key
                files[index_name(key)].write_bytes(write_index((have.get(key, {}) | fresh).values()))
            self._send(found, files)

    def _indexes(self, remote: str, keys: Iterable[str]) -> dict[str, dict[str, RunEntry]]:
        """Return key -> value -> entry of what a remote says that it has complete."""
        found = self._places.remote(remote)
        assert found is not None
        with tempfile.TemporaryDirectory(prefix="mlops-kit-") as folder:
            names = {index_name(key): key for key in keys}
            came = self._shelf(found).get({name: Path(folder) / key for name, key in names.items()})
            return {
                key: read_index(key, (Path(folder) / key).read_bytes())
                for key in (names[name] for name in came)
            }

    def _lacks(
        self, remote: Remote, digests: list[str], sha256: Callable[[str], str], *, again: bool
    ) -> list[str]:
        if remote.place is not None:
            found = {digest: remote.place.find(digest) for digest in digests}
            if again:
                return [digest for digest, path in found.items() if path is None]
            self._memory.warm(path for path in found.values() if path is not None)
            for digest, path in found.items():
                if path is not None and not is_named(path, digest, sha256(digest), self._memory):
                    self.wrong.setdefault(digest, set()).add(remote.name)
            return [d for d, path in found.items() if path is None or remote.name in self.wrong.get(d, ())]
        here = {digest: self._places.cache.find(digest) for digest in digests}
        old = [
            digest
            for digest, path in here.items()
            if path is None or path.parent.parent == self._places.cache.folder
        ]
        there = object_sizes(self._shelf(remote), digests, legacy=old)
        return [
            digest
            for digest, path in here.items()
            if digest not in there or (path is not None and there[digest] not in (-1, path.stat().st_size))
        ]

    def _send(self, remote: Remote, files: Mapping[str, Path]) -> None:
        if not files:
            return

        def sent(name: str, size: int) -> None:
            self.bytes += size
            self._on_file(name, size)

        left = set(files) - self._shelf(remote).put(files, sent)
        if left:
            raise OutsideError(
                f"the remote {remote.name} took {min(left)} and does not have it whole; git was not pushed",
                fix="see that the remote can be written to and is not full, then mlops-kit push",
            )

    def _shelf(self, remote: Remote) -> Shelf:
        if remote.name not in self._shelves:
            self._shelves[remote.name] = open_shelf(self._root, remote)
        return self._shelves[remote.name]


def is_named(path: Path, digest: str, sha256: str, memory: StatCache) -> bool:
    """Return whether a file is the object `digest`, and of the recorded SHA-256 where that is known."""
    try:
        found = memory.hash(path)
        if sha256 and found.md5 == digest and found.sha256 != sha256:
            return False
        return is_content(path, found, digest)
    except OSError:
        return False
