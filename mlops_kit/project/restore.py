"""`mlops-kit restore`: exactly what a revision had, wherever it still is, or made again by its own code; and which way each file came."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_kit.artifacts.evidence import EVIDENCE, StageEvidence, folder_files, hash_path, parse_evidence
from mlops_kit.artifacts.hashing import read_listing
from mlops_kit.artifacts.hidden_edits import recorded_evidence
from mlops_kit.artifacts.inventory import Inventory, Recorded, read_inventory
from mlops_kit.artifacts.places import is_content, read_places
from mlops_kit.artifacts.remote_digests import object_sizes
from mlops_kit.artifacts.remote_store import fetch_objects
from mlops_kit.artifacts.shelves import open_shelf
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.errors import ExitCode, MlopsKitError, RefusedError, UnreadableSideError
from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader
from mlops_kit.outside.whole_files import unfinished
from mlops_kit.project.recompute import Workshop, open_workshop

FOLDER = "restored"


@dataclass(frozen=True)
class RestoreOptions:
    """What to restore and where to."""

    paths: Sequence[str] = ()
    """Files and folders, relative to the root; everything when empty."""
    to: Path | None = None
    """Target folder; `restored/<short commit id>` below the root when None. The root itself restores in place."""
    dry_run: bool = False
    """Only say which way each file would come."""


@dataclass(frozen=True)
class RestoredFile:
    """One file of the revision."""

    path: str
    """Path below the root."""
    way: str
    """`git`, `work tree`, `cache`, `remote NAME`, `rerun of STAGE`; empty when it could not be had."""
    present: bool = False
    """Whether the target had it already."""
    reason: str = ""
    """Why it could not be had."""


@dataclass(frozen=True)
class RestoreReport:
    """What became of each file."""

    sha: str
    """The commit."""
    target: str
    """The folder that has the files now."""
    files: tuple[RestoredFile, ...]
    """All files that were asked for, by path."""

    @property
    def lost(self) -> tuple[RestoredFile, ...]:
        """Return the files that could not be had."""
        return tuple(file for file in self.files if not file.way)

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 when everything is back, 4 when something could not be had."""
        return ExitCode.UNREADABLE if self.lost else ExitCode.OK


def restore_revision(
    root: Path, rev: str, options: RestoreOptions, *, say: Callable[[str], None] = lambda line: None
) -> RestoreReport:
    """Bring back what the revision `rev` had: files of git, and outputs from the work tree, the cache, a remote, or a rerun.

    A rerun takes the revision's own code and its recorded inputs; its result counts only with the recorded hash. Nothing is
    overwritten that could not be had again: RefusedError then, before anything is written. Raises UnreadableSideError for a revision or
    a path that is not there.
    """
    sha = git.resolve(root, rev)
    target = options.to or root / FOLDER / git.short(root, sha)
    memory = StatCache(root)
    try:
        restorer = _Restorer(root, sha, target.resolve(), memory, say)
        files = restorer.restore(_selection(root, options.paths), dry_run=options.dry_run, rev=rev)
    finally:
        memory.save()
    return RestoreReport(sha, str(target), tuple(sorted(files, key=lambda file: file.path)))


def _selection(root: Path, paths: Sequence[str]) -> tuple[str, ...]:
    found = []
    for path in paths:
        plain = Path(path)
        inside = plain.is_absolute() and plain.is_relative_to(root)
        name = plain.relative_to(root).as_posix() if inside else path
        found.append(posixpath.normpath(name.replace("\\", "/")))
    return () if "." in found else tuple(found)


@dataclass
class _Item:
    """One file to bring back; `digest` is empty for files of git."""

    path: str
    digest: str = ""
    sha256: str = ""
    stage: str = ""
    source: Path | None = None
    way: str = ""
    reason: str = ""


