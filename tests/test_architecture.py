"""The shape of the package: floors, sizes, a light start, a pinned public surface."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_kit
from mlops_kit.cli import GROUPS
from mlops_kit.errors import EXIT_MEANINGS, ExitCode
from mlops_kit.steps.catalog import CATALOG, module_file

PACKAGE = Path(mlops_kit.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("pandas", "sklearn", "pyarrow", "numpy", "scipy", "skops", "dvc", "matplotlib")


@pytest.mark.slow
def test_floors_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"
            assert len(node.args.posonlyargs) + len(node.args.args) <= 6 or path.parent.name == "cli", (
                f"{node.name} takes too many"
            )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([group, "--help"] for group in GROUPS)], ids=" ".join
)
def test_command_line_starts_light(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom mlops_kit.cli.edge import run_guarded\n"
        f"code = run_guarded({arguments!r})\nprint([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_importing_modules_has_no_effect() -> None:
    program = "import importlib, sys; [importlib.import_module(n) for n in sys.argv[1:]]; print(sorted(m for m in sys.modules if m in %r))"
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.name != "__main__.py"
    ]
    done = subprocess.run([sys.executable, "-c", program % (HEAVY,), *names], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


@pytest.mark.parametrize("name", CATALOG)
def test_step_imports_only_third_parties_and_public_names(name: str) -> None:
    """Ejecting copies the file unchanged, so it may use nothing that a user's file may not."""
    tree = ast.parse(module_file(CATALOG[name]).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mlops_kit":
            assert node.module == "mlops_kit"
            assert {alias.name for alias in node.names} <= set(mlops_kit.__all__)
        elif isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] != "mlops_kit" for alias in node.names)


@pytest.mark.parametrize("name", mlops_kit.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    assert getattr(mlops_kit, name).__doc__


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_MEANINGS) == set(ExitCode)


def test_no_registry_hosts_in_the_repository() -> None:
    root = PACKAGE.parent
    files = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True).stdout.split(
        "\0"
    )
    pattern = re.compile("py" + r"pi\.org|python" + r"hosted|registry\." + "npmjs")
    hits = [
        f
        for f in files
        if f
        and (root / f).is_file()
        and pattern.search((root / f).read_text(encoding="utf-8", errors="ignore"))
    ]
    assert hits == []
