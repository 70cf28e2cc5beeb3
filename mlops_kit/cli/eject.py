"""`mlops-kit eject`: own a built-in step's code, and give it back."""

from __future__ import annotations

from pathlib import Path

import typer

from mlops_kit.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(eject)


def eject(
    stage: str = typer.Argument(..., help="Stage of mlops.yaml that uses a built-in step."),
    undo: bool = typer.Option(
        False, "--undo", help="Use the built-in step again and remove the file; refused when you changed it."
    ),
    keep: bool = typer.Option(
        False, "--keep", help="With --undo: keep a file that you changed as steps/STAGE.py.orig."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Copy the step of a stage to steps/STAGE.py, where it is yours to edit, and let mlops.yaml use the file.

    `mlops-kit diff` shows how far you went, `mlops-kit update` brings later changes of the built-in step, --undo goes back.

    Examples:

        mlops-kit eject evaluate

        mlops-kit eject evaluate --undo
    """
    from mlops_kit.project.desired import desired_files
    from mlops_kit.project.eject import eject_step, restore_step
    from mlops_kit.project.write import refuse_edited, write_files

    root = repo.resolve()
    if keep and not undo:
        raise UsageError("--keep goes with --undo", fix=f"mlops-kit eject {stage} --undo --keep")
    refuse_edited(root, desired_files(root))  # now, and not when the step is ejected already
    if undo:
        back = restore_step(root, stage, keep=keep)
        write_files(root, desired_files(root))
        kept = f", yours is kept as {back.kept}" if back.kept else ""
        typer.echo(
            f"{stage} uses the built-in step {back.uses} again; {back.file} is removed{kept}, dvc.yaml is rebuilt"
        )
        return
    target = eject_step(root, stage)
    write_files(root, desired_files(root))
    typer.echo(f"wrote {target.relative_to(root).as_posix()}; mlops.yaml uses it, dvc.yaml is rebuilt")
    typer.echo(f"what you change: mlops-kit diff {stage}      to go back: mlops-kit eject {stage} --undo")
