"""Which modules to have imported before stages start: the installed packages that the import closures of their programs name.

A program starts in a fork that has imported nothing but packages that the program's own closure names, so that it finds no side effect
of an import that is not its own. The project's own code is never imported.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.errors import MlopsKitError
from mlops_kit.outside.child import Child
from mlops_kit.outside.warm import OF_STAGES, WarmServer, can_start_warm, python_program
from mlops_kit.spec.model import Lifecycle
from mlops_kit.steps.closure import OWN, Folders, ImportClosure, find_closure, imported_modules
from mlops_kit.steps.environment import stage_environment
from mlops_kit.steps.perturbation import VARIABLE
from mlops_kit.steps.watch.mode import MODE, WatchMode, watch_mode

# What every step's runner imports sooner or later; not the modules that run as programs, which runpy warns about.
RUNNER = (
    "mlops_kit.artifacts.storage", "mlops_kit.outside.hold", "mlops_kit.outside.inotify", "mlops_kit.outside.landlock",
    "mlops_kit.spec.load", "mlops_kit.steps.runner", "mlops_kit.steps.watch.confine", "mlops_kit.steps.watch.declared",
    "mlops_kit.steps.watch.session",
)  # fmt: skip
# What readers and writers of artifacts import, by the annotation of the step.
_OF_KINDS: Mapping[str, tuple[str, ...]] = {
    "Table": ("pandas", "pyarrow.parquet"), "Arrow": ("pyarrow.parquet",), "Csv": ("pandas",), "Array": ("numpy",), "Database": ("pandas",),
    "Html": ("pandas",), "Predictions": ("pyarrow.parquet",), "Partitions": ("pyarrow.parquet",), "Model": ("sklearn", "skops.io"),
    "Figure": ("matplotlib",),
}  # fmt: skip
_PATH_EDITS = ("sys.path", "meta_path", "path_hooks", "addsitedir", "extend_path", "sys.modules")
LEAST = 2


@dataclass(frozen=True)
class PythonProgram:
    """One command of a stage that is a Python program."""

    stage: str
    """As DVC names it."""
    words: tuple[str, ...]
    """The command."""
    modules: frozenset[str]
    """Dotted names outside of the project that it imports."""

    @property
    def packages(self) -> frozenset[str]:
        """Return the packages of `modules` without those that come with Python."""
        return frozenset(name.partition(".")[0] for name in self.modules) - sys.stdlib_module_names


def find_programs(stage: str, commands: Iterable[str], folder: Path) -> list[PythonProgram]:
    """Return those of a stage's `commands`, which run in `folder`, that are Python programs whose imports are known and not empty.

    A program that edits the import path, or cannot be read, is left out: it may take a module from somewhere else.
    """
    found = []
    for command in commands:
        words = python_program(command)
        modules = program_modules(words, folder) if words is not None else frozenset()
        program = PythonProgram(stage, tuple(words or ()), modules)
        if program.packages:
            found.append(program)
    return found


def preload_modules(root: Path, stages: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the modules outside of the project that the Python programs among the commands of `stages` import, sorted."""
    programs = [
        program for stage, commands in stages.items() for program in find_programs(stage, commands, root)
    ]
    return tuple(sorted({name for program in programs for name in program.modules}))


def program_modules(words: Sequence[str], folder: Path) -> frozenset[str]:
    """Return what the program `words` imports from outside of the project in `folder`; empty when that cannot be known."""
    module = words[2] if words[1] == "-m" else ""
    try:
        if module.partition(".")[0] == OWN:
            return _of_built_in(module)
        if not module:
            return _of_closure(find_closure(folder, words[1].removeprefix("./"), script=True), folder)
        folders = Folders(folder)
        start = _file_of(folders, module)
        return _of_closure(find_closure(folder, start, folders=folders), folder) if start else frozenset()
    except (MlopsKitError, OSError, ValueError):
        return frozenset()


def _file_of(folders: Folders, module: str) -> str:
    """Return the file that `python -m module` runs; empty when the project has none."""
    files, known = folders.module(module)
    if known and files and files[-1].endswith("__init__.py"):
        files, known = folders.module(f"{module}.__main__")
    return files[-1] if known and files and files[-1].endswith(".py") else ""


def _of_closure(closure: ImportClosure, folder: Path) -> frozenset[str]:
    if any(sign in note.what for note in closure.notes for sign in _PATH_EDITS):
        return frozenset()
    found = set(closure.external)
    if any(name.partition(".")[0] == OWN for name in found):
        found |= {*RUNNER, *(name for path in closure.local for name in _of_signature(folder / path))}
    return frozenset(found)


def _of_built_in(module: str) -> frozenset[str]:
    from mlops_kit.steps.catalog import CATALOG, module_file

    if module not in CATALOG.values():
        return frozenset()
    path = module_file(module)
    return frozenset({*imported_modules(path), *RUNNER, *_of_signature(path)})


def _of_signature(path: Path) -> Iterable[str]:
    """Return what reading and writing the artifacts of a step takes; nothing for a file that has no step."""
    from mlops_kit.steps.contract import read_contract

    try:
        contract = read_contract(path)
    except MlopsKitError:
        return ()
    kinds = {ref.kind for ref in (*contract.inputs, *contract.outputs)}
    return [name for kind in sorted(kinds) for name in _OF_KINDS.get(kind, ())]


