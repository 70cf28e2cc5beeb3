"""Which objects a check is about: those that locks and .dvc files name, and the files of the folders among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.evidence import Evidence, folder_files
from mlops_kit.artifacts.hashing import fold_folder, hash_file
from mlops_kit.artifacts.hidden_edits import recorded_evidence
from mlops_kit.artifacts.inventory import Inventory, Recorded
from mlops_kit.artifacts.places import Place, is_content


@dataclass
class NamedObject:
    """An object that something names."""

    digest: str
    """Its MD5, `….dir` for the listing of a folder."""
    paths: dict[str, str] = field(default_factory=dict)
    """Path below the root that has this content -> stage or .dvc file that names it."""
    remotes: set[str] = field(default_factory=set)
    """Remotes that should have it, empty text for the default one; none when it is not to be pushed."""
    sha256: str = ""
    """What its content's SHA-256 is recorded as; empty where that is not known, and for listings."""

    @property
    def label(self) -> str:
        """Return the first path of it, which is what a person knows it by."""
        return min(self.paths, default=self.digest)


@dataclass(frozen=True)
class Scope:
    """All objects of a check."""

    objects: Mapping[str, NamedObject]
    """By digest; a folder's files come after its listing."""
    folders: Mapping[str, Mapping[str, str]]
    """Digest of a folder -> path in it -> MD5, of those whose listing could be read."""
    folder_sha256: Mapping[str, str]
    """Digest of a folder -> what its SHA-256 is recorded as."""


def find_scope(
    root: Path, inventories: Iterable[Inventory], evidence: Evidence, places: Iterable[Place]
) -> Scope:
    """Return the objects that the inventories name.

    Listings of folders are read from the first of `places` that has a whole one, else from the folder in the work tree below `root`
    if that is still what was recorded.
    """
    objects: dict[str, NamedObject] = {}
    folders: dict[str, Mapping[str, str]] = {}
    shas: dict[str, str] = {}
    candidates = list(places)
    for inventory in inventories:
        known = {
            item.digest: entry.sha256
            for item in (*inventory.deps, *inventory.outs)
            if (entry := recorded_evidence(item, evidence))
        }
        for out in inventory.cached:
            _add(objects, out.digest, out.path, out)
            if not out.is_folder:
                objects[out.digest].sha256 = objects[out.digest].sha256 or known.get(out.digest, "")
                continue
            if out.digest in known:
                shas[out.digest] = known[out.digest]
            listing = _listing(out.digest, candidates) or _present(root / out.path, out.digest)
            if listing is not None:
                folders[out.digest] = listing
            for name, member in (listing or {}).items():
                _add(objects, member, f"{out.path}/{name}", out)
    return Scope(objects, folders, shas)


def _add(objects: dict[str, NamedObject], digest: str, path: str, out: Recorded) -> None:
    named = objects.setdefault(digest, NamedObject(digest))
    named.paths.setdefault(path, out.stage)
    if out.pushed:
        named.remotes.add(out.remote)


def _present(folder: Path, digest: str) -> Mapping[str, str] | None:
    found = {name: hash_file(folder / name) for name in folder_files(folder)} if folder.is_dir() else {}
    return {name: hashes.md5 for name, hashes in found.items()} if fold_folder(found).md5 == digest else None


def _listing(digest: str, places: Iterable[Place]) -> Mapping[str, str] | None:
    for place in places:
        path = place.find(digest)
        try:
            if path is not None and is_content(path, hash_file(path), digest):
                return place.members(digest)
        except OSError:
            continue
    return None
