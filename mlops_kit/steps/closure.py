"""Which files of the project a Python file imports, transitively, found in the sources without running them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlops_kit.steps.imports import FileImports, Import, read_imports

OWN = "mlops_kit"
_BINARY = (".so", ".pyd")


@dataclass(frozen=True)
class Note:
    """Something about the imports of a file that a reader must know, because it cannot be followed."""

    where: str
    """`file:line`, relative to the project."""
    what: str
    """In words."""


@dataclass(frozen=True)
class ImportClosure:
    """What a file reaches by imports."""

    local: tuple[str, ...]
    """Files of the project, the starting one included, relative with forward slashes, sorted."""
    external: tuple[str, ...]
    """Dotted names of all other modules that these files import, as far as needed to find their distribution, sorted."""
    via: Mapping[str, str] = field(default_factory=dict)
    """Local file -> `file:line` of the import by which it was first reached."""
    notes: tuple[Note, ...] = ()
    """What cannot be known: imports by a name made at run time, code run from texts, edits of the import path."""
    optional: frozenset[str] = frozenset()
    """Those of `external` without which the code goes on (`try: import x; except ImportError`)."""


def import_roots(root: Path) -> tuple[str, ...]:
    """Return the folders of the project in which its modules are found, relative, the project itself (empty text) first.

    `src` counts when pyproject.toml names it or builds a package; so do the members of a uv workspace and sources with a path.
    """
    path = root / "pyproject.toml"
    if not path.is_file():
        return ("",)
    text = path.read_text(encoding="utf-8", errors="replace")
    found = [""]
    if (root / "src").is_dir() and ("src" in text or "build-system" in text):
        found.append("src")
    if "tool.uv" in text:
        found += _workspace_roots(root, text)
    return tuple(dict.fromkeys(found))


def _workspace_roots(root: Path, text: str) -> Iterator[str]:
    import tomllib

    try:
        uv = tomllib.loads(text).get("tool", {}).get("uv", {})
    except tomllib.TOMLDecodeError:
        return
    folders = [
        found
        for pattern in uv.get("workspace", {}).get("members", [])
        for found in sorted(root.glob(str(pattern)))
    ]
    sources = uv.get("sources", {}).values()
    folders += [root / str(item["path"]) for item in sources if isinstance(item, dict) and "path" in item]
    for folder in folders:
        if folder.is_dir() and folder.resolve().is_relative_to(root):
            name = folder.resolve().relative_to(root).as_posix()
            yield from ([f"{name}/src"] if (folder / "src").is_dir() else [name])


def find_closure(
    root: Path, start: str, *, folders: Folders | None = None, script: bool = False
) -> ImportClosure:
    """Return what the file `start` (relative to `root`), run with `python -m`, imports: directly and through local modules.

    With `script` it is run by its path, so that its own folder is the first in which modules are found.

    Imports inside functions count, those under `if TYPE_CHECKING` do not. A package's `__init__.py` counts where a module of it is
    imported. mlops_kit itself never counts as local, not in its own repository either: its steps carry contract versions instead.
    `folders` is shared by the calls for one project. Raises SpecError with file and line for a file that is not valid Python.
    """
    if script:
        return _Walk(Folders(root, first=start.rpartition("/")[0]), start, "").closure()
    package = start.rpartition("/")[0].replace("/", ".")
    return _Walk(folders or Folders(root), start, package).closure()


def merge_closures(closures: Sequence[ImportClosure]) -> ImportClosure:
    """Return what several files reach together."""
    surely = {name for found in closures for name in found.external if name not in found.optional}
    external = {name for found in closures for name in found.external}
    return ImportClosure(
        tuple(sorted({path for found in closures for path in found.local})),
        tuple(sorted(external)),
        {path: where for found in reversed(closures) for path, where in found.via.items()},
        tuple(sorted({note for found in closures for note in found.notes}, key=lambda note: note.where)),
        frozenset(external - surely),
    )


def imported_modules(path: Path) -> tuple[str, ...]:
    """Return the dotted names that the one file `path` imports, and `mlops_kit.NAME` for each name taken from there; sorted."""
    found = read_imports(path.read_bytes(), str(path)).imports
    names = {item.module for item in found if item.module and not item.level}
    own = {f"{OWN}.{name}" for item in found if item.module == OWN for name in item.names}
    return tuple(sorted(names | own))


class Folders:
    """The project's folders, each listed once, and its import roots."""

    def __init__(self, root: Path, *, first: str = "") -> None:
        self.root = root
        self._first = first
        self._listed: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._modules: dict[str, tuple[list[str], bool]] = {}
        self._read: dict[str, FileImports] = {}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Return the import roots, in the order in which they are searched."""
        return tuple(dict.fromkeys((self._first, *import_roots(self.root))))

    def listing(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of the files and of the folders in `folder`; empty when there is none."""
        if folder not in self._listed:
            files: set[str] = set()
            folders: set[str] = set()
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        (folders if entry.is_dir() else files).add(entry.name)
            except OSError:
                pass
            self._listed[folder] = frozenset(files), frozenset(folders)
        return self._listed[folder]

    def imports(self, path: str) -> FileImports:
        """Return what the file `path` imports."""
        if path not in self._read:
            self._read[path] = read_imports((self.root / path).read_bytes(), path)
        return self._read[path]

    def module(self, name: str) -> tuple[list[str], bool]:
        """Return the files that importing the dotted `name` runs, in order, and whether `name` itself was found.

        Packages in folders without `__init__.py` may lie in several roots.
        """
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def _find(self, name: str) -> tuple[list[str], bool]:
        places = list(self.roots)
        ran: list[str] = []
        parts = name.split(".")
        for index, part in enumerate(parts):
            file, inner = self._step(places, part)
            ran += [file] if file else []
            if not inner:
                return ran, bool(file) and index == len(parts) - 1
            places = inner
        return ran, True

    def _step(self, places: Sequence[str], part: str) -> tuple[str, list[str]]:
        """Return the file of `part` in the first of `places` that has one, and the folders in which its modules lie."""
        portions: list[str] = []
        for place in places:
            lead = f"{place}/" if place else ""
            folders = self.listing(place)[1]
            if part in folders:
                inner = f"{lead}{part}"
                if package := self._source(inner, "__init__"):
                    return package, [inner]
            if file := self._source(place, part):
                return file, []
            if part in folders:
                portions.append(f"{lead}{part}")
        return "", portions

    def _source(self, folder: str, name: str) -> str:
        """Return the file in `folder` with the code of the module `name`, empty when there is none."""
        lead = f"{folder}/" if folder else ""
        files = self.listing(folder)[0]
        if f"{name}.py" in files:
            return f"{lead}{name}.py"
        if any(file.endswith(_BINARY) for file in files):
            return next((f"{lead}{file}" for file in sorted(files) if _is_module(file, name)), "")
        return ""

    def modules_in(self, name: str) -> list[str]:
        """Return the names of the modules and packages directly in the package `name`."""
        found: set[str] = set()
        ran, known = self.module(name)
        folders = [ran[-1].rpartition("/")[0]] if ran and _is_init(ran[-1]) else []
        folders = folders or [f"{r}/{name.replace('.', '/')}".lstrip("/") for r in self.roots if known]
        for folder in folders:
            files, inner = self.listing(folder)
            found |= {n.partition(".")[0] for n in files if n.endswith((".py", *_BINARY)) and n[0] != "_"}
            found |= {n for n in inner if any(_is_init(f) for f in self.listing(f"{folder}/{n}")[0])}
        return sorted(found)


