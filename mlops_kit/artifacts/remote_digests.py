"""Objects of a remote by their hash, in the layout of DVC 3 or in that of DVC before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlops_kit.artifacts.places import legacy_name, object_name
from mlops_kit.artifacts.shelves import Shelf
from mlops_kit.outside.remote_objects import NetworkShelf, RemoteObject


def object_sizes(
    shelf: Shelf, digests: Iterable[str], *, legacy: Iterable[str] | None = None
) -> dict[str, int]:
    """Return digest -> bytes (-1 where the remote does not say) of those that are there.

    `legacy` are those that may be there in the old layout alone; all when None.
    """
    wanted = list(dict.fromkeys(digests))
    there = shelf.sizes(object_name(digest) for digest in wanted)
    found = {digest: there[name] for digest in wanted if (name := object_name(digest)) in there}
    rest = [digest for digest in (wanted if legacy is None else legacy) if digest not in found]
    old = shelf.sizes(legacy_name(digest) for digest in rest)
    return found | {digest: old[name] for digest in rest if (name := legacy_name(digest)) in old}


def hash_objects(
    root: Path, remote: str, digests: Iterable[str], *, on_bytes: Callable[[int], None] = lambda count: None
) -> dict[str, RemoteObject]:
    """Download and return digest -> hashes of those that a remote behind a network has. Raises OutsideError when it does not answer."""
    found: dict[str, RemoteObject] = {}
    with NetworkShelf(root, remote) as shelf:
        for name_of in (object_name, legacy_name):
            names = {name_of(digest): digest for digest in digests if digest not in found}
            there = shelf.hashes(names, lambda _, size: on_bytes(size))
            found |= {names[name]: what for name, what in there.items()}
    return found


def get_objects(shelf: Shelf, files: Mapping[str, Path]) -> frozenset[str]:
    """Bring objects to `files` (digest -> path), unchecked, and return those that came. Raises OutsideError when the remote refuses."""
    came: set[str] = set()
    for name_of in (object_name, legacy_name):
        names = {name_of(digest): digest for digest in files if digest not in came}
        came |= {names[name] for name in shelf.get({name: files[digest] for name, digest in names.items()})}
    return frozenset(came)
