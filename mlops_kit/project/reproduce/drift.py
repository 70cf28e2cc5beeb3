"""Versions of packages that a commit locks and that are not the installed ones."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.outside.process import run_command
from mlops_kit.project.reproduce.isolate import Origin
from mlops_kit.project.reproduce.sources import StageSource

_TOML_LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock")
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\,#]+)", re.MULTILINE)
_PROBE = """\
import importlib.metadata as m, json, sys
print(json.dumps([{d.metadata["Name"]: d.version for d in reversed(list(m.distributions())) if d.metadata["Name"]}, m.packages_distributions(),
"%d.%d" % sys.version_info[:2]]))
"""


def find_drift(source: StageSource, origin: Origin) -> list[Cause]:
    """Return the packages that the stage's code imports whose locked version is not installed, and another version of Python."""
    root = origin.clone / origin.prefix
    locked = dict(_locked(root))
    python = origin.programs / "python" if origin.programs else None
    done = run_command(
        [str(python) if python else "python", "-c", _PROBE], cwd=root, env=dvc_environment(origin.programs)
    )
    if done.code != 0:
        return []
    installed, holders, running = json.loads(done.text.splitlines()[-1])
    versions = {_normal(name): version for name, version in installed.items()}
    used = {_normal(name) for module in _imported(source, root) for name in holders.get(module, [module])}
    causes = [
        Cause(
            CauseKind.PACKAGE_VERSION,
            f"{name} {version} is locked in {file}, {versions.get(name, 'none')} is installed",
        )
        for name, (version, file) in sorted(locked.items())
        if name in used and versions.get(name) != version
    ]
    wanted = root / ".python-version"
    if wanted.is_file() and not wanted.read_text(encoding="utf-8").strip().startswith(running):
        said = wanted.read_text(encoding="utf-8").strip()[:20]
        causes.append(Cause(CauseKind.PYTHON_VERSION, f".python-version says {said}, Python {running} runs"))
    return causes


def _locked(root: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for path in sorted(root.glob("requirements*")):
        if path.is_file():
            for name, version in _PINNED.findall(path.read_text(encoding="utf-8", errors="replace")):
                yield _normal(name), (version, path.name)
    for file in _TOML_LOCKS:
        with suppress(OSError, ValueError, AttributeError, TypeError):
            value = tomllib.loads((root / file).read_text(encoding="utf-8"))
            for package in value.get("package") or value.get("packages") or []:
                if isinstance(package, Mapping) and package.get("version"):
                    yield _normal(str(package["name"])), (str(package["version"]), file)


def _imported(source: StageSource, root: Path) -> set[str]:
    """Return the top-level modules that the stage's Python files import."""
    found: set[str] = set()
    for path in code_files(source, root):
        with suppress(OSError, SyntaxError, ValueError):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def code_files(source: StageSource, root: Path) -> Iterable[Path]:
    """Return the Python files that the stage declares or names in its command."""
    named = [word for command in source.commands for word in command.split() if word.endswith(".py")]
    paths = dict.fromkeys([*(dep.path for dep in source.deps if dep.path.endswith(".py")), *named])
    return [root / path for path in paths if (root / path).is_file()]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
