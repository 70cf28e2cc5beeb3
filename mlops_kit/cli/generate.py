"""`mlops-kit generate`: rebuild, or check, the generated files."""

from __future__ import annotations

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(generate)


def generate(
    check: bool = typer.Option(
        False,
        "--check",
        help="Change nothing; exit 6 if a generated file is missing, stale or edited by hand.",
    ),
    overwrite: bool = typer.Option(
        False,
        "--overwrite",
        help="Replace files that were edited by hand; your version is kept as FILE.orig.",
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Rebuild dvc.yaml, .mlops/ and the CI workflows from mlops.yaml, params.yaml and the signatures of your steps.

    Your step files are read, never imported. Files that you edited by hand are noticed and never overwritten silently.

    Examples:

        mlops-kit generate

        mlops-kit generate --check      (in CI and in a pre-commit hook)
    """
    from mlops_kit.project.desired import desired_files
    from mlops_kit.project.write import FileState, check_files, write_files

    root = repo.resolve()
    desired = desired_files(root)
    if check:
        check_files(root, desired)
        typer.echo(f"{len(desired)} generated files are up to date")
        return
    written = [
        file
        for file in write_files(root, desired, overwrite=overwrite)
        if file.state is not FileState.CURRENT
    ]
    for file in written:
        typer.echo(f"wrote {file.path} ({'new' if file.state is FileState.MISSING else f'was {file.state}'})")
    typer.echo(f"{len(desired) - len(written)} generated files were up to date already")
