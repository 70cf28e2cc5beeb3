"""One side of a comparison: what a commit, or the work tree, says about itself. Reads git objects and plain files, never DVC."""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlops_kit.artifacts.dvcfiles import (
    DeclaredOutput,
    LockedStage,
    flatten,
    load_foreign_yaml,
    read_lock,
    read_pipeline,
)
from mlops_kit.artifacts.predictions import PredictionTable, read_predictions
from mlops_kit.artifacts.store import open_store
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.spec.load import load_kpis
from mlops_kit.spec.model import JsonValue, Kpis

PROVENANCE = ".mlops/provenance.yaml"


@dataclass(frozen=True)
class SideInfo:
    """Which commit a side is."""

    label: str
    """What the user calls it: `main`, `HEAD`, `work tree`."""
    sha: str
    """Full commit id; empty for the work tree."""
    subject: str = ""
    """First line of the commit message (untrusted text)."""


@dataclass(frozen=True)
class Unreadable:
    """Something that a side names and that could not be read; its presence makes the exit code 4."""

    side: str
    """`base` or `head`."""
    what: str
    """Path or name of the thing."""
    reason: str
    """What happened."""
    fix: str
    """The command that mends it."""


@dataclass(frozen=True)
class PredictionFile:
    """Where a side's per-row predictions are; loaded only when they are needed."""

    path: Path
    """The file, in the work tree or in the cache."""
    digest: str
    """MD5 of its content."""

    def load(self) -> PredictionTable:
        """Read the predictions. Raises BadDataError when the file is not what it should be."""
        return read_predictions(self.path)


@dataclass(frozen=True)
class Side:
    """Everything that one side of a comparison says."""

    info: SideInfo
    """Which commit it is."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """All metrics by name."""
    params: Mapping[str, JsonValue] = field(default_factory=dict)
    """All parameters, `file:dotted.name` -> value."""
    kpis: Kpis | None = None
    """The KPI contract, None without one."""
    kpi_values: Mapping[str, JsonValue] = field(default_factory=dict)
    """kpis.yaml as flat values, to show edits of the contract itself."""
    stages: Mapping[str, LockedStage] = field(default_factory=dict)
    """Stage name -> its recorded run."""
    predictions: PredictionFile | None = None
    """Per-row predictions, None where none are declared or they cannot be had."""
    unreadable: tuple[Unreadable, ...] = ()
    """What the side names and could not be read."""
    notes: tuple[str, ...] = ()
    """Further remarks."""


class Tree(Protocol):
    """Files of one side."""

    def names(self) -> Iterable[str]:
        """Return all file names."""
        ...

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist."""
        ...


class WorkTree:
    """The files as they lie in the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterable[str]:
        """Return the tracked files, and the untracked pipeline files at the root."""
        return {*git.tracked_files(self._root), "dvc.yaml", "dvc.lock"}

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist."""
        return {path: (self._root / path).read_bytes() for path in paths if (self._root / path).is_file()}


