"""Which metrics the pipelines of many commits declare: a dvc.yaml is parsed again only when it, or what its templates read, changed."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlops_kit.artifacts.belonging import IGNORE, read_ignores
from mlops_kit.artifacts.blobs import Blobs, Find
from mlops_kit.artifacts.commit_trees import TreeFile
from mlops_kit.artifacts.dvcfiles import Pipeline, metric_files, read_pipeline
from mlops_kit.artifacts.locks import FOREIGN_ERRORS
from mlops_kit.artifacts.metric_state import Lost

Parsed = tuple[TreeFile, tuple[tuple[str, str | None], ...]]
"""A dvc.yaml, with what its templates read: path -> blob, None where there was no file."""


@dataclass(frozen=True)
class Layout:
    """Which metric files the pipelines of one tree declare."""

    homes: Mapping[str, str]
    """Metric file -> the dvc.yaml that declares it."""
    others: Mapping[str, tuple[str, ...]]
    """Metric file -> other places where an old DVC may have put it."""
    lost: tuple[Lost, ...]
    """What could not be resolved."""
    bases: tuple[tuple[str, str], ...] = ()
    """Stages with a `wdir`, and the folder that their recorded paths are relative to."""

    @property
    def all_places(self) -> tuple[str, ...]:
        """Return every path at which a metric file may be."""
        return (*self.homes, *(place for places in self.others.values() for place in places))

    def places(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return where each metric file is, with its blob: of those places that were `found` the first."""
        options = ((path, *self.others.get(path, ())) for path in self.homes)
        firsts = (next((place for place in places if place in found), None) for places in options)
        return {place: found[place] for place in firsts if place is not None}

    def absent(self, found: Mapping[str, str]) -> list[str]:
        """Return the metric files of which nothing was `found`."""
        return [
            path for path in self.homes if not any(p in found for p in (path, *self.others.get(path, ())))
        ]


class LayoutReader:
    """Reads the pipelines of trees, and remembers what each version of each file declares."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._ignores: dict[str, Callable[[str], bool] | None] = {}
        self._reads: dict[TreeFile, tuple[str, ...]] = {}
        self._pipelines: dict[Parsed, Pipeline | Lost] = {}
        self._layouts: dict[tuple[Parsed, ...], Layout] = {}

    def leave_out_ignored(
        self, files: Mapping[str, tuple[TreeFile, ...]], find: Find
    ) -> dict[str, tuple[TreeFile, ...]]:
        """Leave out what the .dvcignore at the DVC root names, as it stood in each tree."""
        ignores = {key: blob for (key, _), blob in find({key: [IGNORE] for key in files}).items()}
        fresh = {blob for blob in ignores.values() if blob not in self._ignores}
        self._blobs.load(fresh)
        self._ignores |= {blob: read_ignores({"": self._blobs.contents.get(blob, b"")}) for blob in fresh}
        made = {}
        for key, part in files.items():
            ignored = self._ignores.get(ignores.get(key, ""))
            made[key] = part if ignored is None else tuple(f for f in part if not ignored(f.path))
        return made

    def lay_out(self, files: Mapping[str, tuple[TreeFile, ...]], find: Find) -> dict[str, Layout]:
        pipelines = {key: tuple(f for f in part if is_pipeline(f)) for key, part in files.items()}
        self._blobs.load(file.blob for part in pipelines.values() for file in part if file not in self._reads)
        read_by_templates = {
            key: {path for file in part for path in self._reads.get(file, ())}
            for key, part in pipelines.items()
        }
        places = find({key: paths for key, paths in read_by_templates.items() if paths})
        made: dict[str, Layout] = {}
        for key, part in pipelines.items():
            parsed = tuple(self._parsed(key, file, places, find) for file in part)
            if parsed not in self._layouts:
                self._layouts[parsed] = self._layout(parsed)
            made[key] = self._layouts[parsed]
        return made

    def _parsed(self, key: str, file: TreeFile, places: Mapping[tuple[str, str], str], find: Find) -> Parsed:
        """Return which dvc.yaml it is, with what its templates read in the tree `key`; parse it if that was not seen before."""
        reads = self._reads.get(file)
        if reads is not None:
            name = (file, tuple((path, places.get((key, path))) for path in reads))
            if name in self._pipelines:
                return name
            self._blobs.load([file.blob])
        used: dict[str, str | None] = {}

        def read(path: str) -> bytes | None:
            used[path] = find({key: [path]}).get((key, path))
            self._blobs.load([blob] if (blob := used[path]) else [])
            return self._blobs.contents.get(blob) if blob else None

        pipeline = self._parse_pipeline(file, read)
        self._reads[file] = (*(reads or ()), *(path for path in used if path not in (reads or ())))
        complete = {path: places.get((key, path)) for path in self._reads[file]} | used
        name = (file, tuple(complete.items()))
        self._pipelines[name] = pipeline
        return name

    def _parse_pipeline(self, file: TreeFile, read: Callable[[str], bytes | None]) -> Pipeline | Lost:
        if file.blob not in self._blobs.contents:
            return self._blobs.not_in_clone(file)
        folder = posixpath.dirname(file.path)
        try:
            return read_pipeline(self._blobs.contents[file.blob], folder, file.path, read=read)
        except FOREIGN_ERRORS as error:
            return self._blobs.not_understood(file, error)

    def _layout(self, parsed: tuple[Parsed, ...]) -> Layout:
        homes: dict[str, str] = {}
        others: dict[str, tuple[str, ...]] = {}
        lost: list[Lost] = []
        bases: dict[str, str] = {}
        for name in parsed:
            pipeline, file = self._pipelines[name], name[0]
            if isinstance(pipeline, Lost):
                lost.append(pipeline)
                continue
            declared = metric_files(pipeline.outputs)
            bases |= pipeline.bases
            homes |= dict.fromkeys(declared, file.path)
            others |= {path: places for path, places in declared.items() if places}
            lost += [
                Lost(
                    file.path,
                    f"a stage cannot be resolved: {problem}",
                    self._blobs.show(file.path),
                    content=file.blob,
                )
                for problem in pipeline.problems
            ]
        return Layout(homes, others, tuple(lost), tuple(bases.items()))


def is_pipeline(file: TreeFile) -> bool:
    """Return whether a pipeline file is a dvc.yaml; otherwise it is a lock."""
    return posixpath.basename(file.path) == "dvc.yaml"
