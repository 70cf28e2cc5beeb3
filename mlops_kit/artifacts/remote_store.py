"""The remotes as one store to fetch from: objects by hash and entries of the run cache by key, checked before they enter the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.places import Place, Remote, is_digest, legacy_name, object_name, read_places
from mlops_kit.artifacts.remote_runs import (
    costs_name,
    entry_folder,
    index_name,
    local_values,
    read_entry,
    read_index,
)
from mlops_kit.artifacts.shelves import WORKERS, Shelf, is_whole, open_shelf, told
from mlops_kit.errors import OutsideError
from mlops_kit.outside.remote_objects import OnFile
from mlops_kit.outside.whole_files import HALF_DONE, half_done, settle, sweep


@dataclass
class Fetched:
    """What a store has brought so far."""

    objects: int = 0
    """Objects that came."""
    bytes: int = 0
    """Their bytes."""
    entries: int = 0
    """Entries of the run cache that came."""
    damaged: list[tuple[str, str]] = field(default_factory=list)
    """Remote and hash of content that was not what its name says; it was not taken."""
    complaints: list[str] = field(default_factory=list)
    """What remotes said that did not answer, in words."""


class RemoteStore:
    """Fetches from the remotes of the DVC repository at `root`, the default one first; close it after use.

    With `remote` only from that one. Nothing is asked before the first call. A remote that does not answer is asked once; what it said is in
    `fetched.complaints`, and that something did not come shows in what is returned.
    """

    def __init__(
        self, root: Path, *, remote: str = "", on_file: Callable[[str, int], None] = lambda name, size: None
    ) -> None:
        places = read_places(root)
        first = places.remote(remote)
        others = [] if remote else [other for other in places.remotes if other is not first]
        self.fetched = Fetched()
        self._root = root
        self._cache: Place = places.cache
        self._remotes: list[Remote] = [other for other in [first, *others] if other and not other.versioned]
        self._objects = Objects(root)
        self._on_file = on_file
        self._shelves: dict[str, Shelf] = {}
        self._silent: set[str] = set()
        self._asked: set[str] = set()
        self._gone: set[str] = set()
        self._prepared = False

    def __enter__(self) -> RemoteStore:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all remotes."""
        self.close()

    def close(self) -> None:
        """Close all remotes."""
        shelves, self._shelves = self._shelves, {}
        for shelf in shelves.values():
            shelf.close()

    def fetch(self, digests: Collection[str]) -> frozenset[str]:
        """Bring objects (MD5, `.dir` for folders with all their files) into the cache, verified; return those that are there now."""
        wanted = [digest for digest in dict.fromkeys(digests) if is_digest(digest)]
        self.fetch_objects(wanted)
        members = {digest: self._cache.members(digest) for digest in wanted if digest.endswith(LISTING)}
        self.fetch_objects(file for listing in members.values() for file in (listing or {}).values())
        return frozenset(digest for digest in wanted if self._is_complete(digest))

    def fetch_objects(self, digests: Iterable[str]) -> frozenset[str]:
        """Bring objects into the cache, of folders the listing alone; return those of them that the cache has then."""
        wanted = list(dict.fromkeys(digests))
        missing = [
            digest for digest in wanted if digest not in self._gone and self._cache.find(digest) is None
        ]
        for remote in self._remotes if missing else ():
            if missing:
                self._bring(remote, {digest: object_name(digest) for digest in missing})
                missing = [digest for digest in missing if self._cache.find(digest) is None]
                self._bring(remote, {digest: legacy_name(digest) for digest in missing})
                missing = [digest for digest in missing if self._cache.find(digest) is None]
        self._gone.update(missing)
        return frozenset(wanted) - frozenset(missing) - self._gone

    def fetch_entries(self, key: str) -> int:
        """Bring the run-cache entries of a stage key into the cache and return how many there are now.

        What the costs of the stage were on another machine comes with them.
        """
        if key not in self._asked:
            self._asked.add(key)
            for remote in self._remotes:
                self._entries(remote, key)
        return len(local_values(self._cache.folder, key))

    def fetch_costs(self, keys: Iterable[str]) -> None:
        """Bring what is known of the costs of stage keys into the cache."""
        wanted = [key for key in dict.fromkeys(keys) if not (self._cache.folder / costs_name(key)).exists()]
        for remote in self._remotes:
            if wanted:
                self._keep_costs(self._texts(remote, [costs_name(key) for key in wanted]))
                wanted = [key for key in wanted if not (self._cache.folder / costs_name(key)).exists()]

    def _is_complete(self, digest: str) -> bool:
        if self._cache.find(digest) is None:
            return False
        members = self._cache.members(digest) if digest.endswith(LISTING) else {}
        return members is not None and all(self._cache.find(file) is not None for file in members.values())

    def _bring(self, remote: Remote, names: Mapping[str, str]) -> None:
        """Download `names` (digest -> name on the remote); what is whole gets the same name in the cache as soon as it is here."""
        if not names:
            return
        self._prepare_cache()
        with ExitStack() as stack:
            digests = {name: digest for digest, name in names.items()}
            files = {name: stack.enter_context(half_done(self._cache.folder)) for name in digests}

            def keep(name: str, size: int) -> None:
                if not is_whole(files[name], name):
                    self.fetched.damaged.append((remote.name, digests[name]))
                    return
                self._objects.make_folder((self._cache.folder / name).parent)
                settle(files[name], self._cache.folder / name)
                self.fetched.objects += 1
                self.fetched.bytes += size

            pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
            checks: list[Future[None]] = []

            def came(name: str, size: int) -> None:
                self._on_file(name, size)
                checks.append(pool.submit(keep, name, size))

            self._get(remote, files, came)
            with told(self._cache.folder):
                for check in checks:
                    check.result()

    def _prepare_cache(self) -> None:
        if self._prepared:
            return
        with told(self._cache.folder):
            for folder in ((self._cache.folder / HALF_DONE).parent, self._cache.folder / HALF_DONE):
                self._objects.make_folder(folder)
            with half_done(self._cache.folder) as probe:
                probe.touch()
            sweep(self._cache.folder)
        self._prepared = True

    def _get(self, remote: Remote, files: Mapping[str, Path], came: OnFile) -> None:
        """Download what the remote has; one that does not answer at all is not asked again."""
        if remote.name in self._silent:
            return
        heard: list[str] = []

        def hear(name: str, size: int) -> None:
            heard.append(name)
            came(name, size)

        try:
            self._shelf(remote).get(files, hear)
        except OutsideError as error:
            self.fetched.complaints.append(error.message)
            if not heard:
                self._silent.add(remote.name)

    def _shelf(self, remote: Remote) -> Shelf:
        if remote.name not in self._shelves:
            self._shelves[remote.name] = open_shelf(self._root, remote)
        return self._shelves[remote.name]

    def _entries(self, remote: Remote, key: str) -> None:
        texts = self._texts(remote, [index_name(key), costs_name(key)])
        self._keep_costs(texts)
        index = texts.get(index_name(key))
        if index is not None:
            found = list(read_index(key, index).values())
        elif remote.name in self._silent:
            return
        else:  # somebody may have used `dvc push --run-cache`
            plain = self._texts(remote, self._shelf(remote).names(entry_folder(key)))
            read = [read_entry(key, name.rpartition("/")[2], text) for name, text in plain.items()]
            found = [entry for entry in read if entry is not None]
        have = local_values(self._cache.folder, key)
        for entry in found:
            if entry.value not in have:
                self._write(entry.name, entry.text.encode())
                self.fetched.entries += 1

    def _texts(self, remote: Remote, names: Collection[str]) -> dict[str, bytes]:
        """Return name -> content of those small files that the remote has."""
        if not names:
            return {}
        self._prepare_cache()
        with ExitStack() as stack:
            files = {name: stack.enter_context(half_done(self._cache.folder)) for name in names}
            whole: list[str] = []
            self._get(remote, files, lambda name, size: whole.append(name))
            return {name: files[name].read_bytes() for name in whole}

    def _keep_costs(self, texts: dict[str, bytes]) -> None:
        for name, content in texts.items():
            if name.startswith("mlops-kit/costs/") and not (self._cache.folder / name).exists():
                self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        with half_done(self._cache.folder) as fresh:
            fresh.write_bytes(content)
            self._objects.make_folder((self._cache.folder / name).parent)
            settle(fresh, self._cache.folder / name, mode=0o644)


def fetch_objects(root: Path, digests: Iterable[str]) -> tuple[frozenset[str], str]:
    """Fetch the objects of these MD5 hashes, and nothing else, from the remotes of the DVC repository at `root` into its cache.

    Returns those that are in the cache now, and what went wrong with the others in words (empty when nothing did).
    """
    with RemoteStore(root) as store:
        found = store.fetch_objects(sorted(set(digests)))
        return found, complaint_of(root, store.fetched)


def complaint_of(root: Path, fetched: Fetched) -> str:
    """Return in words why something did not come; empty when nothing is known to be wrong."""
    if fetched.complaints:
        return fetched.complaints[0]
    if fetched.damaged:
        remote, digest = fetched.damaged[0]
        return f"{digest} of the remote {remote} is damaged"
    return "" if read_places(root).remotes else "no remote is configured"
