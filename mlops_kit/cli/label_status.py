"""`mlops-kit label status`: how far labelling is."""

from __future__ import annotations

import sys
from pathlib import Path

import typer


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("status")(status)


def status(
    task: str | None = typer.Argument(None, help="Task of labels/labels.yaml; all of them by default."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Show how far labelling is, how well annotators agree, and what waits for somebody.

    Progress, agreement with its intervals, each annotator by pseudonym (answers, time, against gold questions, against the others), label functions, what
    is queued, held, out in exports, and what the guidelines ask to look at again. Reads the work tree; runs and changes nothing.

    Exit codes: 0 told, 2 labels/labels.yaml cannot be used, 5 events cannot be read.

    Examples:

        mlops-kit label status

        mlops-kit label status late --json | jq '.tasks[0].agreement.krippendorff_alpha'
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.status import label_status
    from mlops_kit.report import label_status as report

    with told_when_slow("reading the answers ..."):
        found = label_status(repo.resolve(), task)
    print_text(
        report.as_json(found) if as_json else report.as_text(found, encoding=sys.stdout.encoding or "ascii")
    )
