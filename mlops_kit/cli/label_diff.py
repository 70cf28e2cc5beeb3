"""`mlops-kit label diff`: what changed in the labels, and who did it."""

from __future__ import annotations

from pathlib import Path

import typer

from mlops_kit.cli.patience import told_when_slow
from mlops_kit.cli.place import print_text, write_text


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("diff")(diff)


def diff(
    base: str | None = typer.Argument(
        None, help="Revision to compare with; by default HEAD, or where your branch left the default branch."
    ),
    head: str | None = typer.Argument(
        None, help="Revision to look at; by default the work tree, with the events that lie there."
    ),
    limit: int = typer.Option(10, "--limit", min=0, max=1000, help="Items shown for each task."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Say what changed in the labels: answers by batch and annotator, items newly labelled or changed, from what to what, by whom and why.

    Also classes, agreement, guidelines, the roster, and deliveries that were rejected. Values of columns marked `pii` in schema.yaml are
    never shown. All events are read, so that what an item was before is known.

    Exit codes: 0 compared (whether or not something differs), 4 a revision cannot be read.

    Examples:

        mlops-kit label diff                       (this work tree against the last commit, or the default branch)

        mlops-kit label diff v1.0 v1.1 --limit 50

        mlops-kit label diff HEAD~1 HEAD --json
    """
    from mlops_kit.project.labeldiff import diff_labels
    from mlops_kit.report import label_diff

    with told_when_slow("reading the events of both sides; Ctrl-C stops without harm ..."):
        made = diff_labels(repo.resolve(), base, head, limit=limit)
    if as_json:
        write_text(label_diff.dumps(made.base, made.head, made.found), None)
    else:
        print_text(label_diff.render(made.base, made.head, made.found))
