"""`mlops-kit label import`: answers that come back."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from mlops_kit.errors import ExitCode


class Source(StrEnum):
    """What kind of annotators."""

    PERSON = "person"
    VENDOR = "vendor"
    FUNCTION = "function"
    MODEL = "model"


class Role(StrEnum):
    """What the answers are."""

    VOTE = "vote"
    ADJUDICATION = "adjudication"
    GOLD = "gold"


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("import")(import_)


def import_(
    file: str = typer.Argument(..., help="The file that came back, or the address of a Label Studio server."),
    task: str | None = typer.Option(None, "--task", help="Task; that of the export by default."),
    batch: str | None = typer.Option(None, "--batch", help="Name of the delivery."),
    answers: str | None = typer.Option(None, "--answers", help="The export that it answers."),
    form: str | None = typer.Option(None, "--format", help="csv, json, label-studio."),
    annotator: str | None = typer.Option(None, "--annotator", help="Who answered: a pseudonym."),
    source: Source | None = typer.Option(None, "--source", help="What kind of annotators."),
    role: Role = typer.Option(
        Role.VOTE, "--role", help="gold: answers known to be right; adjudication: decisions."
    ),
    force: str | None = typer.Option(
        None, "--force-accept", metavar="REASON", help="Take a delivery that its test rejects."
    ),
    partial: bool = typer.Option(False, "--partial", help="More will come."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Judge it and write nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Read answers from CSV, JSON or Label Studio, test the delivery, and take it into labels/events, or refuse it as a whole with the reason.

    The test is `acceptance` of the task: gold questions, agreement, completeness, time, and patterns of answers. The verdict stands in
    labels/batches, also that of a forced acceptance. The same file again changes nothing. Names of annotators become pseudonyms.

    Exit codes: 0 accepted, 5 rejected or no delivery, 2 nobody says who answered, or which task.

    Examples:

        mlops-kit label import todo.csv --annotator a1

        mlops-kit label import from-agency.json --source vendor --batch late-agency-1

        mlops-kit label import http://127.0.0.1:8080 --answers late-1 --partial

        mlops-kit label import from-agency.json --force-accept "gold questions 3 and 7 were wrong"
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.import_ import Options, import_answers
    from mlops_kit.report import label_delivery

    options = Options(
        task=task, batch=batch, answers=answers, form=form, annotator=annotator, source=source.value if source else None,
        role=role.value, force=force, dry_run=dry_run, partial=partial,
    )  # fmt: skip
    with told_when_slow("reading the answers ..."):
        done = import_answers(repo, file, options)
    print_text(label_delivery.import_json(done) if as_json else label_delivery.import_text(done))
    raise typer.Exit(ExitCode.BAD_DATA if done.verdict == "rejected" else ExitCode.OK)
