"""Edits that DVC cannot see, found before it runs: same size and time, or the same MD5.

DVC takes a file for unchanged while its size, modification time and inode are the same, and two files for one when their MD5 is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlops_kit.artifacts.evidence import Evidence, FileEvidence, folder_files, hash_path
from mlops_kit.artifacts.inventory import Inventory, Recorded
from mlops_kit.artifacts.places import Place, is_content
from mlops_kit.artifacts.statcache import StatCache, stamp_of
from mlops_kit.errors import BadDataError


def show_hidden_edits(
    root: Path, inventory: Inventory, evidence: Evidence, place: Place, cache: StatCache
) -> tuple[str, ...]:
    """Give every file whose content changed under the same size and time a fresh time, so that DVC reads it again; return them.

    Raises BadDataError naming a file that was replaced by another one of the same MD5: no time makes DVC see that.
    """
    shown: list[str] = []
    seen: set[tuple[str, str]] = set()
    for item in _in_order(inventory):
        if (item.path, item.digest) in seen:
            continue
        seen.add((item.path, item.digest))
        members = place.members(item.digest) if item.is_folder else None
        lock = stamp_of(root / item.source)
        for path, digest in _files(root, item, members):
            if _is_hidden(path, digest, cache, lock.mtime_ns if lock else 0):
                os.utime(path)
                shown.append(path.relative_to(root).as_posix())
        _refuse_twin(root, item, evidence, members, cache)
    return tuple(dict.fromkeys(shown))


def _in_order(inventory: Inventory) -> Iterable[Recorded]:
    return [*inventory.deps, *inventory.outs]


def _files(root: Path, item: Recorded, members: Mapping[str, str] | None) -> Iterator[tuple[Path, str]]:
    """Yield each file of an input or output with the MD5 that is recorded for it, empty where that is not known."""
    path = root / item.path
    if path.is_file():
        yield path, item.digest
    elif path.is_dir():
        names = members if members is not None else dict.fromkeys(folder_files(path), "")
        yield from ((path / name, digest) for name, digest in names.items())


def _is_hidden(path: Path, digest: str, cache: StatCache, recorded_at: int) -> bool:
    """Return whether a file is another content than `digest` though DVC may take it for unchanged.

    Nothing is read while the stamp is the known one. Where nothing is known, a file older than the lock is suspect.
    """
    now = stamp_of(path)
    if now is None:
        return False
    known = cache.recall(path)
    try:
        found = cache.hash(path)
        if not digest:
            return known is not None and known[1].md5 != found.md5 and known[0][:2] == now[:2]
        if is_content(path, found, digest):
            return False
    except OSError:
        return False
    if known and known[0] != now:
        return known[0][:2] == now[:2]
    earlier = cache.earlier(path)
    return earlier == now[:2] if earlier else now.mtime_ns <= recorded_at


def _refuse_twin(
    root: Path, item: Recorded, evidence: Evidence, members: Mapping[str, str] | None, cache: StatCache
) -> None:
    entry = recorded_evidence(item, evidence)
    if entry is None:
        return
    found = hash_path(root / item.path, cache, members=members)
    if found is not None and found.md5 == entry.md5 and found.sha256 != entry.sha256:
        raise BadDataError(
            f"{item.path} is not the file that stage `{item.stage}` was recorded with: its MD5 is the same, its SHA-256 is not "
            f"({found.sha256[:12]}, recorded {entry.sha256[:12]}); DVC cannot tell the two apart",
            fix=f"bring the recorded one back (git checkout, or mlops-kit restore HEAD {item.path}); to accept this one, "
            "save it with other bytes, such as one more line",
        )


def recorded_evidence(item: Recorded, evidence: Evidence) -> FileEvidence | None:
    """Return the evidence of an input or output, None when there is none for the content that the lock names now."""
    stage = evidence.get(item.stage)
    entry = (stage.deps.get(item.path) or stage.outs.get(item.path)) if stage else None
    return entry if entry and entry.md5 == item.digest else None