def _is_module(file: str, name: str) -> bool:
    return file == f"{name}.py" or (file.startswith(f"{name}.") and file.endswith(_BINARY))


def _is_init(path: str) -> bool:
    return _is_module(path.rpartition("/")[2], "__init__")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold back the garbage collector: it looks at each of the many nodes of a syntax tree and finds nothing, in half of the time."""
    import gc

    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Walk:
    def __init__(self, folders: Folders, start: str, package: str) -> None:
        self._folders = folders
        self._start = start
        self._package = package
        self._via: dict[str, str] = {}
        self._queue: list[tuple[str, str]] = []
        self._seen: set[tuple[str, str]] = set()
        self._external: dict[str, bool] = {}
        self._notes: list[Note] = []

    def closure(self) -> ImportClosure:
        # `python -m steps.train` runs steps/__init__.py first.
        self._reach(self._package, f"{self._start}:1")
        self._enter(self._start, self._package, "")
        with _no_collection():
            while self._queue:
                path, inside = self._queue.pop()
                if path.endswith(".py"):
                    self._file(path, inside)
        return ImportClosure(
            tuple(sorted(self._via)),
            tuple(sorted(self._external)),
            self._via,
            tuple(sorted(set(self._notes), key=lambda note: note.where)),
            frozenset(name for name, optional in self._external.items() if optional),
        )

    def _enter(self, path: str, package: str, where: str) -> None:
        if (path, package) in self._seen:
            return
        self._seen.add((path, package))
        self._via.setdefault(path, where)
        self._queue.append((path, package))

    def _reach(self, name: str, where: str) -> bool:
        """Follow the module `name` if it is local; return whether it is surely local.

        A folder without Python files, such as `datasets/`, does not hide an installed package of that name.
        """
        if not name:
            return False
        files, known = self._folders.module(name)
        for file in files:
            inside = _dotted(file, self._folders.roots)
            self._enter(file, inside if _is_init(file) else inside.rpartition(".")[0], where)
        return known and bool(files)

    def _file(self, path: str, package: str) -> None:
        found = self._folders.imports(path)
        for item in found.imports:
            if item.main and path != self._start:
                continue
            self._import(item, path, package)
        self._notes += [
            Note(f"{path}:{item.line}", item.what)
            for item in found.unknown
            if path == self._start or not item.main
        ]

    def _import(self, item: Import, path: str, package: str) -> None:
        base = item.module
        if item.level:
            parts = package.split(".") if package else []
            if item.level - 1 > len(parts):
                return  # fails at run time
            base = ".".join([*parts[: len(parts) - item.level + 1], *([base] if base else [])])
        where = f"{path}:{item.line}"
        if base.partition(".")[0] == OWN and not item.level:
            for name in (base, *(f"{base}.{name}" for name in item.names)):
                self._add_external(name, item)
        elif item.partial:
            self._partial(base, where)
        elif item.names:
            self._from(base, item, where)
        elif not self._reach(base, where):
            self._add_external(base, item)

    def _from(self, base: str, item: Import, where: str) -> None:
        local = self._reach(base, where)
        for name in item.names:
            if name == "*":
                self._star(base, where)
            elif not self._reach(f"{base}.{name}" if base else name, where) and not local:
                self._add_external(f"{base}.{name}", item)

    def _star(self, base: str, where: str) -> None:
        """Follow the submodules that a package's `__all__` names; without one a star imports only what `__init__.py` has."""
        files, known = self._folders.module(base)
        if known and files and files[-1].endswith("/__init__.py"):
            for name in self._folders.imports(files[-1]).listed or ():
                self._reach(f"{base}.{name}", where)
        elif not known:
            self._external.setdefault(base, False)

    def _partial(self, base: str, where: str) -> None:
        """Follow every module whose name starts with what is known of it."""
        package, _, start = base.rpartition(".")
        for name in self._folders.modules_in(package):
            if name.startswith(start):
                self._reach(f"{package}.{name}", where)

    def _add_external(self, name: str, item: Import) -> None:
        if name:
            self._external[name] = item.optional and self._external.get(name, True)


def _dotted(path: str, roots: Sequence[str]) -> str:
    """Return the module name of a file below the import root that lies deepest around it."""
    best = max((r for r in roots if not r or path.startswith(f"{r}/")), key=len)
    inner = path[len(best) :].lstrip("/")
    stem = (
        inner.rpartition("/")[0]
        if _is_init(inner)
        else inner.rpartition("/")[0] + "/" + inner.rpartition("/")[2].partition(".")[0]
    )
    return stem.strip("/").replace("/", ".")
