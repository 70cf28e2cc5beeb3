"""`mlops-kit label annotator`: who may label, under which pseudonym."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

import typer

REPO = typer.Option(Path(), "--repo", help="Folder of the project.")
AS_JSON = typer.Option(False, "--json", help="Print JSON.")


class Source(StrEnum):
    """What kind of annotator."""

    PERSON = "person"
    VENDOR = "vendor"
    FUNCTION = "function"
    MODEL = "model"


def register(group: typer.Typer) -> None:
    """Add the commands to `group`."""
    annotator = typer.Typer(help="Who may label, under which pseudonym.", no_args_is_help=True)
    annotator.command()(add)
    annotator.command("list")(list_)
    annotator.command()(retire)
    group.add_typer(annotator, name="annotator")


def add(
    name: str = typer.Argument(..., help="Name of the person; it stays on this machine."),
    pseudonym: str | None = typer.Option(None, "--as", help="The pseudonym; four random letters by default."),
    source: Source = typer.Option(Source.PERSON, "--source", help="What kind of annotator."),
    trust: float = typer.Option(1.0, "--trust", min=0.0, help="Weight of a vote for the method `weighted`."),
    task: list[str] = typer.Option([], "--task", help="Task that the annotator answers; all by default."),
    cost_per_hour: float = typer.Option(0.0, "--cost-per-hour", min=0.0, help="Cost of an hour."),
    cost_per_label: float = typer.Option(0.0, "--cost-per-label", min=0.0, help="Cost of one answer."),
    as_json: bool = AS_JSON,
    repo: Path = REPO,
) -> None:
    """Put somebody into the roster of labels/labels.yaml under a pseudonym, and the name into labels/people.yaml, which git ignores.

    A person who is there keeps the pseudonym, and nothing changes.

    Exit codes: 0 done, 2 no such task or no pseudonym, 7 the pseudonym is taken, or git would take the names.

    Examples:

        mlops-kit label annotator add "Ann Example"

        mlops-kit label annotator add "Ann Example" --as fox --trust 0.8

        mlops-kit label annotator add agency --as agency-1 --source vendor --cost-per-label 0.05
    """
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.annotators import add_annotator
    from mlops_kit.spec.labels import Annotator

    settings = Annotator(source.value, trust, cost_per_hour, cost_per_label, tuple(task))
    done = add_annotator(repo.resolve(), name, pseudonym=pseudonym, settings=settings)
    if as_json:
        print_text(json.dumps(asdict(done), indent=2) + "\n")
        return
    what = f"wrote {', '.join(done.changed)}" if done.changed else "was there already"
    print_text(f"{done.pseudonym}: {what}\n  next: mlops-kit label serve --annotator {done.pseudonym}\n")


def list_(as_json: bool = AS_JSON, repo: Path = REPO) -> None:
    """List the roster: pseudonyms and what labels.yaml says of them, never a name.

    Examples:

        mlops-kit label annotator list

        mlops-kit label annotator list --json | jq -r '.[] | select(.active) | .pseudonym'
    """
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.annotators import list_annotators

    found = list_annotators(repo.resolve())
    if as_json:
        rows = [{"pseudonym": one.pseudonym, "named": one.named, **asdict(one.entry)} for one in found]
        print_text(json.dumps(rows, indent=2) + "\n")
        return
    for one in found:
        state = "" if one.entry.active else ", retired"
        tasks = f", only {', '.join(one.entry.tasks)}" if one.entry.tasks else ""
        here = ", name known here" if one.named else ""
        print_text(f"{one.pseudonym}: {one.entry.source}, trust {one.entry.trust:g}{tasks}{state}{here}\n")
    if not found:
        print_text("nobody yet\n  next: mlops-kit label annotator add NAME\n")


def retire(
    pseudonym: str = typer.Argument(..., help="Who takes no part any more."), repo: Path = REPO
) -> None:
    """Take no new answers of an annotator; those that were given stay and count.

    Exit codes: 0 done, also when it was so before, 2 no such annotator.

    Example:

        mlops-kit label annotator retire fox
    """
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.annotators import retire_annotator

    changed = retire_annotator(repo.resolve(), pseudonym)
    print_text(f"{pseudonym}: {'retired' if changed else 'was retired already'}\n")