class CommitTree:
    """The files of a commit."""

    def __init__(self, root: Path, sha: str, blobs: git.BlobReader) -> None:
        self._root = root
        self._sha = sha
        self._blobs = blobs

    def names(self) -> Iterable[str]:
        """Return all files of the commit below the root."""
        return git.list_files(self._root, self._sha)

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return path -> content of those that exist."""
        return self._blobs.read(self._sha, paths)


def read_side(root: Path, rev: str | None, *, label: str = "") -> Side:
    """Read the side `rev` of the DVC repository at `root`; None is the work tree with its uncommitted changes.

    What the side names and cannot be read is listed in `unreadable`, never left out. Raises UnreadableSideError when the revision
    does not exist, SpecError when the KPI contract of the work tree cannot be used.
    """
    name = "head" if rev is None else label or rev
    if rev is None:
        head = git.find_commit(root, "HEAD")
        info = SideInfo(label or "work tree", "", git.subject(root, head) if head else "")
        return _Reader(root, WorkTree(root), info, name, committed=False).read()
    sha = git.resolve(root, rev)
    with git.BlobReader(root) as blobs:
        info = SideInfo(label or rev, sha, git.subject(root, sha))
        return _Reader(root, CommitTree(root, sha, blobs), info, name, committed=True).read()


class _Reader:
    def __init__(self, root: Path, tree: Tree, info: SideInfo, name: str, *, committed: bool) -> None:
        self._root = root
        self._tree = tree
        self._info = info
        self._name = name
        self._committed = committed
        self._unreadable: list[Unreadable] = []
        self._notes: list[str] = []

    def read(self) -> Side:
        outputs, param_files, stages = self._pipelines()
        files = self._tree.read(["kpis.yaml", *param_files])
        kpis, kpi_values = self._kpis(files.get("kpis.yaml"))
        params = {
            f"{path}:{key}": value
            for path in param_files
            for key, value in self._params(path, files.get(path))
        }
        return Side(
            info=self._info,
            metrics=self._metrics([o for o in outputs if o.section == "metrics"], stages),
            params=params,
            kpis=kpis,
            kpi_values=kpi_values,
            stages=stages,
            predictions=self._predictions([o for o in outputs if o.type == "predictions"], stages),
            unreadable=tuple(self._unreadable),
            notes=tuple(self._notes),
        )

    def _lost(self, what: str, reason: str, fix: str) -> None:
        self._unreadable.append(Unreadable(self._name, what, reason, fix))

    def _pipelines(self) -> tuple[list[DeclaredOutput], list[str], dict[str, LockedStage]]:
        folders = sorted(
            {posixpath.dirname(name) for name in self._tree.names() if posixpath.basename(name) == "dvc.yaml"}
        )
        wanted = [posixpath.join(folder, file) for folder in folders for file in ("dvc.yaml", "dvc.lock")]
        files = self._tree.read(wanted)
        outputs: list[DeclaredOutput] = []
        params: list[str] = []
        stages: dict[str, LockedStage] = {}
        for folder in folders:
            for path in (posixpath.join(folder, "dvc.yaml"), posixpath.join(folder, "dvc.lock")):
                if path not in files:
                    continue
                try:
                    if path.endswith("lock"):
                        stages.update(read_lock(files[path], folder, path))
                    else:
                        pipeline = read_pipeline(files[path], folder, path)
                        outputs += pipeline.outputs
                        params += [name for name in pipeline.param_files if name != PROVENANCE]
                        self._notes += pipeline.notes
                except (SpecError, AttributeError, KeyError, TypeError, ValueError) as error:
                    self._lost(path, f"cannot be understood: {error}", f"git checkout -- {path}")
        return outputs, list(dict.fromkeys(params)), stages

    def _kpis(self, content: bytes | None) -> tuple[Kpis | None, dict[str, JsonValue]]:
        if content is None:
            return None, {}
        text = content.decode("utf-8", "replace")
        try:
            value = load_foreign_yaml(text, "kpis.yaml") or {}
            return load_kpis(text), flat_kpis(value)
        except SpecError as error:
            if not self._committed:
                raise
            self._notes.append(f"the KPI contract of {self._info.label} cannot be used: {error.message}")
            return None, {}

    def _params(self, path: str, content: bytes | None) -> Iterable[tuple[str, JsonValue]]:
        if content is None:
            return []
        try:
            return [(key, value) for key, value in flatten(parse_values(path, content)) if key]
        except (SpecError, ValueError) as error:
            self._lost(path, f"cannot be understood: {error}", f"git checkout -- {path}")
            return []

    def _metrics(self, declared: list[DeclaredOutput], stages: Mapping[str, LockedStage]) -> dict[str, float]:
        paths = list(dict.fromkeys(output.path for output in declared))
        files = dict(self._tree.read(paths))
        found: list[tuple[str, str, float]] = []
        for path in paths:
            content = files.get(path) or self._from_store(path, stages)
            if content is None:
                reason = "is declared as a metric and is neither in git nor in the DVC cache"
                self._lost(
                    path, reason, f"dvc pull {path}" if recorded_hash(path, stages) else "mlops-kit run"
                )
                continue
            try:
                values = parse_values(path, content)
            except (SpecError, ValueError) as error:
                self._lost(path, f"cannot be understood: {error}", "mlops-kit run")
                continue
            found += [
                (posixpath.splitext(posixpath.basename(path))[0], key, number)
                for key, number in self._numbers(path, values)
            ]
        names = [key for _, key, _ in found]
        return {key if names.count(key) == 1 else f"{stem}:{key}": number for stem, key, number in found}

    def _numbers(self, path: str, values: Any) -> Iterable[tuple[str, float]]:
        for key, value in flatten(values):
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if math.isfinite(value):
                yield key or posixpath.basename(path), float(value)
            else:
                self._lost(
                    f"{path}: {key}",
                    f"is {value}, not a finite number",
                    "mend the stage that writes it, then run again",
                )

    def _from_store(self, path: str, stages: Mapping[str, LockedStage]) -> bytes | None:
        digest = recorded_hash(path, stages)
        blob = open_store(self._root).find(digest) if digest else None
        return blob.read_bytes() if blob else None

    def _predictions(
        self, declared: list[DeclaredOutput], stages: Mapping[str, LockedStage]
    ) -> PredictionFile | None:
        if not declared:
            return None
        path = declared[0].path
        if len(declared) > 1:
            self._notes.append(f"several outputs are declared as predictions; {path} is compared")
        here = self._root / path
        if not self._committed and here.is_file():
            return PredictionFile(here, hashlib.md5(here.read_bytes(), usedforsecurity=False).hexdigest())
        digest = recorded_hash(path, stages)
        blob = open_store(self._root).find(digest) if digest else None
        if blob is not None:
            return PredictionFile(blob, digest)
        if digest:
            self._lost(
                path,
                "the predictions recorded in dvc.lock are not in the DVC cache",
                f"dvc fetch {path} at that commit",
            )
        else:
            self._lost(
                path, "declared, and no run is recorded in dvc.lock", "mlops-kit run, then commit dvc.lock"
            )
        return None


def recorded_hash(path: str, stages: Mapping[str, LockedStage]) -> str:
    """Return the content hash that a lock records for the output `path`; empty if none does."""
    return next((stage.outs[path] for stage in stages.values() if path in stage.outs), "")


def parse_values(path: str, content: bytes) -> Any:
    """Return the value of a metrics or params file, by its extension: JSON, TOML, else YAML."""
    text = content.decode("utf-8")
    if path.endswith(".json"):
        return json.loads(text)
    if path.endswith(".toml"):
        return tomllib.loads(text)
    return load_foreign_yaml(text, path)


def flat_kpis(value: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return kpis.yaml as flat values; each promise is named by its metric and slice, so that a reordering is no edit."""
    flat = dict(flatten({key: item for key, item in value.items() if key != "kpis"}))
    for kpi in value.get("kpis") or []:
        name = f"{kpi.get('metric')}" + (f" [{kpi['slice']}]" if kpi.get("slice") else "")
        flat.update({f"{name}.{key}": item for key, item in kpi.items() if key not in ("metric", "slice")})
    return flat
