"""`mlops-kit push`: data, verified, then git."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from mlops_kit.cli.bar import byte_bar


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
    runs: bool = typer.Option(
        True,
        "--runs/--no-runs",
        help="Push the run cache too: what stages gave here with other parameters or code, so that no other machine computes it again.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Push data, verify object by object that the remote has it, and only then push the current branch.

    Only what is missing is uploaded, several files at once, the run cache with all that its entries name. What was cut off goes on where it
    was. When anything is damaged or nowhere, nothing is pushed.

    Exit codes: 0 everything is there, 7 refused (damaged or missing content; with --check: not on the remote yet), 8 the remote or git
    did not take it.

    Examples:

        mlops-kit push

        mlops-kit push --no-git backup

        echo 'mlops-kit push --check' >> .git/hooks/pre-push; chmod +x .git/hooks/pre-push
    """
    from mlops_kit.project.push import PushOptions, PushWatch, push_project
    from mlops_kit.project.roots import find_root

    root = find_root(repo)

    with byte_bar("uploading") as bar:
        watch = PushWatch(
            on_line=lambda line: None if as_json else _say(line),
            on_total=lambda files, size: bar.expect(size, files),
            on_file=lambda name, size: bar.file_done(size),
        )
        report = push_project(root, PushOptions(remote, with_git, check, runs), watch)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2, sort_keys=True))
        return
    done = f"{len(report.uploaded)} uploaded, " if report.uploaded else ""
    typer.echo(f"✓ data: {done}{report.objects} objects are on the remote")
    for path in report.replaced:
        typer.echo(f"  {path}: the remote had something else under that name; it is in quarantine now")
    if report.runs:
        typer.echo(f"✓ run cache: {report.runs} runs, so that nobody computes them again")
    if report.bytes:
        typer.echo(f"  {report.bytes / 1e6:.1f} MB uploaded")
    if report.branch:
        typer.echo(f"✓ git: {report.branch}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
