"""What locks and .dvc files of many commits record of the content of files; each version is parsed once."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from mlops_kit.artifacts.blobs import Blobs, Find
from mlops_kit.artifacts.commit_trees import TreeFile
from mlops_kit.artifacts.dvcfiles import LockedStage, move_stages, read_dvc_file
from mlops_kit.artifacts.layouts import is_pipeline
from mlops_kit.artifacts.locks import FOREIGN_ERRORS, LockReader
from mlops_kit.artifacts.metric_state import Lost
from mlops_kit.artifacts.store import DIRECTORY

Bases = tuple[tuple[str, str], ...]


class RecordReader:
    """Reads records of trees, and remembers what each version of each file says."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._locks = LockReader()
        self._recorded: dict[TreeFile, Mapping[str, LockedStage] | Lost] = {}
        self._outs: dict[tuple[TreeFile, Bases], Mapping[str, str]] = {}

    def look_up(
        self,
        files: Mapping[str, tuple[TreeFile, ...]],
        absent: Mapping[str, Sequence[str]],
        bases: Mapping[str, Bases],
        find: Find,
    ) -> tuple[dict[str, dict[str, str]], dict[str, tuple[Lost, ...]]]:
        """Return key -> path -> recorded content of the `absent` metric files, and key -> records that cannot be read.

        Recorded is a hash, or for a file below a cached folder `hash.dir/name`. `bases` says of the stages with a `wdir` what their
        paths are relative to.
        """
        around = {key: [*_data_files(paths)] for key, paths in absent.items() if paths}
        data = find(around)
        records = {
            key: (
                *(file for file in files[key] if not is_pipeline(file)),
                *(TreeFile(path, data[key, path]) for path in paths if (key, path) in data),
            )
            for key, paths in around.items()
        }
        self._read_records(record for part in records.values() for record in part)
        found: dict[str, dict[str, str]] = {key: {} for key in absent}
        lost: dict[str, tuple[Lost, ...]] = dict.fromkeys(absent, ())
        for key, part in records.items():
            read = [self._outputs(record, bases[key]) for record in part]
            lost[key] = tuple(item for item in read if isinstance(item, Lost))
            for item in read:
                if not isinstance(item, Lost):
                    found[key] |= {path: digest for path in absent[key] if (digest := _digest(path, item))}
        return found, lost

    def _read_records(self, records: Iterable[TreeFile]) -> None:
        fresh = [record for record in dict.fromkeys(records) if record not in self._recorded]
        self._blobs.load(record.blob for record in fresh)
        for record in fresh:
            self._recorded[record] = self._parse_record(record)

    def _outputs(self, record: TreeFile, bases: Bases) -> Mapping[str, str] | Lost:
        """Return path -> hash of all that one file records."""
        stages = self._recorded[record]
        if isinstance(stages, Lost):
            return stages
        if (record, bases) not in self._outs:
            placed = move_stages(stages, posixpath.dirname(record.path), dict(bases))
            outs = {path: digest for stage in placed.values() for path, digest in stage.outs.items()}
            self._outs[record, bases] = outs
        return self._outs[record, bases]

    def _parse_record(self, file: TreeFile) -> Mapping[str, LockedStage] | Lost:
        content = self._blobs.contents.get(file.blob)
        if content is None:
            return {} if file.blob in self._blobs.folders else self._blobs.not_in_clone(file)
        try:
            if file.path.endswith(".dvc"):
                return {file.path: read_dvc_file(content, file.path)}
            return self._locks.read(content, posixpath.dirname(file.path), file.path)
        except FOREIGN_ERRORS as error:
            return self._blobs.not_understood(file, error)


def _data_files(paths: Iterable[str]) -> Iterable[str]:
    """Yield the names of the .dvc files that can record one of `paths` or a folder around it."""
    for path in paths:
        yield f"{path}.dvc"
        parts = path.split("/")
        yield from (f"{'/'.join(parts[:end])}.dvc" for end in range(len(parts) - 1, 0, -1))


def _digest(path: str, recorded: Mapping[str, str]) -> str:
    """Return what is recorded for `path`: its hash, or `hash.dir/name` of a folder around it; empty if nothing is."""
    if recorded.get(path):
        return recorded[path]
    folder = posixpath.dirname(path)
    while folder:
        if recorded.get(folder, "").endswith(DIRECTORY):
            return f"{recorded[folder]}/{posixpath.relpath(path, folder)}"
        folder = posixpath.dirname(folder)
    return ""
