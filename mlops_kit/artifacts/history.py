"""Metrics of many commits: each version of a pipeline, a lock or a metric file is parsed once, so cost grows with what changed."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_kit.artifacts.belonging import CONFIG
from mlops_kit.artifacts.blobs import Blobs, Find
from mlops_kit.artifacts.commit_trees import TreeFile
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.layouts import Layout, LayoutReader
from mlops_kit.artifacts.locks import FOREIGN_ERRORS, LockReader
from mlops_kit.artifacts.metric_state import Lost, MetricState
from mlops_kit.artifacts.numbers import NumberReader
from mlops_kit.artifacts.recordings import RecordReader
from mlops_kit.outside import gitlog
from mlops_kit.outside.gitobjects import ObjectReader


class HistoryReader:
    """Reads the metrics of commits by their root trees, many at a time."""

    def __init__(self, root: Path, objects: ObjectReader, prefix: str) -> None:
        """Read for the DVC repository at `root`, whose path in the git repository is `prefix` (empty or ending in a slash)."""
        self._root = root
        self._blobs = Blobs(root, objects, prefix)
        self._layouts = LayoutReader(self._blobs)
        self._records = RecordReader(self._blobs)
        self._numbers = NumberReader(root, self._blobs)
        self._known: dict[object, MetricState] = {}
        self._states: dict[str, MetricState] = {}

    def at_commits(self, trees: Sequence[str]) -> list[MetricState]:
        """Return the metrics at each of the root trees (ids), in their order."""
        files = self._blobs.trees.pipeline_files(tree for tree in trees if tree not in self._states)
        self._states |= self._read(files, self._blobs.trees.find)
        return [self._states[tree] for tree in trees]

    def at_work_tree(self) -> MetricState:
        """Return the metrics as they lie in the folder, with uncommitted changes."""
        tracked = sorted({*gitlog.tracked_pipelines(self._root), "dvc.yaml", "dvc.lock"})
        inner = tuple(name.removesuffix(CONFIG) for name in tracked if name.endswith(f"/{CONFIG}"))
        names = [
            name
            for name in tracked
            if posixpath.basename(name) in ("dvc.yaml", "dvc.lock") and not (inner and name.startswith(inner))
        ]
        files = tuple(TreeFile(name, blob) for name in names if (blob := self._blobs.on_disk(name)))
        return self._read({"": files}, self._blobs.find_on_disk)[""]

    def _read(self, files: Mapping[str, tuple[TreeFile, ...]], find: Find) -> dict[str, MetricState]:
        """Return key -> state; `files` is key -> pipeline files of one tree."""
        files = self._layouts.leave_out_ignored(files, find)
        layouts = self._layouts.lay_out(files, find)
        found = find({key: layout.all_places for key, layout in layouts.items()})
        here: dict[str, dict[str, str]] = {key: {} for key in files}
        for (key, path), blob in found.items():
            here[key][path] = blob
        places = {key: layout.places(here[key]) for key, layout in layouts.items()}
        absent = {key: layout.absent(places[key]) for key, layout in layouts.items()}
        bases = {key: layout.bases for key, layout in layouts.items()}
        recorded, lost = self._records.look_up(files, absent, bases, find)
        self._numbers.load(TreeFile(path, blob) for part in places.values() for path, blob in part.items())
        states = {key: self._state(layouts[key], places[key], recorded[key], lost[key]) for key in files}
        self._blobs.forget()
        return states

    def _state(
        self, layout: Layout, found: Mapping[str, str], cached: Mapping[str, str], lost: Sequence[Lost]
    ) -> MetricState:
        same = (id(layout), *found.items(), *cached.items(), *lost)
        if same not in self._known:
            parts = [self._numbers.in_git(TreeFile(path, blob)) for path, blob in found.items()]
            parts += [self._numbers.in_store(path, digest) for path, digest in cached.items()]
            self._known[same] = MetricState(
                {(path, key): number for part in parts for path, key, number in part.numbers},
                (*layout.lost, *lost, *(item for part in parts for item in part.lost)),
                tuple(path for path in layout.absent(found) if path not in cached),
                layout.homes,
            )
        return self._known[same]


def count_looks(root: Path, test_set: str, *, outputs: Collection[str] = (), rev: str = "HEAD") -> int:
    """Return how many different results were evaluated on one test set in the history of `rev`.

    `test_set` is the content hash of the test set as lock files record it. A look is a distinct content of what a stage with that
    dependency wrote: `outputs` (paths relative to the DVC root, for example predictions and metrics) where given, else all that it
    wrote. Stages are counted each for itself, and the largest count is returned; 0 when the test set was never evaluated.
    A lock that cannot be understood counts nothing. Whether one look more is too many is for the caller to say.

    Two git processes whatever the length of the history, and only lock files are read: cost grows with their distinct versions.
    Raises UnreadableSideError when `rev` does not exist here.
    """
    return count_looks_each(root, [test_set], outputs=outputs, rev=rev)[test_set]


def count_looks_each(
    root: Path, test_sets: Collection[str], *, outputs: Collection[str] = (), rev: str = "HEAD"
) -> dict[str, int]:
    """Return test set -> looks as count_looks does, for many in one go."""
    seen: dict[str, dict[str, set[tuple[tuple[str, str], ...]]]] = {digest: {} for digest in test_sets}
    for stages in _locks(root, rev):
        for name, stage in stages.items():
            outs = tuple(pair for pair in stage.outs.items() if not outputs or pair[0] in outputs)
            for digest in seen.keys() & set(stage.deps.values()) if outs else ():
                seen[digest].setdefault(name, set()).add(outs)
    return {digest: max(map(len, found.values()), default=0) for digest, found in seen.items()}


def _locks(root: Path, rev: str) -> Iterator[Mapping[str, LockedStage]]:
    """Yield the stages of every version of every lock file in the history of `rev` that can be understood."""
    reader = LockReader()
    prefix = gitlog.locate(root).prefix
    versions = gitlog.file_versions(root, rev, "dvc.lock")
    with ObjectReader(root) as objects:
        for (path, _), found in zip(versions, objects.read([blob for _, blob in versions]), strict=True):
            inside = path.removeprefix(prefix)
            stages: Mapping[str, LockedStage] = {}
            with suppress(*FOREIGN_ERRORS):
                stages = reader.read(found.content if found else b"", posixpath.dirname(inside), inside)
            yield stages
