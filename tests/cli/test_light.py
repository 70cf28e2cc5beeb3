"""A plain command line means the same with typer and without it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import typer
import typer.main
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.cli.light import LIGHT, add_command, read_arguments

WORDS = ["auc", "HEAD~1", "x y", "", "-", "--", "-n", "--max-count", "3", "-1", "007", "--rev", "--rev=a..b", "--tags", "-T", "-aT", "--json", "--html",
         "--no-first-parent", "--first-parent", "--since", "--since=", "-o", "--output=a.html", "--repo", ".", "--nonsense", "--md", "--json=1", "-h"]  # fmt: skip


def with_typer(name: str, words: list[str]) -> dict[str, Any] | None:
    """Return what typer gives to the command; None when it refuses."""
    function: Any = getattr(import_module(LIGHT[name]), name)
    given: dict[str, Any] = {}
    twin = FunctionType(
        _keep.__code__,
        {**function.__globals__, "given": given, "locals": locals},
        name,
        function.__defaults__,
    )
    code = function.__code__
    twin.__code__ = _keep.__code__.replace(
        co_argcount=code.co_argcount, co_nlocals=code.co_argcount, co_varnames=code.co_varnames[: code.co_argcount],
    )  # fmt: skip
    twin.__annotations__ = function.__annotations__
    app = typer.Typer(pretty_exceptions_enable=False)
    add_command(app, twin)
    try:
        typer.main.get_command(app).main(words, standalone_mode=False)
    except Exception:  # noqa: BLE001 - whatever typer says, it is not plain
        return None
    return given or None


def _keep() -> int:
    given.update(locals())  # type: ignore[name-defined]
    return 0


@pytest.mark.parametrize("name", LIGHT)
@given(words=st.lists(st.sampled_from(WORDS), max_size=6))
@settings(deadline=None, max_examples=150)
def test_plain_words_mean_what_typer_makes_of_them(name: str, words: list[str]) -> None:
    function: Any = getattr(import_module(LIGHT[name]), name)
    light = read_arguments(function, words)
    if light is not None:
        assert {key: value or None for key, value in light.items()} == {
            key: value or None for key, value in (with_typer(name, words) or {}).items()
        }


@pytest.mark.parametrize("name", ["compare", "log"])
def test_common_calls_are_plain(name: str) -> None:
    function: Any = getattr(import_module(LIGHT[name]), name)
    for words in (
        [],
        ["HEAD~1", "--json"],
        ["a", "b", "-o", "x.html"] if name == "compare" else ["a", "-n", "5", "--no-first-parent"],
    ):
        assert read_arguments(function, words) is not None
    for words in (["--help"], ["--nonsense"], ["-n", "many"], ["--output"]):
        assert read_arguments(function, words) is None


@pytest.mark.parametrize("name", ["compare", "log"])
def test_light_command_loads_no_typer(name: str, git_repo: Path) -> None:
    program = (
        "import sys\nfrom mlops_kit.cli.edge import run_guarded\n"
        f"code = run_guarded([{name!r}, '--json'])\n"
        "print(code, [m for m in ('typer', 'rich', 'pydantic', 'click', 'numpy', 'dvc') if m in sys.modules])"
    )
    (git_repo / "dvc.yaml").write_text("metrics: [m.json]\n")
    (git_repo / "m.json").write_text('{"auc": 1}')
    for command in (["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=git_repo, check=True)
    done = subprocess.run([sys.executable, "-c", program], cwd=git_repo, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
