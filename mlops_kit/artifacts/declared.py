"""What the pipelines of a DVC repository declare, in the order in which DVC executes them, read without loading DVC."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.dvcfiles import LockedStage, move_stages, read_dvc_file, read_lock, read_pipeline
from mlops_kit.artifacts.lock_damage import refuse_damaged_lock
from mlops_kit.artifacts.templating import DEFAULT_PARAMS
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError
from mlops_kit.outside import git

MANIFEST_ENDING = ".manifest.jsonl"
"""What the file ends with that stands beside a data folder, in git, and names its partitions."""


@dataclass(frozen=True)
class DeclaredOut:
    """One output of a stage."""

    path: str
    """Path relative to the root of the DVC repository."""
    section: str = "outs"
    """`outs`, `metrics` or `plots`."""
    cached: bool = True
    """Whether DVC keeps the content; otherwise git does."""
    persist: bool = False
    """Whether it is left in place when the stage runs."""
    push: bool = True
    """Whether it goes to a remote."""
    remote: str = ""
    """The one remote that it may go to; empty for the default."""


@dataclass(frozen=True)
class DeclaredStage:
    """One stage of a dvc.yaml with all templates resolved, or what a .dvc file tracks."""

    name: str
    """As DVC names it: `train`, `folder/dvc.yaml:train`, `data.csv.dvc`."""
    file: str
    """The dvc.yaml or .dvc file, relative to the root."""
    commands: tuple[str, ...]
    """What is run, one after another; empty of a .dvc file."""
    listed: bool
    """Whether `cmd` is written as a list, which dvc.lock shows."""
    deps: tuple[str, ...]
    """Paths relative to the root, or addresses."""
    params: Mapping[str, tuple[str, ...]]
    """File -> keys; none for the whole file."""
    outs: tuple[DeclaredOut, ...]
    """In the order in which DVC reads them: outs, metrics, plots."""
    frozen: bool = False
    """Whether its dependencies are not looked at."""
    always: bool = False
    """Whether it runs every time (`always_changed`)."""
    base: str = "."
    """Folder that its commands run in and that its paths in dvc.lock are relative to: `wdir`, else that of its file."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The free `meta` of a stage."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Path -> how it is written, where that is not simply relative to `base`: dvc.lock repeats it."""
    handed: str = ""
    """Why DVC itself has to reproduce it, in words; empty of an ordinary stage."""

    @property
    def manifests(self) -> tuple[str, ...]:
        """Return the manifests of a frozen stage that puts recorded partitions together: it is fresh as long as they are as recorded."""
        return tuple(path for path in self.deps if path.endswith(MANIFEST_ENDING)) if self.frozen else ()

    @property
    def short(self) -> str:
        """Return the name that dvc.lock has for the stage."""
        return self.name.rpartition(":")[2]

    @property
    def cmd(self) -> str:
        """Return the commands as read_lock shows them: joined by newlines."""
        return "\n".join(self.commands)

    @property
    def lock(self) -> str:
        """Return the path of the lock file that records it; of a .dvc file that file."""
        return f"{self.file.removesuffix('.yaml')}.lock" if self.file.endswith(".yaml") else self.file

    @property
    def always_runs(self) -> bool:
        """Return whether it runs whatever has changed: told so, or with neither dependencies nor outputs to compare."""
        return self.always or not (self.deps or self.params or self.outs)


@dataclass(frozen=True)
class DeclaredPipelines:
    """All stages of a DVC repository."""

    stages: Mapping[str, DeclaredStage]
    """By name, in the order in which `dvc repro --all-pipelines` goes through them."""
    locked: Mapping[str, LockedStage]
    """What is recorded, by stage; stages that are declared no longer included."""
    inputs: Mapping[str, tuple[tuple[str, str], ...]]
    """Stage -> (stage before it, dependency that it writes), in DVC's order; a frozen stage has none."""
    problems: tuple[str, ...] = ()
    """Why DVC would refuse the whole: two writers of a path, a circle."""

    def before(self, name: str) -> tuple[str, ...]:
        """Return the stages that `name` directly depends on."""
        return tuple(dict.fromkeys(writer for writer, _ in self.inputs[name]))

    def closure(self, names: Iterator[str] | tuple[str, ...] | list[str]) -> frozenset[str]:
        """Return `names` and all stages that they need, directly and through others."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.before(name)
        return frozenset(found)


def read_pipelines(root: Path, overlay: Mapping[str, bytes] | None = None) -> DeclaredPipelines:
    """Read every dvc.yaml, dvc.lock and .dvc file of the DVC repository at `root`.

    `overlay` is path -> content of files as they would be written before a run. Raises SpecError when a file cannot be read.
    """
    tree = PresentTree(root, overlay or {})
    stages: dict[str, DeclaredStage] = {}
    locked: dict[str, LockedStage] = {}
    for name in _as_dvc_walks(root, pipeline_files(tree)):
        if (text := tree.read_one(name)) is None:
            continue
        folder, base = posixpath.split(name)
        if base == "dvc.yaml":
            found, recorded = _read_file(tree, name, folder, text)
            stages |= found
            locked |= recorded
        elif base.endswith(".dvc"):
            stages[name] = _tracked(name, text)
            locked[name] = read_dvc_file(text, name)
    return _link(stages, locked)


class PresentTree(WorkTree):
    """The work tree with files that nobody has given to git yet, and with generated ones as they would be."""

    def __init__(self, root: Path, overlay: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self.root = root
        self._overlay = overlay
        self._present = frozenset({*git.known_files(root), *overlay, "dvc.yaml", "dvc.lock"})

    def names(self) -> frozenset[str]:
        """Return the files that git tracks or would add, and the generated ones."""
        return self._present

    def read_one(self, path: str) -> bytes | None:
        """Return the content of a file, None if there is none."""
        return self._overlay.get(path) if path in self._overlay else super().read_one(path)


def _as_dvc_walks(root: Path, files: list[str]) -> list[str]:
    """Return `files` as DVC finds them: those of a folder before those of the folders in it, as the file system lists both."""
    if sum(name.endswith((".dvc", "dvc.yaml")) for name in files) < 2:
        return files
    folders: dict[str, list[str]] = {}
    for name in files:
        folder, base = posixpath.split(name)
        folders.setdefault(folder, []).append(base)
        while folder:
            folder, base = posixpath.split(folder)
            folders.setdefault(folder, [])

    def walk(folder: str) -> Iterator[str]:
        here = os.listdir(root / folder)  # noqa: PTH208 - in this very order
        place = {name: number for number, name in enumerate(here)}
        own = sorted(folders[folder], key=lambda name: place.get(name, len(place)))
        yield from (posixpath.join(folder, name) for name in own)
        for name in here:
            if (below := posixpath.join(folder, name)) in folders:
                yield from walk(below)

    return list(walk("")) if "" in folders else files


def _read_file(
    tree: PresentTree, name: str, folder: str, text: bytes
) -> tuple[dict[str, DeclaredStage], dict[str, LockedStage]]:
    pipeline = read_pipeline(text, folder, name, read=tree.read_one)
    if pipeline.problems:
        raise SpecError(pipeline.problems[0], where=name, fix=f"dvc stage list {name}")
    where = posixpath.join(folder, "dvc.lock")
    locked: dict[str, LockedStage] = {}
    if (lock := tree.read_one(where)) is not None:
        refuse_damaged_lock(tree.root, where, lock)
        locked = move_stages(read_lock(lock, folder, where), folder, pipeline.bases)
    prefix = f"{folder}/dvc.yaml:" if folder else ""
    stages = {
        prefix + short: _declare(prefix + short, name, value, folder, locked.get(prefix + short))
        for short, value in (pipeline.resolved.get("stages") or {}).items()
    }
    return stages, locked


def _declare(
    name: str, file: str, value: Mapping[str, Any], folder: str, locked: LockedStage | None
) -> DeclaredStage:
    base = join_path(folder, value.get("wdir") or "")
    cmd = value.get("cmd", "")
    params: dict[str, tuple[str, ...]] = {}
    for item in value.get("params") or []:
        for key_file, keys in item.items() if isinstance(item, Mapping) else [(DEFAULT_PARAMS, [item])]:
            path = join_path(base, key_file)
            params[path] = (*params.get(path, ()), *map(str, keys or ()))
    deps = tuple(join_path(base, path) for path, _ in _entries(value.get("deps")))
    outs = tuple(
        _out(join_path(base, path), section, options or {})
        for section in ("outs", "metrics", "plots")
        for path, options in _entries(value.get(section))
    )
    return DeclaredStage(
        name,
        file,
        tuple(map(str, cmd)) if isinstance(cmd, list) else (str(cmd),),
        isinstance(cmd, list),
        deps,
        params,
        outs,
        bool(value.get("frozen")),
        bool(value.get("always_changed")),
        base,
        dict(meta) if isinstance(meta := value.get("meta"), Mapping) else {},
        _spelled(base, value),
        _handed(deps, outs, locked),
    )


def _spelled(base: str, value: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for section in ("deps", "outs", "metrics", "plots"):
        for path, _ in _entries(value.get(section)):
            plain = join_path(base, path)
            if "://" not in path and not posixpath.isabs(path) and posixpath.relpath(plain, base) != path:
                found[plain] = path
    return found


def _out(path: str, section: str, options: Any) -> DeclaredOut:
    if isinstance(options, list):  # a plot may be shown in several ways
        options = options[0] if options and isinstance(options[0], Mapping) else {}
    return DeclaredOut(
        path,
        section,
        options.get("cache", True) is not False,
        bool(options.get("persist")),
        options.get("push", True) is not False,
        str(options.get("remote") or ""),
    )


def _handed(deps: tuple[str, ...], outs: tuple[DeclaredOut, ...], locked: LockedStage | None) -> str:
    for path in (*deps, *(out.path for out in outs)):
        if "://" in path:
            return f"{path} is not a file of this machine"
    for out in outs:
        if out.path.startswith("../") or posixpath.isabs(out.path):
            return f"{out.path} lies outside of the repository"
    return locked.foreign if locked else ""


def _tracked(name: str, text: bytes) -> DeclaredStage:
    value = load_foreign_yaml(text, name) or {}
    folder = join_path(posixpath.dirname(name), value.get("wdir") or "")
    deps = tuple(join_path(folder, entry.get("path", "")) for entry in value.get("deps") or [])
    outs = tuple(
        _out(join_path(folder, entry["path"]), "outs", entry)
        for entry in value.get("outs") or []
        if isinstance(entry, Mapping) and "path" in entry
    )
    frozen = bool(value.get("frozen", value.get("locked")))
    return DeclaredStage(
        name, name, (), False, deps, {}, outs, frozen, base=folder, handed="it is tracked by a .dvc file"
    )


def _link(stages: Mapping[str, DeclaredStage], locked: Mapping[str, LockedStage]) -> DeclaredPipelines:
    writers, problems = _writers(stages)
    below = _below(list(writers))
    inputs = {
        name: () if stage.frozen else tuple(_inputs(stage, writers, below)) for name, stage in stages.items()
    }
    order, circle = _postorder(inputs)
    if circle:
        problems.append(f"these stages need each other: {' -> '.join(circle)}")
    return DeclaredPipelines({name: stages[name] for name in order}, locked, inputs, tuple(problems))


def _writers(stages: Mapping[str, DeclaredStage]) -> tuple[dict[str, str], list[str]]:
    writers: dict[str, str] = {}
    problems: list[str] = []
    for stage in stages.values():
        for out in stage.outs:
            if out.path in writers:
                problems.append(
                    f"{out.path} is an output of both `{writers[out.path]}` and `{stage.name}`"
                    if writers[out.path] != stage.name
                    else f"{out.path} is named twice as an output of `{stage.name}`"
                )
            writers.setdefault(out.path, stage.name)
    for path, writer in writers.items():
        for parent in _parents(path):
            if parent in writers:
                problems.append(
                    f"{path}, an output of `{writer}`, lies in {parent}, one of `{writers[parent]}`"
                )
    return writers, problems


def _below(paths: list[str]) -> dict[str, list[str]]:
    """Return folder -> the outputs in it, as DVC's prefix tree gives them: branches in the order in which they were made."""
    first: dict[str, int] = {}
    for path in paths:
        for part in (*reversed(list(_parents(path))), path):
            first.setdefault(part, len(first))
    found: dict[str, list[str]] = {}
    for path in sorted(paths, key=lambda p: [first[part] for part in (*reversed(list(_parents(p))), p)]):
        for parent in _parents(path):
            found.setdefault(parent, []).append(path)
    return found


