"""What a commit records of its stages: command, inputs, parameters and outputs with their hashes, from dvc.yaml and dvc.lock."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.declared import MANIFEST_ENDING
from mlops_kit.artifacts.dvcfiles import (
    DeclaredOutput,
    LockedStage,
    Pipeline,
    move_stages,
    read_dvc_file,
    read_lock,
    read_pipeline,
)
from mlops_kit.artifacts.evidence import EVIDENCE, FileEvidence, StageEvidence, parse_evidence
from mlops_kit.artifacts.trees import CommitTree, Tree
from mlops_kit.outside.gitobjects import BlobReader
from mlops_kit.spec.kinds import JsonValue

if TYPE_CHECKING:
    from mlops_kit.project.reproduce.isolate import Origin

RERUN = "mlops-kit run (or dvc repro), then commit dvc.lock"


@dataclass(frozen=True)
class Recorded:
    """One file or folder as dvc.lock records it."""

    path: str
    """Path relative to the DVC root; another root's path or an address for what lies outside."""
    digest: str
    """MD5, with `.dir` behind it for a folder; an etag or empty for what DVC does not hash."""
    size: int | None = None
    """Bytes."""
    sha256: str = ""
    """SHA-256 of .mlops/evidence.json, where it is of the same content; empty otherwise."""
    section: str = ""
    """Of an output: `outs`, `metrics` or `plots`."""
    cache: bool = True
    """Of an output: whether DVC keeps the content; otherwise git does."""
    type: str = ""
    """Of an output: DVC's `type` annotation."""

    @property
    def hashed(self) -> bool:
        """Return whether the digest is an MD5, so that content can be checked against it."""
        return len(self.digest.removesuffix(".dir")) == 32


@dataclass(frozen=True)
class StageSource:
    """One stage of a revision: what it takes to run it again, and what came out when it was recorded."""

    name: str
    """Name; `folder/dvc.yaml:name` outside of the DVC root."""
    commands: tuple[str, ...]
    """Shell commands, in order."""
    wdir: str
    """Folder in which they run, relative to the DVC root; empty for the root."""
    deps: tuple[Recorded, ...]
    """Recorded inputs."""
    params: Mapping[str, JsonValue]
    """`file:dotted.name` -> recorded value."""
    outs: tuple[Recorded, ...]
    """Recorded outputs."""
    frozen: bool = False
    """Whether an ordinary run of the pipeline leaves it alone."""
    problem: str = ""
    """Why it cannot be run again from what is recorded; empty when it can."""
    mend: str = ""
    """The command that mends the problem."""
    origin: Origin | None = field(default=None, repr=False, compare=False)
    """Where files and recorded content come from."""

    @property
    def gathers(self) -> bool:
        """Return whether it only puts together what was acquired: its output is given, as what a .dvc file tracks is."""
        manifests = any(dep.path.endswith(MANIFEST_ENDING) for dep in self.deps)
        return self.frozen and manifests and not self.problem


@dataclass(frozen=True)
class Revision:
    """All stages of a commit, and what else DVC tracks in it."""

    sha: str
    """Full commit id."""
    stages: tuple[StageSource, ...]
    """The stages, in the order of the pipeline files; those that put acquired data together are none, since there is nothing to compute."""
    tracked: Mapping[str, str]
    """Path -> MD5 of what `.dvc` files track, and of data that was acquired."""
    problems: tuple[str, ...] = ()
    """Parts of pipeline files that could not be resolved."""

    def producers(self) -> dict[str, StageSource]:
        """Return path of an output -> the stage that writes it."""
        return {out.path: stage for stage in self.stages for out in stage.outs}


def read_revision(root: Path, sha: str) -> Revision:
    """Read the commit `sha` of the DVC repository at `root`: all its pipelines, `foreach` and templates resolved.

    Raises SpecError when a dvc.yaml or dvc.lock of it cannot be used.
    """
    with BlobReader(root) as blobs:
        tree = CommitTree(root, sha, blobs)
        return _Reader(tree, sha).read()


