"""A random project of which it is known by construction what each stage uses, and random edits of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.recorded import install

FOLDERS = ("lib", "lib/inner", "space", "space/deep", "steps")
IMPORTS = (
    "import {module}",
    "from {package} import {name}",
    "from {module} import value as v{number}",
    "def f{number}():\n    import {module}",
    "def f{number}():\n    from {package} import {name}",
    "try:\n    import {module}\nexcept ImportError:\n    pass",
    "import importlib\nimportlib.import_module('{module}')",
    "if 1 + 1 == 2:\n    import {module}",
    "class C{number}:\n    from {module} import value",
    "from {package} import (  # several\n    {name},\n)",
    "__import__('{module}')",
)
TYPES_ONLY = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {module}"


@dataclass
class RandomProject:
    """The files of a project and the truth about it."""

    files: dict[str, str] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)
    """Python file -> Python files that it runs, without those on the way (`__init__`)."""
    uses: dict[str, set[str]] = field(default_factory=dict)
    """Python file -> packages that it imports."""
    requires: dict[str, set[str]] = field(default_factory=dict)
    """Package -> packages that it requires here."""
    stages: dict[str, str] = field(default_factory=dict)
    """Stage -> its file."""
    data: dict[str, str] = field(default_factory=dict)
    """Stage -> the file that its parameters name."""

    def code_of(self, stage: str) -> set[str]:
        """Return the Python files that a stage runs."""
        found: set[str] = set()
        queue = [self.stages[stage]]
        while queue:
            path = queue.pop()
            if path not in found:
                found.add(path)
                queue += self.imports[path]
                queue += [f"{p}/__init__.py" for p in _folders(path) if f"{p}/__init__.py" in self.files]
        return found

    def packages_of(self, stage: str) -> set[str]:
        """Return the packages that a stage uses."""
        queue = [package for path in self.code_of(stage) for package in self.uses[path]]
        found: set[str] = set()
        while queue:
            package = queue.pop()
            if package not in found:
                found.add(package)
                queue += self.requires[package]
        return found

    def running(self, path: str) -> set[str]:
        """Return the stages that run a Python file."""
        return {stage for stage in self.stages if path in self.code_of(stage)}


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def make_project(rng: random.Random, site: Path) -> RandomProject:
    """Return a random project; its packages are installed into `site`."""
    made = RandomProject()
    for number in range(8):
        later = [f"pk{n}" for n in range(number + 1, 8)]
        made.requires[f"pk{number}"] = set(rng.sample(later, min(len(later), rng.choice([0, 1, 1, 2]))))
    for package in made.requires:
        install_package(made, site, package, "1.0")
    modules = [f"{rng.choice(FOLDERS)}/m{number}.py" for number in range(14)]
    inits = [f"{folder}/__init__.py" for folder in ("lib", "lib/inner", "steps") if rng.random() < 0.7]
    for path in inits:
        made.files[path], made.imports[path], made.uses[path] = "", set(), set()
    for number, path in enumerate(modules):
        _write_module(made, rng, path, modules[number + 1 :], "value = 1\n")
    sections: list[str] = []
    steps: list[str] = []
    for number in range(4):
        name = f"stage{number}"
        made.stages[name] = f"steps/{name}.py"
        made.data[name] = f"data/{name}.csv"
        made.files[made.data[name]] = "1\n"
        given = f"stage{number - 1}: Document, " if number else ""
        text = (
            "from dataclasses import dataclass\nfrom mlops_kit import Document, InputFile, run, step\n@dataclass(frozen=True)\nclass P:\n"
            f"    source: InputFile = ''\n    depth: int = 1\n@step\ndef {name}({given}*, params: P{', task' if number == 2 else ''}) -> Document:\n    ...\n"
        )
        _write_module(made, rng, made.stages[name], rng.sample(modules, 4), text, most=3)
        sections.append(f"{name}: {{source: {made.data[name]}, depth: 1}}\n")
        steps.append(f"  {name}: {{uses: {made.stages[name]}}}\n")
    made.files["params.yaml"] = "".join(sections) + "other: {x: 1}\n"
    made.files["data/unused.csv"] = "1\n"
    made.files["README.md"] = "# p\n"
    made.files["mlops.yaml"] = (
        "version: 1\nproject: {name: p}\ntask: {kind: regression, target: y, key: [id]}\nruntime: {lock: none, threads: 1}\nsteps:\n"
        + "".join(steps)
    )
    return made


def _write_module(
    made: RandomProject, rng: random.Random, path: str, others: list[str], body: str, *, most: int = 2
) -> None:
    lines: list[str] = []
    made.imports[path], made.uses[path] = set(), set()
    for number, other in enumerate(rng.sample(others, min(len(others), rng.randint(0, most)))):
        types_only = rng.random() < 0.1
        form = TYPES_ONLY if types_only else rng.choice(IMPORTS)
        package, _, name = _dotted(other).rpartition(".")
        lines.append(form.format(module=_dotted(other), package=package, name=name, number=number))
        made.imports[path] |= set() if types_only else {other}
    for number, package in enumerate(rng.sample(sorted(made.requires), rng.choice([0, 0, 1, 2]))):
        form = rng.choice([f for f in IMPORTS if "{package}" not in f])
        lines.append(form.format(module=package, number=number + 10))
        made.uses[path].add(package)
    made.files[path] = f"'''Module.'''\n{chr(10).join(lines)}\n{body}"


def install_package(made: RandomProject, site: Path, name: str, version: str) -> None:
    """Install a package in a version, with what it requires here and conditions that do not hold here."""
    needs = [f"{other}>=1 ; python_version >= '3'" for other in sorted(made.requires[name])]
    install(site, name, version, *needs, "pk7; sys_platform == 'nowhere'", "pk6; extra == 'all'")


@dataclass(frozen=True)
class Edit:
    """A change and the stages that it can influence."""

    what: str
    stages: frozenset[str]
    apply: Callable[[Path, Path], None]
    path: str = ""
    """The one file of the project that it changes."""


def draw_edit(made: RandomProject, rng: random.Random) -> Edit:
    """Return a random edit with its truth."""
    every = frozenset(made.stages)
    module = rng.choice(sorted(path for path in made.files if path.endswith(".py")))
    stage = rng.choice(sorted(made.stages))
    package = rng.choice(sorted(made.requires))
    text = made.files[module]
    versions = f"1.{rng.randint(1, 9)}"
    params = made.files["params.yaml"]
    lifecycle = made.files["mlops.yaml"]
    runs = frozenset(made.running(module))
    using = frozenset(s for s in made.stages if package in made.packages_of(s))
    kinds: Mapping[str, Callable[[], Edit]] = {
        "code": lambda: _put(f"code of {module}", runs, module, f"{text}extra = {rng.random()}\n"),
        "import": lambda: _put(f"import in {module}", runs, module, f"{text}import json, README\n"),
        "constant": lambda: _put(f"docstring of {module}", runs, module, f"{text}'''note {rng.random()}'''\n"),
        "comment": lambda: _put(f"comment in {module}", frozenset(), module, f"# {rng.random()}\n{text}\n\n"),
        "parameter": lambda: _put(f"parameter of {stage}", frozenset({stage}), "params.yaml", params.replace(f"{stage}.csv, depth: 1", f"{stage}.csv, depth: {rng.randint(2, 99)}")),
        "unused parameter": lambda: _put("unused parameter", frozenset(), "params.yaml", params.replace("x: 1", f"x: {rng.random()}")),
        "data": lambda: _put(f"data of {stage}", frozenset({stage}), made.data[stage], f"{rng.random()}\n"),
        "unused data": lambda: _put("unused data", frozenset(), "data/unused.csv", f"{rng.random()}\n"),
        "package": lambda: Edit(f"package {package}", using, lambda root, site: install_package(made, site, package, versions)),
        "new package": lambda: Edit("package that nobody uses", frozenset(), lambda root, site: install(site, "stranger", versions, "pk0")),
        "task": lambda: _put("task", frozenset({"stage2"}), "mlops.yaml", lifecycle.replace("target: y", "target: z")),
        "threads": lambda: _put("threads", every, "mlops.yaml", lifecycle.replace("threads: 1", f"threads: {rng.randint(2, 8)}")),
        "python": lambda: _put("Python", every, ".python-version", f"3.{rng.randint(30, 99)}\n"),
        "prose": lambda: _put("README", frozenset(), "README.md", f"{rng.random()}\n"),
        "output": lambda: Edit(f"output of {stage}", frozenset({stage}), lambda root, site: (root / f"reports/{stage}.json").unlink(), f"reports/{stage}.json"),
        "new module": lambda: _put("module that nobody imports", frozenset(), "lib/brandnew.py", "import steps\n"),
    }  # fmt: skip
    chosen = rng.choice([*kinds, "code", "code", "package", "package", "parameter", "data"])
    return kinds[chosen]()


def _put(what: str, stages: frozenset[str], path: str, text: str) -> Edit:
    def apply(root: Path, site: Path) -> None:
        (root / path).write_text(text)

    return Edit(what, stages, apply, path)
