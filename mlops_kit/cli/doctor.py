"""`mlops-kit doctor`: the project's health."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(doctor)


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print the results as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Check the project: git, project files, generated files, versions, DVC remote, content. Changes nothing.

    The exit code is 0 when nothing fails, else that of the first failing check (2, 6 or 8).

    Examples:

        mlops-kit doctor

        mlops-kit doctor --json
    """
    from mlops_kit.project.doctor import examine, exit_code_of

    results = examine(repo.resolve())
    if as_json:
        typer.echo(json.dumps([asdict(result) | {"code": int(result.code)} for result in results], indent=2))
    else:
        for result in results:
            sign = {"ok": "✓", "warn": "!", "fail": "✗"}[result.status]
            typer.echo(f"{sign} {result.title}{': ' + result.detail if result.detail else ''}")
            if result.fix and result.status != "ok":
                typer.echo(f"    fix: {result.fix}")
    raise typer.Exit(int(exit_code_of(results)))
