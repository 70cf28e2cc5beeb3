"""`mlops-kit pull`: what the locks name, from the remotes into the cache and the work tree; only what is asked for, and only whole."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.evidence import folder_files
from mlops_kit.artifacts.inventory import Inventory, Recorded, read_inventory
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.places import Places, object_name, read_places
from mlops_kit.artifacts.remote_store import RemoteStore, complaint_of
from mlops_kit.artifacts.shelves import is_whole, told
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.uploads import is_named
from mlops_kit.errors import ExitCode, RefusedError, UsageError
from mlops_kit.outside.dvc import checkout
from mlops_kit.outside.whole_files import half_done, settle
from mlops_kit.project.recompute import place_content


@dataclass(frozen=True)
class PullOptions:
    """What to pull, and where from."""

    targets: Sequence[str] = ()
    """Stages, .dvc files, outputs, folders, files inside of outputs that are folders; everything when empty."""
    remote: str = ""
    """The one DVC remote to ask; the default one and then all others when empty."""
    force: bool = False
    """Whether edited outputs are replaced as well."""
    checkout: bool = True
    """Whether the work tree gets the files; otherwise the cache alone does."""


@dataclass(frozen=True)
class PullReport:
    """What a pull did."""

    asked: int
    """Outputs that were asked for."""
    placed: tuple[str, ...] = ()
    """Outputs that the work tree did not have as recorded, and has now."""
    objects: int = 0
    """Objects that came."""
    bytes: int = 0
    """Their bytes."""
    missing: tuple[str, ...] = ()
    """Outputs that are whole nowhere that was asked."""
    unpushed: tuple[str, ...] = ()
    """Those of them that are never pushed (`push: false`); only the machine that made them has them."""
    complaint: str = ""
    """What a remote said, in words."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 when all came that ever goes to a remote, else 4."""
        lost = set(self.missing) - set(self.unpushed)
        return ExitCode.UNREADABLE if lost else ExitCode.OK


@dataclass(frozen=True)
class _Wanted:
    """An output, or some files of one."""

    out: Recorded
    names: frozenset[str] = frozenset()
    """Paths in the folder; all when empty."""


def pull_project(
    root: Path,
    options: PullOptions,
    *,
    on_total: Callable[[int, int], None] = lambda files, size: None,
    on_file: Callable[[str, int], None] = lambda name, size: None,
) -> PullReport:
    """Fetch what the locks and .dvc files of the work tree name, verify it and put it where it belongs.

    What the cache or the work tree has already is not fetched, so that a pull that was cut off goes on where it was. Damaged content
    never enters the cache. `on_total` hears how many files, and about how many bytes, are to come, `on_file` of each that did. Raises UsageError for a target that is nothing here, RefusedError for edited outputs whose present content would be
    lost (nothing is fetched then).
    """
    memory = StatCache(root)
    try:
        return _Puller(root, options, memory, on_total, on_file).pull()
    finally:
        memory.save()


