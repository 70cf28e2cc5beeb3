"""Which stages of a DVC repository `dvc repro` would run, and exactly why, without loading DVC.

The work tree is compared with the locks as DVC does it: command, dependencies, parameters, outputs, in this order of meaning.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.belonging import IGNORE, read_ignores
from mlops_kit.artifacts.code import file_code_hash
from mlops_kit.artifacts.declared import DeclaredPipelines, DeclaredStage, PresentTree, read_pipelines
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.evidence import Evidence, folder_files, read_evidence
from mlops_kit.artifacts.hashing import FileHash, fold_folder
from mlops_kit.artifacts.places import is_content, is_digest, read_places
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.values import flatten, parse_values

GONE = "missing"
NOT_CACHED = "not in the cache"
CHANGED = "changed"
NOT_RECORDED = "not recorded yet"


@dataclass(frozen=True)
class Cause:
    """One difference between a stage as it was recorded and as it is now."""

    kind: str
    """`new`, `always`, `command`, `dep`, `param` or `out`."""
    name: str
    """Path, or `file:key` of a parameter."""
    old: str = ""
    """Recorded value of a parameter or command."""
    new: str = ""
    """Value now; of files what became of them."""


@dataclass(frozen=True)
class StageFreshness:
    """Whether one stage is up to date."""

    name: str
    """As DVC names it: `train`, or `folder/dvc.yaml:train`."""
    causes: tuple[Cause, ...]
    """Why it would run now; empty when nothing of its own has changed."""
    upstream: tuple[tuple[str, str], ...] = ()
    """(stage, path) of each stage that would run before it and writes something that it reads."""
    quiet: tuple[str, ...] = ()
    """Python files of which nothing but comments and layout has changed."""
    unknown: tuple[str, ...] = ()
    """Dependencies that cannot be looked at here (a database, a cloud address)."""
    deps: tuple[str, ...] = ()
    """All dependencies, for whoever explains them."""
    frozen: bool = False
    """Whether DVC does not look at its dependencies."""
    base: str = "."
    """Folder that its paths in dvc.lock are relative to: its `wdir`, else that of its dvc.yaml."""

    @property
    def would_run(self) -> bool:
        """Return whether DVC would run the stage for a reason of its own."""
        return bool(self.causes)


@dataclass
class Freshness:
    """Looks at one work tree; files are hashed once, and only when the file system says that they have changed."""

    root: Path
    """Root of the DVC repository."""
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    """Path -> content of generated files as they would be written before a run."""
    cache: StatCache | None = None
    """Hashes that are known; the project's own when None."""
    quiet_comments: bool = True
    """Whether edits of comments alone do not count, as for `mlops-kit run`."""

    def __post_init__(self) -> None:
        self._hashes = self.cache or StatCache(self.root)
        self._place = read_places(self.root).cache
        self._evidence: Evidence = read_evidence(self.root)
        self._values: dict[str, Any] = {}
        self._branches: dict[str, dict[str, dict[str, Any]]] = {}
        self._contents: dict[str, FileHash | None] = {}
        self._inside: dict[str, set[str]] = {}
        self._learned: dict[str, LockedStage] = {}

    @cached_property
    def pipelines(self) -> DeclaredPipelines:
        """Return what is declared and recorded. Raises SpecError when a pipeline or lock file cannot be read."""
        return read_pipelines(self.root, self.overlay)

    @cached_property
    def _skip(self) -> Callable[[str], bool] | None:
        tree = PresentTree(self.root, self.overlay)
        files = [name for name in tree.names() if posixpath.basename(name) == IGNORE]
        return read_ignores({posixpath.dirname(name): content for name, content in tree.read(files).items()})

    def stages(self) -> tuple[StageFreshness, ...]:
        """Return every stage of the pipeline files in the order in which DVC goes through them, with those that would run before it.

        Raises SpecError when a pipeline or lock file cannot be read.
        """
        declared = {name: stage for name, stage in self.pipelines.stages.items() if stage.commands}
        found = {name: self.judge(name) for name in declared}
        self.save()
        return tuple(_with_upstream(self.pipelines, found))

    def judge(self, name: str) -> StageFreshness:
        """Return whether the stage would run for a reason of its own, from what is there now."""
        return self._judge(self.pipelines.stages[name], self.recorded(name))

    def judge_against(self, name: str, lock: LockedStage) -> StageFreshness:
        """Return whether the stage would run if `lock` were what is recorded of it."""
        return self._judge(self.pipelines.stages[name], lock)

    def recorded(self, name: str) -> LockedStage | None:
        """Return what is recorded of a stage, None if nothing is."""
        return self._learned.get(name) or self.pipelines.locked.get(name)

    def learn(self, name: str, lock: LockedStage) -> None:
        """Take `lock` for what is recorded of a stage from now on."""
        self._learned[name] = lock

    def look(self, path: str) -> FileHash | None:
        """Return what a file or folder holds now, None if there is nothing. Raises OSError."""
        return self._hash(path)

    def hash_file(self, path: Path) -> FileHash:
        """Return the hashes of a file anywhere, which are remembered as long as it does not change. Raises OSError."""
        return self._hashes.hash(path)

    def members(self, path: str) -> dict[str, FileHash]:
        """Return path in it -> hashes of the files of a folder that DVC does not ignore. Raises OSError."""
        here = self.root / path
        names = [n for n in folder_files(here) if not (self._skip and self._skip(f"{path}/{n}"))]
        self._hashes.warm(here / name for name in names)
        return {name: self._hashes.hash(here / name) for name in names}

    def forget(self, paths: Iterable[str]) -> None:
        """Look at `paths` (files and folders relative to the root) and what is in them again: something has written them."""
        for path in paths:
            self._values.pop(path, None)
            self._branches.pop(path, None)
            for known in (path, *_parents(path), *self._inside.pop(path, ())):
                self._contents.pop(known, None)

    def save(self) -> None:
        """Keep the hashes for the next time, if they are the project's own."""
        if self.cache is None:
            self._hashes.save()

    def _judge(self, stage: DeclaredStage, lock: LockedStage | None) -> StageFreshness:
        if stage.always_runs and not stage.frozen:
            why = "always_changed" if stage.always else "neither dependencies nor outputs"
            causes: list[Cause] = [Cause("always", why)]
        elif lock is None:
            causes = [Cause("new", stage.name, new=NOT_RECORDED)]
        else:
            causes = []
        quiet: list[str] = []
        unknown: list[str] = []
        if lock is not None:
            if lock.cmd != stage.cmd:
                causes.append(Cause("command", "cmd", lock.cmd, stage.cmd))
            if not stage.frozen:
                causes += self._deps(stage, lock, quiet, unknown)
                causes += self._params(stage, lock)
            elif stage.manifests:  # what it is put together from: that alone is looked at
                causes += self._deps(replace(stage, deps=stage.manifests), lock, quiet, unknown)
            causes += self._outs(stage, lock)
        return StageFreshness(
            stage.name, tuple(causes), (), tuple(quiet), tuple(unknown), stage.deps, stage.frozen, stage.base
        )

    def _deps(
        self, stage: DeclaredStage, lock: LockedStage, quiet: list[str], unknown: list[str]
    ) -> Iterator[Cause]:
        for path in stage.deps:
            digest = lock.deps.get(path, "")
            if "://" in path or (digest and not is_digest(digest)):
                unknown.append(path)
                continue
            state = self._state(path, digest)
            if state == CHANGED and self.quiet_comments and self._only_comments(stage.name, path, digest):
                quiet.append(path)
            elif state:
                yield Cause("dep", path, digest, state)

    def _only_comments(self, stage: str, path: str, digest: str) -> bool:
        entry = self._evidence[stage].deps.get(path) if stage in self._evidence else None
        if entry is None or entry.md5 != digest or not entry.code:
            return False
        return entry.code == file_code_hash(self.root / path)

    def _params(self, stage: DeclaredStage, lock: LockedStage) -> Iterator[Cause]:
        for file, keys in stage.params.items():
            now = self._leaves(file)
            if now is None:
                yield Cause("dep", file, new=GONE)
                continue
            recorded = {
                name[len(file) + 1 :]: value
                for name, value in lock.params.items()
                if name.startswith(f"{file}:")
            }
            if not keys:
                yield from _differences(file, recorded, now)
            for key in keys:
                yield from _differences(file, _below(recorded, key), self._below(file, now, key), key)

    def _below(self, file: str, values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return what _below returns, from an index: many stages name keys of one large file."""
        if file not in self._branches:
            branches: dict[str, dict[str, Any]] = {}
            for name, value in values.items():
                end = len(name)
                while end > 0:
                    branches.setdefault(name[:end], {})[name] = value
                    end = name.rfind(".", 0, end)
            self._branches[file] = branches
        return self._branches[file].get(key) or _below(values, key, exact=True)

    def _leaves(self, file: str) -> Mapping[str, Any] | None:
        if file not in self._values:
            content = self.overlay.get(file)
            path = self.root / file
            if content is None and path.is_file():
                content = path.read_bytes()
            self._values[file] = None if content is None else dict(flatten(parse_values(file, content) or {}))
        found: Mapping[str, Any] | None = self._values[file]
        return found

    def _outs(self, stage: DeclaredStage, lock: LockedStage) -> Iterator[Cause]:
        for out in stage.outs:
            path, digest = out.path, lock.outs.get(out.path, "")
            if out.cached and is_digest(digest) and not self._is_cached(digest):
                state = NOT_CACHED if (self.root / path).exists() else GONE
            else:
                state = self._state(path, digest)
            if state:
                yield Cause("out", path, digest, state)

    def _is_cached(self, digest: str) -> bool:
        """Return whether the cache has an object, of a folder its listing and all files of it, as DVC looks."""
        if self._place.find(digest) is None:
            return False
        members = self._place.members(digest) if digest.endswith(".dir") else {}
        return members is not None and all(self._place.find(member) for member in members.values())

    def _state(self, path: str, digest: str) -> str:
        """Return what became of a file or folder since `digest` was recorded; empty when nothing did."""
        found = self._hash(path)
        if found is None:
            return GONE
        if not digest:
            return NOT_RECORDED
        return "" if found.md5 == digest or is_content(self.root / path, found, digest) else CHANGED

    def _hash(self, path: str) -> FileHash | None:
        if path in self.overlay:
            import hashlib

            content = self.overlay[path]
            return FileHash(hashlib.md5(content, usedforsecurity=False).hexdigest(), "", len(content))
        if path not in self._contents:
            self._contents[path] = self._look(path)
            for parent in _parents(path):
                self._inside.setdefault(parent, set()).add(path)
        return self._contents[path]

    def _look(self, path: str) -> FileHash | None:
        here = self.root / path
        if here.is_file():
            return self._hashes.hash(here)
        if not here.is_dir():
            return None
        return fold_folder(self.members(path))


def _below(values: Mapping[str, Any], key: str, *, exact: bool = False) -> dict[str, Any]:
    """Return the leaves at or below a dotted key; elements of a list (`layers.0`) too. `exact` says that there are none below it."""
    found = {} if exact else {n: value for n, value in values.items() if n == key or n.startswith(f"{key}.")}
    parent, _, last = key.rpartition(".")
    if not found and last.isdecimal() and isinstance(values.get(parent), list):
        items = values[parent]
        return {key: items[int(last)]} if int(last) < len(items) else {}
    return found


def _differences(file: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str = "") -> Iterator[Cause]:
    if key and not new and not old:
        yield Cause("param", f"{file}:{key}", GONE, GONE)
    for name in sorted({*old, *new}):
        # 1, 1.0 and true are the same to DVC.
        if name not in old or name not in new or old[name] != new[name]:
            yield Cause("param", f"{file}:{name}", _shown(old, name), _shown(new, name))


def _shown(values: Mapping[str, Any], name: str) -> str:
    return f"{values[name]}" if name in values else GONE


def _with_upstream(
    pipelines: DeclaredPipelines, found: Mapping[str, StageFreshness]
) -> Iterator[StageFreshness]:
    """Yield the stages in order, each with those before it that would run and write what it reads."""
    runs: dict[str, bool] = {}
    for name in pipelines.stages:
        if (stage := found.get(name)) is None:
            continue
        upstream = tuple((writer, path) for writer, path in pipelines.inputs[name] if runs.get(writer))
        # An output of such a stage that is missing or edited comes back first, perhaps as it was.
        renewed = {path for _, path in upstream}
        causes = tuple(c for c in stage.causes if c.kind != "dep" or c.name not in renewed)
        runs[name] = bool(causes or upstream)
        yield replace(stage, causes=causes, upstream=upstream)


def _parents(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) not in ("", "/"):
        yield path
