"""`mlops-kit merge`: what git does with dvc.lock, evidence and metrics when two branches meet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from mlops_kit.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    group = typer.Typer(help="How git merges dvc.lock, evidence and metrics.", no_args_is_help=True)
    group.command()(install)
    group.command()(resolve)
    app.add_typer(group, name="merge")


def install(
    as_json: bool = typer.Option(False, "--json", help="Print what was done as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the repository."),
) -> None:
    """Set this clone up so that `git merge`, `rebase` and `cherry-pick` merge what runs write; `init` does it for the first clone.

    dvc.lock is merged by stages: those that one side changed are taken from it, and those that both sides changed are left out and
    come back by `mlops-kit run`. Metrics keep what both sides agree on. Git's setting belongs to the clone; the lines in
    .gitattributes are added where they are missing and are to be committed. A clone without the setting gets ordinary conflicts.

    Examples:

        mlops-kit merge install

        mlops-kit merge install && git add .gitattributes
    """
    from mlops_kit.project.merging import install_driver
    from mlops_kit.project.roots import find_root

    made = install_driver(find_root(repo))
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=2, sort_keys=True))
        return
    typer.echo("✓ the merge driver is set up in this clone" + ("" if made.driver else " (it was already)"))
    for line in made.attributes:
        typer.echo(f"  .gitattributes: {line}")


def resolve(
    as_json: bool = typer.Option(False, "--json", help="Print what was done as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the repository."),
) -> None:
    """Merge the conflicts that a merge without the driver left in dvc.lock, evidence and outputs of stages, and `git add` them.

    What people write (params.yaml, code) is left to you, and so is a file without conflict markers.

    Exit codes: 0 nothing is unmerged any more, 7 something is left for you.

    Examples:

        mlops-kit merge resolve

        mlops-kit merge resolve && git merge --continue && mlops-kit run
    """
    from mlops_kit.project.merging import resolve_conflicts

    made = resolve_conflicts(repo.resolve())
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=2, sort_keys=True))
    else:
        for path, dropped in made.merged.items():
            typer.echo(
                f"✓ {path}" + (f": left out for `mlops-kit run`: {', '.join(dropped)}" if dropped else "")
            )
        for path, why in made.left.items():
            typer.echo(f"! {path}: {why}")
        if not made.merged and not made.left:
            typer.echo("nothing is unmerged")
    raise typer.Exit(int(ExitCode.REFUSED if made.left else ExitCode.OK))