class _Puller:
    def __init__(
        self,
        root: Path,
        options: PullOptions,
        memory: StatCache,
        on_total: Callable[[int, int], None],
        on_file: Callable[[str, int], None],
    ) -> None:
        self._root = root
        self._options = options
        self._memory = memory
        self._on_total = on_total
        self._on_file = on_file
        self._places: Places = read_places(root)
        self._inventory: Inventory = read_inventory(root)
        self._objects = Objects(root)

    def pull(self) -> PullReport:
        wanted = self._choose()
        with RemoteStore(self._root, remote=self._options.remote, on_file=self._on_file) as store:
            self._fetch_listings(store, wanted)
            left = [item for item in wanted if not self._is_here(item)] if self._options.checkout else wanted
            if self._options.checkout and not self._options.force:
                self._refuse_loss(left)
            self._fetch_files(store, wanted)
            whole = [item for item in left if self._is_cached(item)]
            missing = [item for item in wanted if not self._is_cached(item)]
            fetched, complaint = store.fetched, complaint_of(self._root, store.fetched)
        placed = self._place(whole) if self._options.checkout else []
        return PullReport(
            len(wanted),
            tuple(sorted(placed)),
            fetched.objects,
            fetched.bytes,
            tuple(sorted(item.out.path for item in missing)),
            tuple(sorted(item.out.path for item in missing if not item.out.pushed)),
            complaint,
        )

    def _choose(self) -> list[_Wanted]:
        if self._inventory.problems:
            raise RefusedError(
                f"not pulled: {self._inventory.problems[0]}", fix="mend the file; then mlops-kit pull"
            )
        if self._options.remote and self._places.remote(self._options.remote) is None:
            raise UsageError(f"no remote `{self._options.remote}`", fix="dvc remote list")
        outs = {out.path: out for out in self._inventory.cached}
        if not self._options.targets:
            return [_Wanted(out) for out in outs.values()]
        chosen: dict[str, _Wanted] = {}
        for target in self._options.targets:
            found = list(self._chosen_by(target, outs.values()))
            if not found:
                raise UsageError(
                    f"`{target}` is no stage, .dvc file or output that dvc.lock records",
                    fix="dvc stage list; dvc ls . --dvc-only --recursive",
                )
            for item in found:
                known = chosen.get(item.out.path)
                names = known.names | item.names if known and known.names and item.names else frozenset()
                chosen[item.out.path] = _Wanted(item.out, names if known else item.names)
        return list(chosen.values())

    def _chosen_by(self, target: str, outs: Iterable[Recorded]) -> Iterable[_Wanted]:
        plain = Path(target)
        inside = plain.is_absolute() and plain.is_relative_to(self._root)
        path = posixpath.normpath(
            (plain.relative_to(self._root).as_posix() if inside else target).replace("\\", "/")
        )
        for out in outs:
            if target == out.stage or path in (out.path, out.stage, ".") or out.path.startswith(f"{path}/"):
                yield _Wanted(out)
            elif out.is_folder and path.startswith(f"{out.path}/"):
                yield _Wanted(out, frozenset({path[len(out.path) + 1 :]}))

    def _fetch_listings(self, store: RemoteStore, wanted: Sequence[_Wanted]) -> None:
        self._refuse_damaged([item.out.digest for item in wanted if item.out.is_folder])
        store.fetch_objects(item.out.digest for item in wanted if item.out.is_folder)

    def _fetch_files(self, store: RemoteStore, wanted: Sequence[_Wanted]) -> None:
        files = {digest: path for item in wanted for path, digest in self._files(item).items()}
        for item in wanted:
            if (
                item.names
                and not self._files(item)
                and self._places.cache.members(item.out.digest) is not None
            ):
                raise UsageError(
                    f"{item.out.path} has nothing called {', '.join(sorted(item.names))}", fix="dvc ls . PATH"
                )
        self._refuse_damaged(list(files))
        self._take_from_work_tree(files)
        self._announce(wanted)
        store.fetch_objects(files)

    def _refuse_damaged(self, digests: Sequence[str]) -> None:
        """Refuse when the cache has wrong content under a name: it would be placed, and a fresh one not fetched."""
        found = {digest: path for digest in digests if (path := self._places.cache.find(digest))}
        self._memory.warm(found.values())
        wrong = [path for digest, path in found.items() if not is_named(path, digest, "", self._memory)]
        if wrong:
            raise RefusedError(
                f"{wrong[0]} is damaged in the cache", fix="mlops-kit fsck --repair; then mlops-kit pull"
            )

    def _take_from_work_tree(self, files: dict[str, str]) -> None:
        """Copy into the cache what the work tree has whole, instead of downloading it."""
        cache = self._places.cache
        with told(cache.folder):
            for digest, path in files.items():
                if cache.find(digest) is None and self._is(self._root / path, digest):
                    with half_done(cache.folder) as fresh:
                        shutil.copyfile(self._root / path, fresh)
                        if is_whole(fresh, object_name(digest)):
                            settle(fresh, cache.home(digest))

    def _announce(self, wanted: Sequence[_Wanted]) -> None:
        """Tell how much is to come; of a folder of which a part is here, its bytes are taken to be spread evenly."""
        for item in wanted:
            files = self._files(item)
            gone = sum(self._places.cache.find(digest) is None for digest in files.values())
            if gone:
                self._on_total(gone, (item.out.size or 0) * gone // len(files))

    def _files(self, item: _Wanted) -> dict[str, str]:
        """Return path below the root -> MD5 of the files that are wanted; nothing of a folder whose listing is not here."""
        if not item.out.is_folder:
            return {item.out.path: item.out.digest}
        members = self._places.cache.members(item.out.digest) or {}
        return {
            f"{item.out.path}/{name}": digest
            for name, digest in members.items()
            if not item.names or any(name == part or name.startswith(f"{part}/") for part in item.names)
        }

    def _is_here(self, item: _Wanted) -> bool:
        """Return whether the work tree has it as recorded."""
        files = self._files(item)
        if item.out.is_folder and self._places.cache.members(item.out.digest) is None:
            return False
        self._memory.warm(self._root / path for path in files if (self._root / path).is_file())
        return all(
            self._is(self._root / path, digest) for path, digest in files.items()
        ) and not self._strangers(item)

    def _strangers(self, item: _Wanted) -> list[str]:
        """Return files in the folder of an output that the record does not have."""
        folder = self._root / item.out.path
        if not item.out.is_folder or item.names or not folder.is_dir():
            return []
        files = self._files(item)
        return [path for name in folder_files(folder) if (path := f"{item.out.path}/{name}") not in files]

    def _refuse_loss(self, left: Sequence[_Wanted]) -> None:
        edited = [path for item in left for path in self._edited(item)]
        if edited:
            shown = ", ".join(edited[:5]) + (f" and {len(edited) - 5} more" if len(edited) > 5 else "")
            raise RefusedError(
                f"{shown} would be overwritten, and what is there now is nowhere else",
                fix="mlops-kit run or dvc add records it; mlops-kit pull --force overwrites it",
            )

    def _edited(self, item: _Wanted) -> Iterable[str]:
        """Yield what lies where an output belongs, is not as recorded, and is not in the cache."""
        if item.out.is_folder and self._places.cache.members(item.out.digest) is None:
            return  # it cannot be had, so nothing is overwritten
        there = [*self._files(item), *self._strangers(item)]
        for path in there:
            here = self._root / path
            if here.is_dir() and not here.is_symlink():
                yield path
            elif here.is_file() and not self._is(here, self._files(item).get(path, "")):
                is_kept = self._places.cache.find(self._memory.hash(here).md5) is not None
                if not is_kept:
                    yield path

    def _is_cached(self, item: _Wanted) -> bool:
        if item.out.is_folder and self._places.cache.members(item.out.digest) is None:
            return False
        return all(self._places.cache.find(digest) is not None for digest in self._files(item).values())

    def _is(self, path: Path, digest: str) -> bool:
        return bool(digest) and path.is_file() and is_named(path, digest, "", self._memory)

    def _place(self, whole: Sequence[_Wanted]) -> list[str]:
        """Bring outputs into the work tree, as links where the cache is set up for these; return their paths."""
        programs = [item for item in whole if self._has_programs(item)]
        if programs:
            parts = [
                [f"{item.out.path}/{name}" for name in item.names] or [item.out.path] for item in programs
            ]
            checkout(self._root, [path for part in parts for path in part])
        with told(self._root):
            for item in whole:
                if item not in programs:
                    self._place_files(item)
        return [item.out.path for item in whole]

    def _place_files(self, item: _Wanted) -> None:
        for path in self._strangers(item):
            (self._root / path).unlink()
        for path, digest in self._files(item).items():
            target = self._root / path
            if self._is(target, digest):
                continue
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            if self._objects.home(digest).exists():
                self._objects.link(digest, target)
            else:  # in the layout of DVC before 3
                place_content(digest, target, self._places.cache.find)
        if item.out.is_folder:
            (self._root / item.out.path).mkdir(parents=True, exist_ok=True)

    def _has_programs(self, item: _Wanted) -> bool:
        """Return whether the file that records an output has programs, which DVC has to place so that they can be run."""
        return b"isexec: true" in (self._root / item.out.source).read_bytes()
