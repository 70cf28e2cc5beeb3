"""From a manifest to its folder: each partition from DVC's cache by its hash, else from a local source that still gives it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.hashing import FileHash, hash_file
from mlops_kit.artifacts.places import Place, read_places
from mlops_kit.data.formats.writing import REJECTS
from mlops_kit.data.manifest import PartitionLine, check_ranges, manifest_path, read_manifest
from mlops_kit.data.partitions.parted import Parted
from mlops_kit.data.partitions.source import Offer, Source, State
from mlops_kit.data.partitions.writing import write_parts
from mlops_kit.errors import BadDataError, MlopsKitError


@dataclass(frozen=True)
class Manifest:
    """What a frozen acquire step gets: the partitions that its data folder consists of."""

    stage: str
    """The stage, for messages."""
    folder: Path
    """The data folder."""
    root: Path
    """The project."""

    def lines(self) -> tuple[PartitionLine, ...]:
        """Return the lines. Raises BadDataError when there are none, or when two have one name."""
        return manifest_lines(self.root / self.folder, self.stage)

    def gather(self, source: Source | None = None) -> Path:
        """Put the partitions together in a new folder beside the data folder and return it, for a `PartitionRows` output.

        Nothing is fetched over a network. Each file has the recorded SHA-256. Raises BadDataError when a partition is neither in the cache
        nor given by `source` as it was, with the commands that bring it back.
        """
        lines = self.lines()
        place = read_places(self.root).cache
        folder = self.root / self.folder
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        complete = False
        try:
            missing = [line for line in lines if not copy_partition(line, place, made)]
            if missing and source is not None and source.local:
                missing = _fetch_again(missing, lines, source, made, self.root)
            complete = not missing
        finally:
            if not complete:
                shutil.rmtree(made, ignore_errors=True)
        if missing:
            names = ", ".join(line.partition for line in missing[:3])
            raise BadDataError(
                f"{len(missing)} of {len(lines)} partitions of {self.folder.as_posix()} are not in the cache ({names})",
                fix=f"mlops-kit run --pull {self.stage}, or fetch them again: mlops-kit acquire {self.stage} --refetch",
            )
        return made


def manifest_lines(folder: Path, stage: str) -> tuple[PartitionLine, ...]:
    """Return the lines of the manifest of `folder`, by name. Raises BadDataError when there are none or two have one name."""
    path = manifest_path(folder)
    lines = read_manifest(path)
    if not lines:
        raise BadDataError(f"{path.name}: nothing was acquired yet", fix=f"mlops-kit acquire {stage}")
    by_name(lines, path)
    return tuple(sorted(lines, key=lambda line: line.partition))


def by_name(lines: Sequence[PartitionLine], path: Path) -> dict[str, PartitionLine]:
    """Return partition -> line. Raises BadDataError when two lines have one name and are not the same partition."""
    found: dict[str, PartitionLine] = {}
    for line in lines:
        other = found.setdefault(line.partition, line)
        if (other.sha256, other.rejects_md5) != (line.sha256, line.rejects_md5):
            raise BadDataError(
                f"{path}: two lines for partition `{line.partition}`",
                fix="keep the right one, and then: mlops-kit acquire",
            )
    check_ranges(found.values(), str(path))
    return found


def folder_hashes(lines: Sequence[PartitionLine]) -> dict[str, FileHash]:
    """Return file name -> hashes of the folder that a manifest describes; of rejects the SHA-256 is empty."""
    found: dict[str, FileHash] = {}
    for line in lines:
        found[f"{line.partition}.parquet"] = FileHash(line.md5, line.sha256, line.bytes)
        if line.rejects_md5:
            found[f"{line.partition}{REJECTS}"] = FileHash(line.rejects_md5, "", line.rejects_bytes)
    return found


def copy_partition(line: PartitionLine, place: Place, into: Path) -> bool:
    """Copy the files of a partition from the cache; return False, with nothing left, when they are not there or not whole."""
    for name, wanted in folder_hashes([line]).items():
        path = place.find(wanted.md5)
        if path is None:
            return False
        target = into / name
        shutil.copyfile(path, target)
        found = hash_file(target)
        if found.md5 != wanted.md5 or (wanted.sha256 and found.sha256 != wanted.sha256):
            target.unlink()
            return False
    return True


def _fetch_again(
    missing: Sequence[PartitionLine], lines: Sequence[PartitionLine], source: Source, made: Path, root: Path
) -> list[PartitionLine]:
    """Read partitions from a local source; return those that it does not give as they were."""
    parted = source if isinstance(source, Parted) else None
    try:
        offers = {offer.name: offer for offer in source.look(State(tuple(lines), root=root))}
    except MlopsKitError:
        return list(missing)
    wanted: dict[str, list[PartitionLine]] = {}
    for line in missing:
        wanted.setdefault(unit_of(line, parted, offers), []).append(line)
    left: list[PartitionLine] = []
    for unit, group in wanted.items():
        with tempfile.TemporaryDirectory(prefix=f"{made.name}.", dir=made.parent) as scratch:
            left += _from_offer(offers.get(unit), group, source, made, Path(scratch))
    return left


def _from_offer(
    offer: Offer | None, group: list[PartitionLine], source: Source, made: Path, scratch: Path
) -> list[PartitionLine]:
    parted = source if isinstance(source, Parted) else None
    if offer is None:
        return group
    incoming, ready = scratch / "incoming", scratch / "ready"
    incoming.mkdir()
    ready.mkdir()
    try:
        fetched = source.fetch(offer, incoming, lambda done, total=None: None)
        parts = {part.name: part for part in write_parts(fetched, offer, parted, ready)}
    except MlopsKitError:
        return group
    left = []
    for line in group:
        part = parts.get(line.partition)
        if part is None or (part.sha256, part.rejects_md5) != (line.sha256, line.rejects_md5):
            left.append(line)
            continue
        for name, _ in part.files():
            (ready / name).replace(made / name)
    return left


def unit_of(line: PartitionLine, parted: Parted | None, offers: Mapping[str, Offer]) -> str:
    """Return the name of the offer that a partition came of."""
    if parted is None:
        return line.partition
    return next(iter(offers), "") if parted.single else parted.unit(line.partition)
