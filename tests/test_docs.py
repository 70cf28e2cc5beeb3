"""Documentation cannot lag behind: pages made from the code are current, commands have examples, prose names what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.cli import GROUPS, build_app
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.steps.catalog import CATALOG

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_reference_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_command_has_an_example_and_documented_options() -> None:
    import typer.main

    def walk(command: object, path: str) -> list[tuple[str, object]]:
        inner = getattr(command, "commands", None)
        return (
            [found for name, sub in inner.items() for found in walk(sub, f"{path} {name}")]
            if inner
            else [(path, command)]
        )

    commands = walk(typer.main.get_command(build_app()), "mlops-kit")  # type: ignore[arg-type]
    assert len(commands) >= len(GROUPS)
    for path, command in commands:
        assert f"{path} " in (getattr(command, "help", "") or "") + " ", f"{path} has no example"
        for parameter in command.params:  # type: ignore[attr-defined]
            assert parameter.name == "help" or getattr(parameter, "help", None), f"{path}: {parameter.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_prose_names_commands_files_and_links_that_exist(page: Path) -> None:
    text = page.read_text()
    for command in re.findall(r"(?:^|`)mlops-kit ([a-z]+)", text, re.MULTILINE):
        assert command in GROUPS, command
    for target in re.findall(r"make ([a-z]+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link


def test_every_built_in_step_is_used_or_listed() -> None:
    listed = (ROOT / "docs/reference/steps.md").read_text()
    assert all(f"\n{name}\n" in listed for name in CATALOG)


def test_the_repository_is_its_own_first_user() -> None:
    lifecycle = read_lifecycle(ROOT)
    assert {
        "acquire",
        "clean",
        "label",
        "split",
        "train",
        "evaluate",
        "validate",
        "package",
        "deploy",
        "monitor",
        "retrain",
    } <= set(lifecycle.steps)
    done = subprocess.run(
        [sys.executable, "-m", "mlops_kit", "generate", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
