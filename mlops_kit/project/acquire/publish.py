"""Making fetched partitions part of the project: content into the cache, then the manifest, then the folder, then dvc.lock.

The manifest is the one thing that decides. Until it is written nothing of the new partitions can be seen; from then on all else follows
from it and the cache, so whoever comes after a crash only does this again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.artifacts.entries import Entries, written
from mlops_kit.artifacts.freshness import Freshness
from mlops_kit.artifacts.hashing import FileHash, fold_folder
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.statcache import StatCache, replace_text
from mlops_kit.data.manifest import PartitionLine, manifest_path, manifest_text
from mlops_kit.data.partitions.gather import folder_hashes
from mlops_kit.errors import BadDataError, OutsideError, RefusedError
from mlops_kit.outside.git import is_ignored
from mlops_kit.outside.run_lock import hold_dvc


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    recorded: bool
    """Whether dvc.lock was changed."""
    absent: int
    """Partitions whose content is not on this machine."""


def check_kept(root: Path, folder: str) -> None:
    """Raise RefusedError when git ignores the manifest of the data folder: without it nobody knows which data a commit has."""
    manifest = manifest_path(root / folder)
    if is_ignored(root, manifest):
        name, around = manifest_path(Path(folder)).as_posix(), Path(folder).parent.as_posix()
        # Git looks into no folder that it ignores, so a line for one file in it would do nothing.
        whole = is_ignored(root, root / around)
        instead = f"write `/{around}/*` for the line that ignores {around}/, and" if whole else "add"
        raise RefusedError(
            f"git ignores {name}, which says what was acquired",
            fix=f"in .gitignore {instead} a line `!/{name}` below it (git check-ignore -v {name} shows the line)",
        )


def check_folder(root: Path, folder: str, lines: Sequence[PartitionLine]) -> None:
    """Raise RefusedError when the data folder holds what the manifest does not have: it is somebody's work.

    Files that are missing are no reason, nor is another version that the cache has: a crash or a checkout leaves these.
    """
    here = root / folder
    if not here.is_dir():
        return
    cache, objects = StatCache(root), Objects(root)
    wanted = folder_hashes(lines)
    for path in sorted(path for path in here.rglob("*") if path.is_file()):
        name = path.relative_to(here).as_posix()
        if name in wanted and cache.hash(path).md5 == wanted[name].md5:
            continue
        if not objects.holds(cache.hash(path).md5):
            what = "was edited" if name in wanted else "is not in the manifest"
            raise RefusedError(
                f"{folder}/{name} {what}, and its content is nowhere else",
                fix=f"move it away, then: mlops-kit acquire; to acquire it, put it where the source is, not into {folder}",
            )
    cache.save()


def unrecorded_files(root: Path, stage: DeclaredStage, lines: Sequence[PartitionLine]) -> list[str]:
    """Return the files in which what dvc.lock records of a stage's data folder and its manifest differ; all where nothing is recorded."""
    from mlops_kit.artifacts.lock_file import LockFile

    wanted = folder_hashes(lines)
    lock = LockFile(root / stage.lock)
    entry = lock.entry(stage.short) if (root / stage.lock).exists() else None
    recorded = {item["path"]: item.get("md5", "") for item in (entry or {}).get("outs") or []}
    digest = recorded.get(written(stage, stage.outs[0].path), "")
    if not wanted and not digest:
        return []
    if digest == fold_folder(wanted).md5:
        return []
    members = Objects(root).members(digest) or {} if digest else {}
    different = {*wanted, *members}
    return sorted(name for name in different if name not in wanted or wanted[name].md5 != members.get(name))


def publish(
    root: Path,
    stage: str,
    folder: str,
    lines: Sequence[PartitionLine],
    fresh: Mapping[str, Path],
) -> Published:
    """Let `lines` be what the data folder of a stage consists of; `fresh` is file name -> where it lies ready.

    Does nothing that is done already. Raises OSError, RefusedError, OutsideError, SpecError.
    """
    wanted = folder_hashes(lines)
    objects = Objects(root)
    with hold_dvc(root):
        for name, path in fresh.items():
            objects.put_file(path, wanted[name])
        objects.settle()
        _write_manifest(manifest_path(root / folder), lines)
        missing = _complete(root / folder, wanted, fresh, objects, StatCache(root))
    recorded = _record(root, stage, folder, wanted, complete=not missing)
    return Published(recorded, len({name.partition(".rejects")[0] for name in missing}))


def _write_manifest(path: Path, lines: Sequence[PartitionLine]) -> None:
    text = manifest_text(lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text, durable=True)


def _complete(
    folder: Path,
    wanted: Mapping[str, FileHash],
    fresh: Mapping[str, Path],
    objects: Objects,
    cache: StatCache,
) -> list[str]:
    """Bring the folder to what is wanted; return, with the folder as it was, the files that are nowhere on this machine."""
    present = {name: cache.hash(folder / name).md5 for name in wanted if (folder / name).is_file()}
    lacking = [name for name, found in wanted.items() if present.get(name) != found.md5]
    missing = [name for name in lacking if not objects.holds(wanted[name].md5)]
    if missing:
        return missing
    folder.mkdir(parents=True, exist_ok=True)
    for name in lacking:
        if name in fresh and objects.links[0] in ("reflink", "copy"):
            os.replace(fresh[name], folder / name)  # noqa: PTH105 - the one call that also replaces on Windows
        else:
            objects.link(wanted[name].md5, folder / name)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()  # of another version of the manifest: check_folder has seen that the cache has it
    cache.save()
    return []


def _record(root: Path, stage: str, folder: str, wanted: Mapping[str, FileHash], *, complete: bool) -> bool:
    """Record the stage in dvc.lock as it is now; return whether that changed anything."""
    freshness = Freshness(root, quiet_comments=False)
    declared = freshness.pipelines.stages.get(stage)
    if declared is None or not declared.frozen:
        raise OutsideError(f"dvc.yaml has no frozen stage `{stage}`", fix="mlops-kit generate")
    whole = fold_folder(wanted)
    entry = Entries(freshness).inputs(declared)
    known = freshness.recorded(stage)
    out = {
        "path": written(declared, folder),
        "hash": "md5",
        "md5": whole.md5,
        "size": whole.size,
        "nfiles": len(wanted),
    }
    same = known is not None and _plain({**entry, "outs": [out]}) == _plain(known.entry)
    if same and (not complete or Objects(root).holds_all(whole.md5)):
        return False
    # Only what is new needs these; they load a parser of YAML that keeps layouts.
    from mlops_kit.artifacts.ledger import Ledger
    from mlops_kit.artifacts.lock_file import LockFile

    if not complete:
        with hold_dvc(root):
            Objects(root).put_listing(wanted, whole.md5)
            LockFile(root / declared.lock).write({declared.short: {**entry, "outs": [out]}})
        return True
    ledger = Ledger(root, freshness, guard=lambda: hold_dvc(root))
    ledger.record(stage)
    ledger.flush()
    freshness.save()
    found = freshness.look(folder)
    if found is None or found.md5 != whole.md5:
        raise BadDataError(
            f"{folder} is not what its manifest says: something writes into it",
            fix=f"mlops-kit acquire {stage}",
        )
    return not same


def _plain(value: Any) -> Any:
    import json

    return json.loads(json.dumps(value, default=str))