def choose_forks(programs: Sequence[PythonProgram]) -> list[frozenset[str]]:
    """Return the sets of packages for which a process that has them imported is worth its while, small ones first.

    Each is within the packages of at least two programs; candidates are the programs' own sets and what any two of them share.
    """
    own = sorted({program.packages for program in programs}, key=sorted)
    candidates = {*own, *(one & other for one in own for other in own)} - {frozenset()}
    kept = [c for c in candidates if sum(c <= program.packages for program in programs) >= LEAST]
    return sorted(kept, key=lambda packages: (len(packages), sorted(packages)))


@dataclass
class _Place:
    """Programs that may run in forks of one process: same interpreter, folder and environment."""

    base: WarmServer
    servers: dict[frozenset[str], WarmServer | None] = field(default_factory=dict)


class WarmStarts:
    """Starts the Python programs of a run in forks that have their libraries imported; see `child.WarmStarter`.

    Processes that import begin when the first program that needs one starts. Steps of the library start in the stage environment right
    away, and watched, as they would start themselves a second time in it; other commands that are to be watched start afresh, below a
    process that watches. `lock` is the descriptor of the run's lock, which is kept until all is gone.
    """

    def __init__(self, root: Path, lifecycle: Lifecycle | None = None, *, lock: int | None = None) -> None:
        self._root = root
        self._lifecycle = lifecycle
        self._lock = lock
        self._programs: dict[tuple[str, tuple[str, ...]], PythonProgram] = {}
        self._forks: list[frozenset[str]] = []
        self._places: dict[tuple[object, ...], _Place] = {}

    def expect(self, stages: Iterable[tuple[str, Sequence[str], Path]]) -> None:
        """Say which stages (name, commands, folder) may run; others start afresh."""
        if not can_start_warm():
            return
        for stage, commands, folder in stages:
            for program in find_programs(stage, commands, folder):
                self._programs[program.stage, program.words] = program
        self._forks = choose_forks(list(self._programs.values()))

    def start(
        self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdout: int
    ) -> Child | None:
        """Start the program `argv` of the stage that DVC_STAGE names; None where it has to be started afresh."""
        program = self._programs.get((environment.get("DVC_STAGE", ""), tuple(argv)))
        if program is None:
            return None
        python = shutil.which(argv[0], path=environment.get("PATH", ""))
        packages = next((fork for fork in reversed(self._forks) if fork <= program.packages), None)
        if python is None or packages is None:
            return None
        step = self._as_step(program, python, environment)
        if step is None and watch_mode(environment, WatchMode.OFF) is not WatchMode.OFF:
            return None
        words, variables = step or (list(argv), environment)
        server = self._server(python, packages, cwd, variables)
        return (
            server.start(words, cwd=cwd, environment=variables, stdout=stdout) if server is not None else None
        )

    def _as_step(
        self, program: PythonProgram, python: str, environment: Mapping[str, str]
    ) -> tuple[list[str], Mapping[str, str]] | None:
        """Return the words and the environment with which a step of the library starts itself again; None for anything else."""
        words = list(program.words)
        use = self._lifecycle.steps.get(program.stage) if self._lifecycle is not None else None
        rest = words[3:] if words[1] == "-m" else words[2:]
        if use is None or use.uses is None or self._lifecycle is None or environment.get(VARIABLE):
            return None
        if rest not in ([], [program.stage]):
            return None
        threads = self._lifecycle.runtime.threads
        variables = stage_environment(environment, threads=threads, declared=use.environment)
        if variables.get(MODE) == WatchMode.OFF:
            return [python, *words[1:]], variables
        return [python, "-m", "mlops_kit.steps.watch.start", program.stage, *words[1:]], variables

    def _server(
        self, python: str, packages: frozenset[str], cwd: Path, environment: Mapping[str, str]
    ) -> WarmServer | None:
        """Return the process with `packages` for programs of this kind, begun when it is asked for first."""
        fixed = tuple(sorted((name, value) for name, value in environment.items() if name not in OF_STAGES))
        key = (python, os.path.realpath(cwd), fixed)
        if key not in self._places:
            self._places[key] = _Place(WarmServer(python, environment, (), folder=cwd, lock=self._lock))
        place = self._places[key]
        if packages not in place.servers:
            # A fork of the largest that has no more than this one.
            below = [fork for fork in self._forks if fork < packages and place.servers.get(fork)]
            parent = (place.servers[below[-1]] if below else None) or place.base
            place.servers[packages] = parent.branch(self._names(packages))
        return place.servers[packages]

    def _names(self, packages: frozenset[str]) -> list[str]:
        """Return the modules of `packages` that two programs with all of them import, and that one does where it alone counts."""
        users = [program for program in self._programs.values() if packages <= program.packages]
        return sorted({n for user in users for n in user.modules if n.partition(".")[0] in packages})

    def close(self) -> None:
        """End the processes and every program that still runs in a fork of one."""
        for place in self._places.values():
            for server in place.servers.values():
                if server is not None:
                    server.close()
            place.base.close()
        self._places.clear()
