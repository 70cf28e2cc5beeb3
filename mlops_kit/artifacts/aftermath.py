"""What is really there after DVC said that it is done: every object that the locks name, in the cache and in the work tree.

DVC ends with 0 after a copy or a rename that failed, after a download of wrong bytes, and on objects that rotted in its cache.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.belonging import IGNORE, read_ignores
from mlops_kit.artifacts.code import CodeHashes
from mlops_kit.artifacts.evidence import Evidence, FileEvidence, StageEvidence, folder_files, hash_path
from mlops_kit.artifacts.hidden_edits import recorded_evidence
from mlops_kit.artifacts.inventory import Inventory, Recorded
from mlops_kit.artifacts.places import Place, is_content
from mlops_kit.artifacts.statcache import StatCache


@dataclass(frozen=True)
class Fault:
    """Something that is not what the lock says."""

    path: str
    """Path below the root."""
    what: str
    """What is wrong, as the rest of a sentence that starts with the path."""


def find_faults(
    root: Path,
    inventory: Inventory,
    place: Place,
    cache: StatCache,
    *,
    ran: Container[str],
    checked: Container[str] | None = None,
    elsewhere: bool = False,
) -> tuple[Fault, ...]:
    """Return what is not as recorded after a run.

    `ran` are the stages whose commands ran: their inputs are checked as well. `checked` limits the outputs to those of the stages
    that DVC looked at; None means all. `elsewhere` allows objects of stages that did not run to be on the remote alone.
    """
    cache.warm(_to_read(root, inventory, place))
    faults: list[Fault] = []
    for out in inventory.outs:
        if checked is None or out.stage in checked:
            faults += _out_faults(root, out, place, cache, elsewhere=elsewhere and out.stage not in ran)
    for dep in inventory.deps:
        if dep.stage in ran and _differs(root, dep, place, cache):
            faults.append(
                Fault(dep.path, f"is not what stage `{dep.stage}` is recorded to have read ({dep.digest})")
            )
    return tuple(dict.fromkeys(faults))


def learn_evidence(
    root: Path, inventory: Inventory, place: Place, cache: StatCache, old: Evidence
) -> dict[str, StageEvidence]:
    """Return the evidence of all that the locks name: of what is here from its content, of what is elsewhere what was known."""
    codes = CodeHashes(root)

    def learn(item: Recorded) -> FileEvidence | None:
        members = place.members(item.digest) if item.is_folder else None
        found = hash_path(root / item.path, cache, members=members)
        if found is not None and found.md5 == item.digest:
            return FileEvidence(
                item.digest, found.sha256, found.size, codes.hash(root / item.path, found.md5)
            )
        return recorded_evidence(item, old)

    made: dict[str, tuple[dict[str, FileEvidence], dict[str, FileEvidence]]] = {}
    for number, items in enumerate((inventory.deps, inventory.outs)):
        for item in items:
            entry = learn(item)
            if entry is not None:
                made.setdefault(item.stage, ({}, {}))[number][item.path] = entry
    codes.save()
    return {stage: StageEvidence(deps, outs) for stage, (deps, outs) in made.items()}


def _to_read(root: Path, inventory: Inventory, place: Place) -> Iterator[Path]:
    for out in inventory.outs:
        here = root / out.path
        if here.is_file():
            yield here
        found = place.find(out.digest) if out.cached else None
        if found:
            yield found
        for name, digest in (place.members(out.digest) or {}).items() if out.is_folder else ():
            yield here / name
            if member := place.find(digest):
                yield member


def _out_faults(
    root: Path, out: Recorded, place: Place, cache: StatCache, *, elsewhere: bool
) -> Iterator[Fault]:
    here = (root / out.path).exists()
    if here and _differs(root, out, place, cache):
        yield Fault(out.path, f"is not what {out.source} records ({out.digest})")
    if not out.cached:
        if not here:
            yield Fault(out.path, "is not there, and nobody else keeps it")
        return
    for what in object_faults(out.digest, place, cache, missing=not elsewhere):
        yield Fault(out.path, what)


def _differs(root: Path, item: Recorded, place: Place, cache: StatCache) -> bool:
    path = root / item.path
    if not path.exists():
        return False
    members = place.members(item.digest) if item.is_folder else None
    if members is not None:
        return not all(_is_whole(path / name, digest, cache) for name, digest in members.items())
    found = hash_path(path, cache, members=_kept(root, path))
    return found is None or not is_content(path, found, item.digest)


def _kept(root: Path, path: Path) -> Mapping[str, str] | None:
    """Return the files of a folder that DVC does not ignore; None when nothing is ignored."""
    rules = root / IGNORE
    ignored = read_ignores({"": rules.read_bytes()}) if path.is_dir() and rules.is_file() else None
    if ignored is None:
        return None
    prefix = path.relative_to(root).as_posix()
    return {name: "" for name in folder_files(path) if not ignored(f"{prefix}/{name}")}


def object_faults(digest: str, place: Place, cache: StatCache, *, missing: bool = True) -> Iterator[str]:
    """Yield what is wrong with an object in a place, and with the files of a folder; nothing when all is whole.

    Without `missing`, an object that is not there is nothing wrong.
    """
    path = place.find(digest)
    if path is None:
        if missing:
            yield f"is not in the {place.name} ({digest})"
        return
    if not _is_whole(path, digest, cache):
        yield f"is damaged in the {place.name} ({path})"
        return
    if digest.endswith(".dir"):
        for name, member in sorted((place.members(digest) or {}).items()):
            found = place.find(member)
            if found is None and missing:
                yield f"lacks {name} in the {place.name} ({member})"
            elif found is not None and not _is_whole(found, member, cache):
                yield f"has a damaged {name} in the {place.name} ({found})"


def _is_whole(path: Path, digest: str, cache: StatCache) -> bool:
    try:
        return is_content(path, cache.hash(path), digest)
    except OSError:
        return False