class _Restorer:
    def __init__(
        self, root: Path, sha: str, target: Path, memory: StatCache, say: Callable[[str], None]
    ) -> None:
        self._root = root
        self._sha = sha
        self._target = target
        self._memory = memory
        self._say = say
        self._places = read_places(root)
        self._inventory: Inventory = read_inventory(root, sha)
        self._evidence = _evidence_of(root, sha)
        self._asked: set[str] = set()

    def restore(self, chosen: tuple[str, ...], *, dry_run: bool, rev: str) -> list[RestoredFile]:
        with open_workshop(self._root, self._sha, self._find) as workshop:
            items = [*self._git_items(chosen, workshop), *self._data_items(chosen)]
            if not items:
                raise UnreadableSideError(
                    f"{rev} has nothing called {', '.join(chosen)}", fix=f"git ls-tree -r --name-only {rev}"
                )
            self._refuse_loss(items)
            for item in items:
                if not item.way:
                    self._obtain(item, workshop, dry_run=dry_run)
            return [self._write(item, dry_run=dry_run) for item in items]

    def _git_items(self, chosen: tuple[str, ...], workshop: Workshop) -> list[_Item]:
        names = git.list_tree(self._root, self._sha).files
        return [
            _Item(name, source=workshop.tree / name, way="git")
            for name in names
            if _is_chosen(name, chosen) and os.path.lexists(workshop.tree / name)
        ]

    def _data_items(self, chosen: tuple[str, ...]) -> list[_Item]:
        items: list[_Item] = []
        in_git = set(git.list_tree(self._root, self._sha).files)
        for out in self._inventory.outs:
            if out.path in in_git or not _touches(out.path, chosen):
                continue
            if not out.is_folder:
                items.append(_Item(out.path, out.digest, self._sha256(out), out.stage))
                continue
            members = self._members(out)
            if members is None:
                items.append(_Item(out.path, out.digest, "", out.stage))
            for name, digest in (members or {}).items():
                path = f"{out.path}/{name}"
                if path not in in_git and _is_chosen(path, chosen):
                    items.append(_Item(path, digest, "", out.stage))
        return items

    def _sha256(self, out: Recorded) -> str:
        entry = recorded_evidence(out, self._evidence)
        return entry.sha256 if entry else ""

    def _members(self, out: Recorded) -> Mapping[str, str] | None:
        found = self._find(out.digest)
        if found is not None:
            return read_listing(found.read_bytes())
        here = self._root / out.path
        same = hash_path(here, self._memory) if here.is_dir() else None
        if same is None or same.md5 != out.digest:
            return None
        return {name: self._memory.hash(here / name).md5 for name in folder_files(here)}

    def _refuse_loss(self, items: Iterable[_Item]) -> None:
        """Refuse when a file of the target has content that neither git's HEAD nor the cache has."""
        lost = [item.path for item in items if self._would_lose(item)]
        if lost:
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            raise RefusedError(
                f"{shown} in {self._target} would be overwritten, and what is there now is nowhere else",
                fix="git commit it (or dvc add it), or choose an empty folder with --to",
            )

    def _would_lose(self, item: _Item) -> bool:
        there = self._target / item.path
        if there.is_dir() and not there.is_symlink():
            return bool(item.digest) and not item.digest.endswith(".dir")
        if not os.path.lexists(there) or self._is_there(item):
            return False
        if self._target != self._root.resolve():
            return True
        if item.path in self._tracked:
            return item.path in self._dirty
        return self._places.cache.find(self._memory.hash(there).md5) is None

    @cached_property
    def _tracked(self) -> frozenset[str]:
        return frozenset(git.tracked_files(self._root))

    @cached_property
    def _dirty(self) -> frozenset[str]:
        prefix = git.prefix_of(self._root)
        return frozenset(name.removeprefix(prefix) for name in git.dirty_paths(self._root, ["."]))

    def _is_there(self, item: _Item) -> bool:
        there = self._target / item.path
        if item.digest:
            return there.is_file() and self._is(there, item.digest, item.sha256)
        source = item.source
        assert source is not None
        if source.is_symlink() or there.is_symlink():
            return source.is_symlink() and there.is_symlink() and source.readlink() == there.readlink()
        return there.is_file() and self._memory.hash(there).sha256 == self._memory.hash(source).sha256

    def _obtain(self, item: _Item, workshop: Workshop, *, dry_run: bool) -> None:
        """Find the content of an item and the way it comes, or the reason why it cannot be had."""
        for way, path in self._candidates(item):
            if path is not None and self._is(path, item.digest, item.sha256):
                item.source, item.way = path, way
                return
        remotes = [remote for remote in self._places.remotes if remote.place is None]
        if remotes and dry_run:
            for remote in remotes:
                with closing(open_shelf(self._root, remote)) as shelf:
                    if object_sizes(shelf, [item.digest]):
                        item.way = f"remote {remote.name}"
                        return
        elif remotes:
            path = self._download(item.digest)
            if path is not None and self._is(path, item.digest, item.sha256):
                item.source, item.way = path, f"remote {' or '.join(remote.name for remote in remotes)}"
                return
        self._make_again(item, workshop, dry_run=dry_run)

    def _candidates(self, item: _Item) -> Iterable[tuple[str, Path | None]]:
        yield "work tree", self._root / item.path
        yield "cache", self._places.cache.find(item.digest)
        for remote in self._places.remotes:
            if remote.place is not None:
                yield f"remote {remote.name}", remote.place.find(item.digest)

    def _make_again(self, item: _Item, workshop: Workshop, *, dry_run: bool) -> None:
        if item.stage not in self._inventory.stages:
            item.reason = "no stage writes it, and its content is nowhere any more"
            return
        if dry_run:
            item.way = f"rerun of {item.stage}"
            return
        self._say(f"running stage `{item.stage}` of {self._sha[:10]} again from its recorded inputs")
        made = workshop.remake(item.stage)
        if made.complaint:
            item.reason = made.complaint
            return
        path = workshop.tree / item.path
        if path.is_dir() if item.digest.endswith(".dir") else self._is(path, item.digest, item.sha256):
            item.source, item.way = path, f"rerun of {item.stage}"
        else:
            item.reason = f"stage `{item.stage}` wrote something else than was recorded"

    def _find(self, digest: str) -> Path | None:
        """Return a whole file of an object, from anywhere but a rerun."""
        local = [self._places.cache, *(remote.place for remote in self._places.remotes if remote.place)]
        for place in local:
            path = place.find(digest)
            if path is not None and self._is(path, digest):
                return path
        for out in self._inventory.outs:
            if out.digest == digest and self._is(self._root / out.path, digest):
                return self._root / out.path
        return (
            self._download(digest) if any(remote.place is None for remote in self._places.remotes) else None
        )

    def _download(self, digest: str) -> Path | None:
        """Fetch an object into the cache, once."""
        if digest not in self._asked:
            self._asked.add(digest)
            fetch_objects(self._root, [digest])
        path = self._places.cache.find(digest)
        return path if path is not None and self._is(path, digest) else None

    def _is(self, path: Path, digest: str, sha256: str = "") -> bool:
        try:
            if not path.is_file():
                return False
            found = self._memory.hash(path)
            if sha256 and found.md5 == digest and found.sha256 != sha256:
                return False
            return is_content(path, found, digest)
        except (OSError, MlopsKitError):
            return False

    def _write(self, item: _Item, *, dry_run: bool) -> RestoredFile:
        if not item.way:
            return RestoredFile(item.path, "", reason=item.reason)
        if not dry_run:
            present = not item.digest.endswith(".dir") and self._is_there(item)
            if present:
                return RestoredFile(item.path, item.way, present=True)
            assert item.source is not None
            self._shield_default_folder()
            _copy(item.source, self._target / item.path, keep_mode=not item.digest)
        return RestoredFile(item.path, item.way)

    def _shield_default_folder(self) -> None:
        """Keep git and DVC out of `restored/`: a second dvc.yaml in there would be a second pipeline."""
        folder = self._root.resolve() / FOLDER
        if self._target.is_relative_to(folder) and not (folder / ".gitignore").exists():
            folder.mkdir(exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8", newline="\n")


def _evidence_of(root: Path, sha: str) -> dict[str, StageEvidence]:
    name = EVIDENCE.as_posix()
    with BlobReader(root) as blobs:
        return parse_evidence(blobs.read(sha, [name]).get(name, b""))


def _is_chosen(path: str, chosen: tuple[str, ...]) -> bool:
    return not chosen or any(path == name or path.startswith(f"{name}/") for name in chosen)


def _touches(path: str, chosen: tuple[str, ...]) -> bool:
    """Return whether an output is chosen, or something in it is."""
    return _is_chosen(path, chosen) or any(name.startswith(f"{path}/") for name in chosen)


def _copy(source: Path, target: Path, *, keep_mode: bool) -> None:
    """Copy a file, a link or a folder in one step each; data can be written to, files of git keep their mode."""
    if source.is_dir() and not source.is_symlink():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                _copy(path, target / path.relative_to(source), keep_mode=keep_mode)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target) as fresh:
        shutil.copyfile(source, fresh, follow_symlinks=False)
        if not fresh.is_symlink():
            fresh.chmod(source.stat().st_mode & 0o777 if keep_mode else 0o644)
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
