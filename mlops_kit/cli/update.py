"""`mlops-kit update`: bring a project to the template of the installed mlops-kit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_kit.project.update.model import FileChange, UpdatePlan


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(update)


def update(
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be done; change nothing."),
    keep: list[str] = typer.Option(
        [], "--keep", metavar="FILE", help="Solve a conflict: yours is right. May be repeated."
    ),
    take: list[str] = typer.Option(
        [], "--take", metavar="FILE", help="Solve a conflict: the template's is right. May be repeated."
    ),
    rev: str | None = typer.Option(
        None,
        "--from",
        metavar="REV",
        help="Commit that `mlops-kit init` made, for a project that is older than .mlops/template.yaml.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Machine-readable result on standard output."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Bring the project to the template of the installed mlops-kit, and your changes with it.

    Each file that is yours is merged three ways: as it was made, as it is made now, as you have it; ejected steps as well.
    A conflict leaves your file alone and lies beside it as FILE.update: edit that one and remove its markers (or edit
    yours and delete it), then run the command again. Generated files are rebuilt. Needs a clean git work tree, so that
    git can undo it.

    Exit codes: 0 up to date, 7 a conflict waits for you, or refused because of uncommitted changes.

    Examples:

        mlops-kit update --dry-run

        mlops-kit update

        mlops-kit update --keep README.md
    """
    from mlops_kit.project.update.apply import update_project

    plan = update_project(repo.resolve(), dry_run=dry_run, keep=keep, take=take, rev=rev)
    if as_json:
        sys.stdout.write(json.dumps(_plain(plan, dry_run=dry_run), indent=1) + "\n")
    else:
        _print(plan, dry_run=dry_run)
    raise typer.Exit(int(plan.exit_code))


def _plain(plan: UpdatePlan, *, dry_run: bool) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "from": plan.old,
        "to": plan.new,
        "written": not dry_run,
        "files": [asdict(file) for file in plan.files],
        "generated": list(plan.generated),
        "stages": [
            {"stage": change.name, "reasons": list(change.reasons) or [change.kind]} for change in plan.stages
        ],
        "following": list(plan.following),
        "notes": list(plan.notes),
    }


def _print(plan: UpdatePlan, *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from mlops_kit.report import text

    console = Console()

    def say(line: str, style: str = "") -> None:
        console.print(Text(line, style=style), soft_wrap=True)

    if not plan.writes and not plan.conflicts:
        say(f"the project has the template of mlops-kit {plan.new} already; nothing to do")
        return
    say(
        f"template of mlops-kit {plan.old} -> {plan.new}"
        if plan.old != plan.new
        else f"template of mlops-kit {plan.new}"
    )
    width = max((len(file.path) for file in plan.files), default=0)
    for file in plan.files:
        say(f"  {text.visible(file.path):<{width}}  {file.outcome:<8}  {text.visible(_words(file), longest=400)}".rstrip(),
            "bold red" if file in plan.conflicts else "")  # fmt: skip
    if plan.generated:
        say(f"  generated again: {', '.join(plan.generated)}")
    _print_stages(console, plan)
    for note in plan.notes:
        say(f"note: {text.visible(note, longest=400)}", "dim")
    for line in _next(plan, dry_run=dry_run):
        say(line)


def _words(file: FileChange) -> str:
    places = ", ".join(
        f"{first}-{last}" if last > first else f"{first}" if last == first else f"before {first}"
        for first, last in file.lines
    )
    return (
        f"{file.detail} (line{'s' if len(file.lines) > 1 or '-' in places else ''} {places} of yours)"
        if places
        else file.detail
    )


def _print_stages(console: Console, plan: UpdatePlan) -> None:
    from rich.text import Text

    from mlops_kit.report import text

    if plan.stages:
        console.print(Text("the next run reruns:"))
    for change in plan.stages:
        why = ", ".join(change.reasons) or "new"
        console.print(
            Text(f"  {text.visible(change.name)}: {text.visible(why, longest=400)}"), soft_wrap=True
        )
    if plan.following:
        console.print(
            Text(f"  and what reads their outputs, if they change: {' '.join(plan.following)}"),
            soft_wrap=True,
        )


def _next(plan: UpdatePlan, *, dry_run: bool) -> list[str]:
    if dry_run:
        return ["nothing was changed (--dry-run)"]
    if plan.conflicts:
        first = plan.conflicts[0]
        few = (
            "1 file waits for you, and yours is"
            if len(plan.conflicts) == 1
            else f"{len(plan.conflicts)} files wait for you, and yours are"
        )
        return [
            f"{few} untouched. Edit {first.proposal} until it is right and has no markers, then: mlops-kit update",
            f"or say whose is right: mlops-kit update --keep {first.path} (yours), --take {first.path} (the template's)",
        ]
    return [
        f"next: git diff, mlops-kit run, git add -A && git commit -m 'Update to mlops-kit {plan.new}'",
        "to undo all of it: git stash --include-untracked",
    ]
