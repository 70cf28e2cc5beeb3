"""One side of a comparison: what a commit, or the work tree, says about itself. Reads git objects and plain files, never DVC."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.contents import Contents, Lost
from mlops_kit.artifacts.costs import known_costs
from mlops_kit.artifacts.datadocs import read_documents
from mlops_kit.artifacts.datafiles import DataFile, collect_data
from mlops_kit.artifacts.dvcfiles import (
    DeclaredOutput,
    LockedStage,
    metric_files,
    move_stages,
    read_dvc_file,
    read_lock,
    read_pipeline,
)
from mlops_kit.artifacts.kit import kit_version
from mlops_kit.artifacts.label_files import LabelFile, label_files
from mlops_kit.artifacts.metric_names import bind_kpis, spellings, unambiguous
from mlops_kit.artifacts.predictions import PredictionTable, read_predictions
from mlops_kit.artifacts.store import Store, check_content, open_store
from mlops_kit.artifacts.trees import CommitTree, Tree, WorkTree
from mlops_kit.artifacts.values import flatten, load_foreign_yaml, parse_values
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.names import LIFECYCLE

if TYPE_CHECKING:
    from mlops_kit.artifacts.plots import PlotFile
    from mlops_kit.artifacts.run_history import StageRun
    from mlops_kit.spec.model import Kpis

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
    """`base`, `head` or `production`."""
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
        """Read the predictions. Raises BadDataError when the file is not what it should be, or not what its hash says."""
        check_content(self.path.read_bytes(), self.digest, self.path)
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
    data: Mapping[str, DataFile] = field(default_factory=dict)
    """Path -> data that `dvc add` or `dvc import` tracks, and tables that stages write."""
    label_key: tuple[str, ...] = ()
    """Columns that name a row of the labels, and the label's own column last; empty outside of our projects."""
    predictions: PredictionFile | None = None
    """Per-row predictions, None where none are declared or they cannot be had."""
    unreadable: tuple[Unreadable, ...] = ()
    """What the side names and could not be read."""
    notes: tuple[str, ...] = ()
    """Further remarks."""
    plots: tuple[PlotFile, ...] = ()
    """Files that plots show; parsed only when they are drawn."""
    kit: str = ""
    """Version of mlops-kit that the side was made for; empty outside of our projects."""
    costs: Mapping[str, StageRun] = field(default_factory=dict)
    """Stage name -> what its recorded run cost, where the cache knows it."""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    """Path -> content of the small files that speak about data, not parsed."""
    label_files: Mapping[str, LabelFile] = field(default_factory=dict)
    """Path -> file below `labels/`, not read."""


def read_side(root: Path, rev: str | None, *, label: str = "", fetch: bool = True) -> Side:
    """Read the side `rev` of the DVC repository at `root`; None is the work tree with its uncommitted changes.

    What is only on the remote is fetched, those objects alone, unless `fetch` is False. What the side names and cannot be read is
    listed in `unreadable`, never left out. Raises UnreadableSideError when the revision does not exist, SpecError when the KPI
    contract of the work tree cannot be used.
    """
    name = "head" if rev is None else label or rev
    if rev is None:
        head = git.find_commit(root, "HEAD")
        info = SideInfo(label or "work tree", "", git.subject(root, head) if head else "")
        return _Reader(root, WorkTree(root), info, name, committed=False, fetch=fetch).read()
    with BlobReader(root) as blobs:
        sha, subject = blobs.describe(rev)
        info = SideInfo(label or rev, sha, subject)
        return _Reader(root, CommitTree(root, sha, blobs), info, name, committed=True, fetch=fetch).read()


@dataclass
class _Declared:
    """What all pipeline files of a side declare together."""

    outputs: list[DeclaredOutput] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    stages: dict[str, LockedStage] = field(default_factory=dict)
    outs: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    resolved: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)


