"""Which stages of a DVC repository `dvc repro` would run, and exactly why, without loading DVC.

The work tree is compared with the locks as DVC does it: command, dependencies, parameters, outputs, in this order of meaning.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.belonging import IGNORE, pipeline_files, read_ignores
from mlops_kit.artifacts.code import file_code_hash
from mlops_kit.artifacts.dvcfiles import LockedStage, move_stages, read_lock, read_pipeline
from mlops_kit.artifacts.evidence import Evidence, folder_files, read_evidence
from mlops_kit.artifacts.hashing import FileHash, fold_folder
from mlops_kit.artifacts.places import is_content, read_places
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.templating import DEFAULT_PARAMS
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.errors import SpecError
from mlops_kit.outside import git

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


@dataclass(frozen=True)
class _Declared:
    name: str
    cmd: str
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]]
    """File -> keys; none for the whole file."""
    outs: Mapping[str, bool]
    """Path -> whether DVC keeps it."""
    frozen: bool
    always: bool
    base: str
    """Folder that the paths in dvc.lock are relative to."""


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

    def stages(self) -> tuple[StageFreshness, ...]:
        """Return every stage in the order in which DVC could run them.

        Raises SpecError when a pipeline or lock file cannot be read.
        """
        self._hashes = self.cache or StatCache(self.root)
        self._place = read_places(self.root).cache
        self._evidence: Evidence = read_evidence(self.root)
        self._values: dict[str, Any] = {}
        self._contents: dict[str, FileHash | None] = {}
        declared, locked = self._read()
        found = {stage.name: self._judge(stage, locked.get(stage.name)) for stage in declared.values()}
        if self.cache is None:
            self._hashes.save()
        return tuple(_with_upstream(declared, found))

    def _read(self) -> tuple[dict[str, _Declared], dict[str, LockedStage]]:
        tree = _Present(self.root, self.overlay)
        declared: dict[str, _Declared] = {}
        locked: dict[str, LockedStage] = {}
        self._skip = _ignores(tree)
        for name in pipeline_files(tree):
            folder, base = posixpath.split(name)
            if base == "dvc.yaml" and (text := tree.read_one(name)) is not None:
                pipeline = read_pipeline(text, folder, name, read=tree.read_one)
                if pipeline.problems:
                    raise SpecError(pipeline.problems[0], where=name, fix=f"dvc stage list {name}")
                prefix = f"{folder}/dvc.yaml:" if folder else ""
                for stage, value in (pipeline.resolved.get("stages") or {}).items():
                    declared[prefix + stage] = _declare(prefix + stage, value, folder)
                if (lock := tree.read_one(posixpath.join(folder, "dvc.lock"))) is not None:
                    recorded = read_lock(lock, folder, posixpath.join(folder, "dvc.lock"))
                    locked |= move_stages(recorded, folder, pipeline.bases)
        return declared, locked

    def _judge(self, stage: _Declared, lock: LockedStage | None) -> StageFreshness:
        if not stage.deps and not stage.outs and not stage.params:
            causes: list[Cause] = [Cause("always", "neither dependencies nor outputs")]
        elif stage.always:
            causes = [Cause("always", "always_changed")]
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
            causes += self._outs(stage, lock)
        return StageFreshness(
            stage.name, tuple(causes), (), tuple(quiet), tuple(unknown), stage.deps, stage.frozen, stage.base
        )

    def _deps(
        self, stage: _Declared, lock: LockedStage, quiet: list[str], unknown: list[str]
    ) -> Iterator[Cause]:
        for path in stage.deps:
            digest = lock.deps.get(path, "")
            if "://" in path or (digest and not _is_md5(digest)):
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

    def _params(self, stage: _Declared, lock: LockedStage) -> Iterator[Cause]:
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
                yield from _differences(file, _below(recorded, key), _below(now, key), key)

    def _leaves(self, file: str) -> Mapping[str, Any] | None:
        if file not in self._values:
            content = self.overlay.get(file)
            path = self.root / file
            if content is None and path.is_file():
                content = path.read_bytes()
            self._values[file] = None if content is None else dict(flatten(parse_values(file, content) or {}))
        found: Mapping[str, Any] | None = self._values[file]
        return found

    def _outs(self, stage: _Declared, lock: LockedStage) -> Iterator[Cause]:
        for path, cached in stage.outs.items():
            digest = lock.outs.get(path, "")
            if cached and _is_md5(digest) and not self._is_cached(digest):
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
        return self._contents[path]

    def _look(self, path: str) -> FileHash | None:
        here = self.root / path
        if here.is_file():
            return self._hashes.hash(here)
        if not here.is_dir():
            return None
        names = [n for n in folder_files(here) if not (self._skip and self._skip(f"{path}/{n}"))]
        self._hashes.warm(here / name for name in names)
        return fold_folder({name: self._hashes.hash(here / name) for name in names})


class _Present(WorkTree):
    """The work tree with files that nobody has given to git yet, and with generated ones as they would be."""

    def __init__(self, root: Path, overlay: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self._overlay = overlay
        self._present = frozenset({*git.known_files(root), *overlay, "dvc.yaml", "dvc.lock"})

    def names(self) -> frozenset[str]:
        """Return the files that git tracks or would add, and the generated ones."""
        return self._present

    def read_one(self, path: str) -> bytes | None:
        """Return the content of a file, None if there is none."""
        return self._overlay.get(path) if path in self._overlay else super().read_one(path)


def _ignores(tree: _Present) -> Callable[[str], bool] | None:
    files = [name for name in tree.names() if posixpath.basename(name) == IGNORE]
    return read_ignores({posixpath.dirname(name): content for name, content in tree.read(files).items()})


def _declare(name: str, value: Mapping[str, Any], folder: str) -> _Declared:
    base = _join(folder, value.get("wdir") or "")
    cmd = value.get("cmd", "")
    params: dict[str, tuple[str, ...]] = {}
    for item in value.get("params") or []:
        for file, keys in item.items() if isinstance(item, Mapping) else [(DEFAULT_PARAMS, [item])]:
            path = _join(base, file)
            params[path] = (*params.get(path, ()), *map(str, keys or ()))
    return _Declared(
        name,
        "\n".join(map(str, cmd)) if isinstance(cmd, list) else str(cmd),
        tuple(_join(base, path) for path, _ in _entries(value.get("deps"))),
        params,
        {
            _join(base, path): (options or {}).get("cache", True) is not False
            for part in ("outs", "metrics", "plots")
            for path, options in _entries(value.get(part))
        },
        bool(value.get("frozen")),
        bool(value.get("always_changed")),
        base,
    )


def _entries(section: Any) -> Iterator[tuple[str, Any]]:
    for item in section or []:
        if isinstance(item, Mapping):
            yield from ((str(path), options) for path, options in item.items())
        else:
            yield str(item), None


def _below(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the leaves at or below a dotted key; elements of a list (`layers.0`) too."""
    found = {name: value for name, value in values.items() if name == key or name.startswith(f"{key}.")}
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
    declared: Mapping[str, _Declared], found: Mapping[str, StageFreshness]
) -> Iterator[StageFreshness]:
    """Yield the stages in order, each with those before it that would run and write what it reads."""
    writers = {path: stage.name for stage in declared.values() for path in stage.outs}
    before = {name: list(_inputs(stage, writers)) for name, stage in declared.items()}
    runs: dict[str, bool] = {}
    for name in _order({name: [writer for writer, _ in pairs] for name, pairs in before.items()}):
        stage = found[name]
        upstream = () if stage.frozen else tuple((w, path) for w, path in before[name] if runs.get(w))
        # An output of such a stage that is missing or edited comes back first, perhaps as it was.
        renewed = {path for _, path in upstream}
        causes = tuple(c for c in stage.causes if c.kind != "dep" or c.name not in renewed)
        runs[name] = bool(causes or upstream)
        yield replace(stage, causes=causes, upstream=upstream)


def _inputs(stage: _Declared, writers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for dep in stage.deps:
        for path, writer in writers.items():
            if writer != stage.name and (
                path == dep or path.startswith(f"{dep}/") or dep.startswith(f"{path}/")
            ):
                yield writer, dep


def _order(before: Mapping[str, list[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:  # DVC refuses it
        return list(before)


def _is_md5(digest: str) -> bool:
    plain = digest.removesuffix(".dir")
    return len(plain) == 32 and all(sign in "0123456789abcdef" for sign in plain)


def _join(folder: str, path: str) -> str:
    plain = str(path).replace("\\", "/")
    return plain if "://" in plain else posixpath.normpath(posixpath.join(folder, plain))
