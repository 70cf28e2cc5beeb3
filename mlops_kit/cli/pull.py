"""`mlops-kit pull`: data that the locks name, verified."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops_kit.cli.bar import byte_bar

if TYPE_CHECKING:
    from mlops_kit.project.pull import PullReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(pull)


def pull(
    targets: list[str] | None = typer.Argument(
        None,
        help="Stages, .dvc files, outputs, folders, or files inside of outputs; everything when left out.",
    ),
    remote: str = typer.Option(
        "", "--remote", "-r", help="Ask this DVC remote alone, not the default one and then the others."
    ),
    force: bool = typer.Option(False, "--force", "-f", help="Overwrite edited outputs as well."),
    checkout: bool = typer.Option(
        True, "--checkout/--no-checkout", help="Put the files into the work tree, not into the cache alone."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Fetch what dvc.lock and .dvc files name, or a part of it, and put it where it belongs.

    Only what is neither in the cache nor in the work tree is downloaded, several files at once; each is verified before it enters the cache.
    What was cut off goes on where it was. Nothing is overwritten whose content is nowhere else.

    To rerun what changed, no pull is needed: `mlops-kit run --pull` fetches what the changed stages need, and no more.

    Exit codes: 0 all is here, 2 nothing has that name, 4 something is whole nowhere, 7 refused (edited outputs would be lost, the cache is
    damaged), 8 the cache cannot be written.

    Examples:

        mlops-kit pull

        mlops-kit pull train

        mlops-kit pull data/raw.csv data/images/2024

        mlops-kit pull --no-checkout --remote backup
    """
    from mlops_kit.project.pull import PullOptions, pull_project
    from mlops_kit.project.roots import find_root

    root = find_root(repo)
    options = PullOptions(tuple(targets or ()), remote, force, checkout)
    with byte_bar("downloading") as bar:
        report = pull_project(
            root,
            options,
            on_total=lambda files, size: bar.expect(size, files),
            on_file=lambda name, size: bar.file_done(size),
        )
    if as_json:
        value = asdict(report) | {"exit_code": int(report.exit_code)}
        typer.echo(json.dumps(value, indent=2, sort_keys=True))
        raise typer.Exit(int(report.exit_code))
    _print_report(report)
    raise typer.Exit(int(report.exit_code))


def _print_report(report: PullReport) -> None:
    lost = [path for path in report.missing if path not in report.unpushed]
    came = (
        f"{report.objects} objects, {report.bytes / 1e6:.1f} MB came"
        if report.objects
        else "nothing to fetch"
    )
    typer.echo(f"{'✗' if lost else '✓'} {report.asked} outputs: {came}, {len(report.placed)} placed")
    for path in report.unpushed:
        typer.echo(f"  {path} is never pushed (push: false); the machine that made it has it")
    for path in lost:
        typer.echo(f"✗ {path} is whole on no remote that was asked")
    if lost:
        typer.echo(
            f"  {report.complaint}"
            if report.complaint
            else "  fix: mlops-kit push where it was made, or mlops-kit run"
        )