def _inputs(
    stage: DeclaredStage, writers: Mapping[str, str], below: Mapping[str, list[str]]
) -> Iterator[tuple[str, str]]:
    for dep in (*stage.deps, *stage.params):
        for path in (*reversed(list(_parents(dep))), dep, *below.get(dep, ())):
            writer = writers.get(path)
            if writer is not None and writer != stage.name:
                yield writer, dep


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        if path == "/":
            return
        yield path


def _postorder(inputs: Mapping[str, tuple[tuple[str, str], ...]]) -> tuple[list[str], list[str]]:
    """Return the stages, each after those that it needs, as a depth-first walk over DVC's graph ends with them, and a circle if there is one."""
    done: dict[str, None] = {}
    circle: list[str] = []
    for start in inputs:
        path: dict[str, Iterator[str]] = {}
        if start not in done:
            path[start] = iter([writer for writer, _ in inputs[start]])
        while path:
            name, waiting = next(reversed(path.items()))
            step = next(waiting, None)
            if step is None:
                done[name] = None
                del path[name]
            elif step in path:
                names = list(path)
                circle = circle or [*names[names.index(step) :], step]
            elif step not in done:
                path[step] = iter([writer for writer, _ in inputs[step]])
    return list(done), circle


def _entries(section: Any) -> Iterator[tuple[str, Any]]:
    for item in section.items() if isinstance(section, Mapping) else section or []:
        if isinstance(item, Mapping):
            yield from ((str(path), options) for path, options in item.items())
        elif isinstance(item, tuple):
            yield str(item[0]), item[1]
        else:
            yield str(item), None


def join_path(folder: str, path: str) -> str:
    """Return `path`, written relative to `folder`, relative to the root; addresses stay as they are."""
    plain = str(path).replace("\\", "/")
    return plain if "://" in plain else posixpath.normpath(posixpath.join(folder, plain))
