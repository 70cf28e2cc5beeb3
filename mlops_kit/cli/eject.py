"""`mlops-kit eject`: own a built-in step's code."""

from __future__ import annotations

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(eject)


def eject(
    stage: str = typer.Argument(..., help="Stage of mlops.yaml that uses a built-in step."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Copy the step of a stage to steps/STAGE.py, where it is yours to edit, and let mlops.yaml use the file.

    Example:

        mlops-kit eject evaluate
    """
    from mlops_kit.project.desired import desired_files
    from mlops_kit.project.eject import eject_step
    from mlops_kit.project.write import write_files

    root = repo.resolve()
    target = eject_step(root, stage)
    write_files(root, desired_files(root))
    typer.echo(f"wrote {target.relative_to(root)}; mlops.yaml uses it, dvc.yaml is rebuilt")
    typer.echo(f"to go back: set `uses:` of {stage} in mlops.yaml to the built-in name and delete the file")
