"""`mlops-kit diff`: how far your step files are from the built-in steps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_kit.project.distance import StepDistance


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(diff)


def diff(
    stage: str | None = typer.Argument(
        None, help="Stage whose step was ejected; all of them, a line each, without."
    ),
    as_json: bool = typer.Option(False, "--json", help="Machine-readable result on standard output."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Show what you changed in an ejected step, and what changed in the built-in step since.

    The distance is the number of lines, added and removed, in which your file and the built-in step of the installed
    mlops-kit differ. `mlops-kit update` merges the changes upstream into your file.

    Examples:

        mlops-kit diff

        mlops-kit diff train

        mlops-kit diff --json | jq '.steps[] | {stage, distance}'
    """
    from mlops_kit.project.distance import step_distances

    found = step_distances(repo.resolve(), stage)
    if as_json:
        sys.stdout.write(json.dumps({"steps": [_plain(step) for step in found]}, indent=1) + "\n")
        return
    _print(found, whole=stage is not None)


def _plain(step: StepDistance) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(step)


def _print(found: tuple[StepDistance, ...], *, whole: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from mlops_kit.report import text

    console = Console()
    if not found:
        console.print(
            Text("no step is ejected: every stage uses a built-in step, a command or a file of your own")
        )
        return
    if not whole:
        _print_lines(console, found)
        return
    (step,) = found
    console.print(
        Text(
            f"{text.visible(step.stage)}: {text.visible(step.file)}, from {step.uses} (mlops-kit {step.mlops_kit})"
        )
    )
    for line in _facts(step):
        console.print(Text(f"  {line}"))
    for part in (step.yours, step.upstream):
        _print_diff(console, part.diff)


def _print_lines(console: Console, found: tuple[StepDistance, ...]) -> None:
    from rich.text import Text

    from mlops_kit.report import text

    width, from_width = (
        max(len(part) for part in parts) for parts in ([s.stage for s in found], [s.uses for s in found])
    )
    for step in found:
        facts = ", ".join(" ".join(fact.split()) for fact in _facts(step)[:-1] if not step.missing)
        line = f"{text.visible(step.stage):<{width}}  {step.uses:<{from_width}}  {step.distance:>4} lines away: {facts or 'the file is gone'}"
        console.print(Text(line), soft_wrap=True)


def _facts(step: StepDistance) -> list[str]:
    yours, upstream = step.yours, step.upstream
    if step.missing:
        return [f"the file is not there; to use the built-in step again: mlops-kit eject {step.stage} --undo"]
    said = [f"yours     +{yours.added} -{yours.removed}" if yours.diff else "yours     unchanged"]
    if step.contract_now is None:
        said.append("upstream  the built-in step does not exist any more")
    elif upstream.diff:
        contract = (
            "" if step.contract_now == step.contract else f" contract {step.contract} -> {step.contract_now}"
        )
        said.append(f"upstream  +{upstream.added} -{upstream.removed}{contract} (mlops-kit update merges it)")
    else:
        said.append("upstream  unchanged")
    return [*said, f"distance  {step.distance} line{'' if step.distance == 1 else 's'}"]


def _print_diff(console: Console, diff_text: str) -> None:
    from rich.text import Text

    from mlops_kit.report import text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    if diff_text:
        console.print()
    for line in diff_text.splitlines():
        style = "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        console.print(Text(text.visible(line, longest=2000), style=style), soft_wrap=True)
