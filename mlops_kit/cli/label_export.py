"""`mlops-kit label export`: items for people who label elsewhere."""

from __future__ import annotations

from pathlib import Path

import typer


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("export")(export)


def export(
    task: str | None = typer.Argument(None, help="Task of labels/labels.yaml; the only one by default."),
    to: str = typer.Option(
        ...,
        "--to",
        help="File or folder to write (a folder also gets the guidelines), or the address of a Label Studio server.",
    ),
    form: str | None = typer.Option(
        None, "--format", help="csv, json or label-studio; by the ending of the file by default."
    ),
    budget: int | None = typer.Option(None, "--budget", min=1, help="Most items."),
    queue: bool | None = typer.Option(
        None, "--queue/--no-queue", help="Take the items of the queue; by default when there is one."
    ),
    batch: str | None = typer.Option(
        None, "--batch", help="Name of the batch; task, day and a hash by default."
    ),
    suggestions: bool = typer.Option(
        True, "--suggestions/--no-suggestions", help="Write the model's answers beside the items."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Write items to label to a file for a spreadsheet, a program or a vendor, with a manifest in labels/batches that git keeps.

    Items come from the queue, or are those without enough answers. Columns marked `pii` stay here unless `allow_pii` names them; gold questions are
    among the items and the file does not say which. Items that another open export holds are left out. The same export again changes nothing,
    and a file of yours is never overwritten.

    Exit codes: 0 done, 2 nothing to export, 7 a file or a batch of that name says something else.

    Examples:

        mlops-kit label export --to todo.csv --budget 100

        mlops-kit label export late --to outbox/ --format json --batch late-agency-1

        mlops-kit label export late --to http://127.0.0.1:8080
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.export import export_items
    from mlops_kit.report import label_delivery

    with told_when_slow("reading the items ..."):
        done = export_items(
            repo, to, task=task, form=form, batch=batch, budget=budget, queue=queue, suggestions=suggestions
        )
    print_text(label_delivery.export_json(done) if as_json else label_delivery.export_text(done))
