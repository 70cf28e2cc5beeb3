"""Which files of a table differ: the same content on both sides cancels, under whatever name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_kit.data.diff.model import FileChange
from mlops_kit.data.diff.reading import FileVersion, table_format

REFERENCE_BYTES = 256 << 20
_TEXT_COSTS = 8  # a byte of text to parse counts as this many of Parquet


@dataclass(frozen=True)
class FileSet:
    """The files of both sides, matched."""

    old: tuple[FileVersion, ...]
    """Files that only the base side has; they are read."""
    new: tuple[FileVersion, ...]
    """Files that only the head side has; they are read."""
    same: tuple[FileVersion, ...]
    """Files of the head that the base has too, perhaps under another name."""
    changes: tuple[FileChange, ...]
    """What differs, by name; rows are not filled in."""

    def reference(self) -> tuple[FileVersion, ...]:
        """Return the last unchanged files by name that are here, at most 256 MB of Parquet or 32 MB of text: what new rows are compared with."""
        chosen: list[FileVersion] = []
        size = 0
        for file in sorted(self.same, key=lambda file: file.name, reverse=True):
            if file.place is None:
                continue
            cost = 1 if table_format(file.name) == "parquet" else _TEXT_COSTS
            size += file.place.stat().st_size * cost
            if size > REFERENCE_BYTES:
                break
            chosen.append(file)
        return tuple(reversed(chosen))


def match_files(old: Sequence[FileVersion], new: Sequence[FileVersion]) -> FileSet:
    """Match the files of both sides by content, those of the same name first; a file without a hash equals none."""
    before = {file.name: file for file in old}
    same = [
        file
        for file in new
        if file.name in before and file.digest and before[file.name].digest == file.digest
    ]
    names = {file.name for file in same}
    rest_old = [file for file in sorted(old, key=lambda file: file.name) if file.name not in names]
    rest_new: list[FileVersion] = []
    changes: list[FileChange] = []
    for file in sorted((file for file in new if file.name not in names), key=lambda file: file.name):
        twin = next((other for other in rest_old if file.digest and other.digest == file.digest), None)
        if twin is None:
            rest_new.append(file)
            continue
        rest_old.remove(twin)
        same.append(file)
        changes.append(FileChange(file.name, "renamed", old_name=twin.name))
    both = {file.name for file in rest_old} & {file.name for file in rest_new}
    changes += [FileChange(file.name, "removed") for file in rest_old if file.name not in both]
    changes += [FileChange(file.name, "changed" if file.name in both else "added") for file in rest_new]
    return FileSet(
        tuple(rest_old),
        tuple(rest_new),
        tuple(same),
        tuple(sorted(changes, key=lambda change: (change.name, change.kind))),
    )