class _Reader:
    def __init__(self, tree: Tree, sha: str) -> None:
        self._tree = tree
        self._sha = sha
        names = pipeline_files(tree)
        folders = sorted({posixpath.dirname(n) for n in names if posixpath.basename(n) == "dvc.yaml"})
        self._folders = folders
        self._dvc = [name for name in names if name.endswith(".dvc")]
        wanted = [posixpath.join(folder, file) for folder in folders for file in ("dvc.yaml", "dvc.lock")]
        self._files = tree.read([*wanted, *self._dvc, EVIDENCE.as_posix()])
        self._evidence = parse_evidence(self._files.get(EVIDENCE.as_posix(), b""))
        self._problems: list[str] = []

    def read(self) -> Revision:
        stages = [stage for folder in self._folders for stage in self._stages(folder)]
        tracked: dict[str, str] = {}
        for path in self._dvc:
            tracked.update(read_dvc_file(self._files[path], path).outs)
        for stage in stages:
            tracked.update({out.path: out.digest for out in stage.outs} if stage.gathers else {})
        computed = tuple(stage for stage in stages if not stage.gathers)
        return Revision(self._sha, computed, tracked, tuple(self._problems))

    def _stages(self, folder: str) -> Iterator[StageSource]:
        path = posixpath.join(folder, "dvc.yaml")
        pipeline = read_pipeline(
            self._files[path], folder, path, read=lambda name: self._tree.read([name]).get(name)
        )
        self._problems += pipeline.problems
        lock = posixpath.join(folder, "dvc.lock")
        recorded = read_lock(self._files[lock], folder, lock) if lock in self._files else {}
        locked = move_stages(recorded, folder, pipeline.bases)
        for name, stage in pipeline.resolved["stages"].items():
            full = f"{folder}/dvc.yaml:{name}" if folder else str(name)
            yield self._stage(full, stage, folder, pipeline, locked.get(full))

    def _stage(
        self, name: str, stage: Mapping[str, Any], folder: str, pipeline: Pipeline, locked: LockedStage | None
    ) -> StageSource:
        cmd = stage.get("cmd") or ""
        commands = [str(one) for one in cmd] if isinstance(cmd, list) else str(cmd).splitlines()
        wdir = _clean(posixpath.join(folder, str(stage.get("wdir") or "").replace("\\", "/")))
        declared = {out.path: out for out in pipeline.outputs if out.stage == name}
        frozen = bool(stage.get("frozen"))
        if locked is None:
            outs = tuple(_declared(out) for out in declared.values())
            reason = "no run of it is recorded in dvc.lock"
            return StageSource(name, tuple(commands), wdir, (), {}, outs, frozen, reason, RERUN)
        known = self._evidence.get(name, StageEvidence())
        outs = tuple(_recorded(path, locked, known.outs, declared) for path in locked.outs)
        deps = tuple(_recorded(path, locked, known.deps, {}) for path in locked.deps)
        problem = ""
        if "\n".join(commands) != locked.cmd:
            problem = "its command is not the one that dvc.lock records"
        missing = sorted(set(declared) - {out.path for out in outs})
        if missing:
            problem = f"dvc.lock records no content of its output {missing[0]}"
        return StageSource(
            name,
            tuple(commands),
            wdir,
            deps,
            locked.params,
            outs,
            frozen,
            problem,
            RERUN if problem else "",
        )


def _recorded(
    path: str,
    locked: LockedStage,
    known: Mapping[str, FileEvidence],
    declared: Mapping[str, DeclaredOutput],
) -> Recorded:
    digest = locked.outs[path] if path in locked.outs else locked.deps[path]
    seen = known.get(path)
    out = declared.get(path)
    return Recorded(
        path,
        digest,
        locked.sizes.get(path, (None, None))[0],
        seen.sha256 if seen and seen.md5 == digest else "",
        out.section if out else "",
        out.cache if out else True,
        out.type if out else "",
    )


def _declared(out: DeclaredOutput) -> Recorded:
    return Recorded(out.path, "", None, "", out.section, out.cache, out.type)


def _clean(path: str) -> str:
    plain = posixpath.normpath(path) if path else ""
    return "" if plain == "." else plain