class _Reader:
    def __init__(
        self, root: Path, tree: Tree, info: SideInfo, name: str, *, committed: bool, fetch: bool
    ) -> None:
        self._root = root
        self._tree = tree
        self._info = info
        self._name = name
        self._committed = committed
        self._fetch = fetch
        self._unreadable: list[Unreadable] = []
        self._notes: list[str] = []

    def read(self) -> Side:
        declared = self._declared()
        metrics = metric_files(declared.outputs)
        param_files = [path for path in dict.fromkeys(declared.params) if path != PROVENANCE]
        predictions = [output.path for output in declared.outputs if output.type == "predictions"]
        if len(predictions) > 1:
            self._notes.append(f"several outputs are declared as predictions; {predictions[0]} is compared")
        recorded = {path: digest for stage in declared.stages.values() for path, digest in stage.outs.items()}
        contents = Contents(self._root, self._tree, {**declared.outs, **recorded}, committed=self._committed)
        others = [other for places in metrics.values() for other in places]
        contents.want([*metrics, *others, *param_files, *predictions[:1]], fetch=self._fetch)
        kpis, kpi_values = self._kpis(self._tree.read(["kpis.yaml"]).get("kpis.yaml"))
        found, longer = self._metrics(metrics, contents)
        return Side(
            info=self._info,
            metrics=found,
            params=self._params(param_files, contents, declared.stages),
            kpis=bind_kpis(kpis, longer) if kpis else None,
            kpi_values=kpi_values,
            stages=declared.stages,
            data=self._data(declared),
            label_key=self._label_key(),
            predictions=self._predictions(predictions[0], contents) if predictions else None,
            unreadable=tuple(self._unreadable),
            notes=tuple(dict.fromkeys(self._notes)),
            plots=self._plots(declared),
            kit=kit_version(self._tree),
            costs=known_costs(self._root, declared.stages),
            documents=read_documents(self._tree, declared.stages),
            label_files=label_files(self._root, self._tree, self._info.sha),
        )

    @cached_property
    def _store(self) -> Store:
        return open_store(self._root)

    def _lost(self, what: str, reason: str, fix: str) -> None:
        self._unreadable.append(Unreadable(self._name, what, reason, fix))

    def _declared(self) -> _Declared:
        names = pipeline_files(self._tree)
        folders = sorted(
            {posixpath.dirname(name) for name in names if posixpath.basename(name) == "dvc.yaml"}
        )
        wanted = [posixpath.join(folder, file) for folder in folders for file in ("dvc.yaml", "dvc.lock")]
        data_files = [name for name in names if name.endswith(".dvc")]
        files = self._tree.read([*wanted, *data_files])
        declared = _Declared()
        for path in [*wanted, *data_files]:
            if path in files:
                try:
                    self._add(declared, path, files[path])
                except (SpecError, AttributeError, KeyError, TypeError, ValueError) as error:
                    reason = (
                        error.message if isinstance(error, SpecError) else f"{type(error).__name__}: {error}"
                    )
                    self._lost(path, f"cannot be understood: {reason}", f"git checkout -- {path}")
        return declared

    def _add(self, declared: _Declared, path: str, content: bytes) -> None:
        folder = posixpath.dirname(path)
        if path.endswith("dvc.lock"):
            declared.stages.update(move_stages(read_lock(content, folder, path), folder, declared.bases))
        elif path.endswith(".dvc"):
            tracked = read_dvc_file(content, path)
            declared.outs.update(tracked.outs)
            declared.sizes.update(tracked.sizes)
        else:
            pipeline = read_pipeline(
                content, folder, path, read=lambda name: self._tree.read([name]).get(name)
            )
            declared.outputs += pipeline.outputs
            declared.params += pipeline.param_files
            declared.bases.update(pipeline.bases)
            declared.resolved[path] = pipeline.resolved
            for problem in pipeline.problems:
                self._lost(
                    path,
                    f"a stage cannot be resolved: {problem}",
                    "dvc stage list names it too; mend it in an editor",
                )

    def _kpis(self, content: bytes | None) -> tuple[Kpis | None, dict[str, JsonValue]]:
        if content is None:
            return None, {}
        from mlops_kit.spec.load import load_kpis

        text = content.decode("utf-8", "replace")
        try:
            value = load_foreign_yaml(text, "kpis.yaml") or {}
            return load_kpis(text), flat_kpis(value)
        except SpecError as error:
            if not self._committed:
                raise
            self._notes.append(f"the KPI contract of {self._info.label} cannot be used: {error.message}")
            return None, {}

    def _params(
        self, paths: Sequence[str], contents: Contents, stages: Mapping[str, LockedStage]
    ) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        for path in paths:
            recorded = {
                key: value
                for stage in stages.values()
                for key, value in stage.params.items()
                if key.startswith(f"{path}:")
            }
            files = contents.get(path)
            if isinstance(files, Lost) and recorded:
                self._notes.append(f"{path} is not there; its values are those that dvc.lock records")
                found.update(recorded)
            elif isinstance(files, Lost):
                self._lost(path, f"is named as a parameter file and {files.reason}", files.fix)
            else:
                for name, content in files.items():
                    leaves = self._parse(name, content)
                    found.update({f"{name}:{key}": plain(value) for key, value in leaves if key})
        return found

    def _parse(self, path: str, content: bytes) -> list[tuple[str, Any]]:
        try:
            return list(flatten(parse_values(path, content)))
        except SpecError as error:
            fix = error.fix or (
                f"git checkout -- {path}" if self._committed else "mlops-kit run, or dvc repro"
            )
            self._lost(path, f"cannot be understood: {error.message.removeprefix(path + ': ')}", fix)
            return []

    def _metrics(
        self, paths: Mapping[str, tuple[str, ...]], contents: Contents
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Return metric name -> value, and `file:metric` -> name for those that need no file before them."""
        found: list[tuple[str, str, float]] = []
        for path, others in paths.items():
            files = contents.get(path)
            for other in others:
                files = contents.get(other) if isinstance(files, Lost) else files
            if isinstance(files, Lost):
                self._lost(path, f"is declared as a metric and {files.reason}", files.fix)
                continue
            for name, content in sorted(files.items()):
                found += [
                    (name, key, number) for key, number in self._numbers(name, self._parse(name, content))
                ]
        return unambiguous(found), spellings(found)

    def _numbers(self, path: str, leaves: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, float]]:
        for key, value in leaves:
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if _is_finite(value):
                yield key or posixpath.basename(path), float(value)
            else:
                reason = (
                    f"is {value}, not a finite number"
                    if isinstance(value, float)
                    else "is too large for a number"
                )
                self._lost(f"{path}: {key}", reason, "mend the stage that writes it, then run again")

    def _data(self, declared: _Declared) -> dict[str, DataFile]:
        tracked = LockedStage("", {}, {}, declared.outs, declared.sizes)
        return collect_data(declared.outputs, declared.stages, tracked, lambda: self._store)

    def _label_key(self) -> tuple[str, ...]:
        content = self._tree.read([LIFECYCLE]).get(LIFECYCLE)
        if content is None:
            return ()
        from mlops_kit.spec.load import load_lifecycle

        try:
            task = load_lifecycle(content.decode("utf-8", "replace")).task
        except SpecError:
            return ()  # what is wrong with it is said where the project is run
        return (*task.key, task.target)

    def _plots(self, declared: _Declared) -> tuple[PlotFile, ...]:
        if not any(
            value.get("plots") or "plots" in str(value.get("stages")) for value in declared.resolved.values()
        ):
            return ()
        here = None if self._committed else self._root
        from mlops_kit.artifacts.plots import Files, collect_plots

        files = Files(self._tree.names(), self._tree.read, declared.stages, self._store, here)
        return collect_plots(declared.resolved, files)

    def _predictions(self, path: str, contents: Contents) -> PredictionFile | None:
        here = self._root / path
        if not self._committed and here.is_file():
            import hashlib

            return PredictionFile(here, hashlib.md5(here.read_bytes(), usedforsecurity=False).hexdigest())
        found = contents.locate(path)
        if isinstance(found, Lost):
            self._lost(path, f"holds the predictions and {found.reason}", found.fix)
            return None
        return PredictionFile(*found)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def plain(value: Any) -> JsonValue:
    """Return a value of a foreign file as JSON can say it; other kinds (dates, bytes) become texts."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def flat_kpis(value: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return kpis.yaml as flat values; each promise is named by its metric and slice, so that a reordering is no edit."""
    flat = dict(flatten({key: item for key, item in value.items() if key != "kpis"}))
    for kpi in value.get("kpis") or []:
        name = f"{kpi.get('metric')}" + (f" [{kpi['slice']}]" if kpi.get("slice") else "")
        flat.update({f"{name}.{key}": item for key, item in kpi.items() if key not in ("metric", "slice")})
    return flat
