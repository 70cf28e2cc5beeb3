"""`mlops-kit init`: make a project."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from mlops_kit.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(init)


def init(
    name: str = typer.Argument(..., help="Name and folder of the new project."),
    data: Path | None = typer.Option(
        None,
        "--data",
        help="CSV (also .gz, .zip) or Parquet file to start from; without it, a sample of real flights.",
    ),
    target: str | None = typer.Option(None, "--target", help="Column of the data file to predict."),
    key: str | None = typer.Option(
        None, "--key", help="Columns that name a row, with commas; inferred when one column does."
    ),
    time: str | None = typer.Option(
        None, "--time", help="Column with the time of a row; inferred when there is one."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Ask nothing."),
) -> None:
    """Make a project whose whole lifecycle runs at once: git and DVC set up, a local DVC remote, CI workflows, a first commit.

    Works without network. With --data, task, key, time column and schema are inferred, and what was inferred is said.

    Examples:

        mlops-kit init flights --yes

        mlops-kit init churn --data customers.csv --target churned
    """
    from mlops_kit.project.init import DataFile, create_project

    if (data is None) != (target is None):
        raise UsageError(
            "--data and --target go together", fix="mlops-kit init NAME --data FILE --target COLUMN"
        )
    folder = Path(name)
    file = DataFile(data, target, tuple(key.split(",")) if key else (), time) if data and target else None
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Make the project {folder.absolute()}?", default=True, abort=True)
    made = create_project(folder, file)
    typer.echo(f"made {made.root}: {made.title}")
    typer.echo(f"  stages   {' '.join(made.stages)}")
    for note in made.notes:
        typer.echo(f"  {note}")
    typer.echo(f"\nnext:\n  cd {name}\n  mlops-kit run\n  git add -A && git commit -m 'First run'")
