"""Everything that the locks and .dvc files of a side name, with what DVC does with it: the list that checks go through."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.dvcfiles import (
    DeclaredOutput,
    LockedStage,
    move_stages,
    read_dvc_file,
    read_lock,
    read_pipeline,
)
from mlops_kit.artifacts.places import is_digest
from mlops_kit.artifacts.trees import CommitTree, Tree, WorkTree
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader

FOREIGN_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Recorded:
    """One output or input as a lock or a .dvc file records it."""

    path: str
    """Path below the root of the DVC repository, with `/`."""
    digest: str
    """MD5, `….dir` for a folder."""
    stage: str
    """The stage, or the path of the .dvc file."""
    source: str
    """The file that records it."""
    size: int | None = None
    """Bytes, where recorded."""
    cached: bool = True
    """Whether DVC keeps the content; otherwise git does, or nobody."""
    pushed: bool = True
    """Whether `dvc push` uploads it."""
    remote: str = ""
    """The remote that it belongs to; empty for the default one."""

    @property
    def is_folder(self) -> bool:
        """Return whether it is a folder."""
        return self.digest.endswith(".dir")


@dataclass(frozen=True)
class Inventory:
    """All that one side names."""

    outs: tuple[Recorded, ...]
    """Outputs of stages and data of .dvc files."""
    deps: tuple[Recorded, ...]
    """Inputs of stages."""
    stages: Mapping[str, LockedStage]
    """Stage -> its recorded run; those of the pipeline as it is declared now."""
    problems: tuple[str, ...] = ()
    """Files that cannot be understood, each with the reason."""

    @property
    def cached(self) -> tuple[Recorded, ...]:
        """Return the outputs whose content DVC keeps."""
        return tuple(out for out in self.outs if out.cached)


def read_inventory(root: Path, rev: str | None = None) -> Inventory:
    """Return what the DVC repository at `root` names at the revision `rev`, in the work tree when None.

    What has no MD5 (a database, a cloud version) is left out: nothing here could check it. Raises UnreadableSideError for a
    revision that does not exist.
    """
    if rev is None:
        return _read(_Present(root))
    with BlobReader(root) as blobs:
        return _read(CommitTree(root, git.resolve(root, rev), blobs))


class _Present(WorkTree):
    """The work tree with the files that nobody has given to git yet: what `dvc add` wrote a moment ago counts."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._present = frozenset({*git.known_files(root), "dvc.yaml", "dvc.lock"})

    def names(self) -> Iterable[str]:
        """Return the tracked files and those that git would add."""
        return self._present


def _read(tree: Tree) -> Inventory:
    names = pipeline_files(tree)
    files = tree.read(names)
    outs: list[Recorded] = []
    deps: list[Recorded] = []
    stages: dict[str, LockedStage] = {}
    problems: list[str] = []
    for name in sorted(files):
        try:
            if name.endswith(".dvc"):
                outs += _of_dvc_file(files[name], name)
            elif posixpath.basename(name) == "dvc.yaml":
                found = _of_pipeline(tree, files, name)
                stages |= found[0]
                outs += found[1]
                deps += found[2]
        except (SpecError, *FOREIGN_ERRORS) as error:
            words = error.message if isinstance(error, SpecError) else f"{name}: {error}"
            problems.append(words)
    return Inventory(tuple(outs), tuple(deps), stages, tuple(problems))


def _of_pipeline(
    tree: Tree, files: Mapping[str, bytes], name: str
) -> tuple[dict[str, LockedStage], list[Recorded], list[Recorded]]:
    folder = posixpath.dirname(name)
    lock = posixpath.join(folder, "dvc.lock")
    if lock not in files:
        return {}, [], []
    pipeline = read_pipeline(files[name], folder, name, read=lambda path: tree.read([path]).get(path))
    prefix = f"{folder}/dvc.yaml:" if folder else ""
    known = {prefix + stage for stage in pipeline.stages}
    recorded = move_stages(read_lock(files[lock], folder, lock), folder, pipeline.bases)
    stages = {stage: run for stage, run in recorded.items() if stage in known}
    declared = {out.path: out for out in pipeline.outputs if out.stage}
    outs: list[Recorded] = []
    deps: list[Recorded] = []
    for stage, run in stages.items():
        for path, digest in run.outs.items():
            if is_digest(digest):
                outs.append(_recorded(path, digest, stage, lock, run, _options(declared.get(path))))
        deps += [
            Recorded(path, digest, stage, lock) for path, digest in run.deps.items() if is_digest(digest)
        ]
    return stages, outs, deps


def _options(out: DeclaredOutput | None) -> Mapping[str, Any]:
    return {} if out is None else {**out.options, "cache": out.cache}


def _of_dvc_file(content: bytes, name: str) -> Iterator[Recorded]:
    run = read_dvc_file(content, name)
    value = load_foreign_yaml(content, name)
    imported = any("repo" in dep for dep in value.get("deps") or [])
    options = [dict(entry) for entry in value.get("outs") or []]
    for (path, digest), chosen in zip(run.outs.items(), options, strict=False):
        if imported:
            chosen["push"] = False  # it comes from another repository, which keeps it
        if is_digest(digest):
            yield _recorded(path, digest, name, name, run, chosen)


def _recorded(
    path: str, digest: str, stage: str, source: str, run: LockedStage, options: Mapping[str, Any]
) -> Recorded:
    return Recorded(
        path,
        digest,
        stage,
        source,
        run.sizes.get(path, (None, None))[0],
        cached=options.get("cache", True) is not False,
        pushed=options.get("push", True) is not False,
        remote=str(options.get("remote") or ""),
    )
