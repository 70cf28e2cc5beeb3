"""`mlops-kit push`: data, verified, then git."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(push)


def push(
    remote: str = typer.Argument("", help="DVC remote for the data; the default one when left out."),
    with_git: bool = typer.Option(True, "--git/--no-git", help="Push the current branch after the data."),
    check: bool = typer.Option(
        False,
        "--check",
        help="Only check that everything is on the remote; transfer nothing. For git's pre-push hook.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Push data, verify object by object that the remote has it, and only then push the current branch.

    `dvc push` can end without an error and leave objects behind; they are uploaded again here. When anything is damaged or nowhere,
    nothing is pushed.

    Exit codes: 0 everything is there, 7 refused (damaged or missing content; with --check: not on the remote yet), 8 the remote or git
    did not take it.

    Examples:

        mlops-kit push

        mlops-kit push --no-git backup

        echo 'mlops-kit push --check' >> .git/hooks/pre-push; chmod +x .git/hooks/pre-push
    """
    from mlops_kit.project.push import PushOptions, push_project
    from mlops_kit.project.roots import find_root

    root = find_root(repo)

    def show(line: str) -> None:
        if not as_json:
            sys.stderr.write(f"{line}\n")

    report = push_project(root, PushOptions(remote, with_git, check), on_line=show)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2, sort_keys=True))
        return
    done = f"{len(report.uploaded)} uploaded, " if report.uploaded else ""
    typer.echo(f"✓ data: {done}{report.objects} objects are on the remote")
    for path in report.again:
        typer.echo(f"  {path}: DVC had left it out")
    if report.branch:
        typer.echo(f"✓ git: {report.branch}")
