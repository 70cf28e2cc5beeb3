"""`mlops-kit label check`, `accept` and `reject`: label events against the rules, and decisions about held ones."""

from __future__ import annotations

from pathlib import Path

import typer

from mlops_kit.errors import ExitCode


def register(group: typer.Typer) -> None:
    """Add the commands to `group`."""
    group.command("check")(check)
    group.command("accept")(accept)
    group.command("reject")(reject)


def check(
    paths: list[Path] | None = typer.Argument(
        None, help="Files of JSON lines that may come; all events of the project by default."
    ),
    mend: bool = typer.Option(
        False, "--mend", help="Put torn last lines aside, into labels/refused/; nothing else is written."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Check label events against the rules: form, ids, values, items, annotators, supersession.

    Says how many events count, how many each rule applies to, what waits in labels/held/, and which line stops the stages. With files it
    says what would become of them, and takes nothing.

    Exit codes: 0 every event counts or is rightly replaced, 5 some do not or cannot be read, 2 labels/labels.yaml cannot be used.

    Examples:

        mlops-kit label check

        mlops-kit label check incoming/answers.jsonl --json

        mlops-kit label check --mend
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.check import check_labels, label_root
    from mlops_kit.report import label_check

    with told_when_slow("reading the label events ..."):
        found = check_labels(label_root(repo), tuple(paths or ()), mend=mend)
    print_text(label_check.as_json(found) if as_json else label_check.as_text(found))
    raise typer.Exit(ExitCode.OK if found.fits else ExitCode.BAD_DATA)


def accept(
    batch: str = typer.Argument(help="Batch, as `label check` names it."),
    rules: list[str] | None = typer.Option(
        None, "--rule", help="Only what is held by this rule; may be given several times."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Accept held events of a batch: they move from labels/held/ to labels/events/.

    Exit codes: 0 done, 2 nothing of that kind is held.

    Examples:

        mlops-kit label accept vendor-07

        mlops-kit label accept vendor-07 --rule changed_content
    """
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.check import label_root
    from mlops_kit.project.labelling.deciding import accept_held
    from mlops_kit.report import label_check

    done = accept_held(label_root(repo), batch, tuple(rules or ()))
    print_text(label_check.decision_json(done) if as_json else label_check.decision_text(done, "accepted"))


def reject(
    batch: str = typer.Argument(help="Batch, as `label check` names it."),
    reason: str = typer.Option(..., "--reason", help="Why; kept with each event."),
    rules: list[str] | None = typer.Option(
        None, "--rule", help="Only what is held by this rule; may be given several times."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Reject held events of a batch: they move from labels/held/ to labels/refused/, with the reason.

    Exit codes: 0 done, 2 nothing of that kind is held.

    Examples:

        mlops-kit label reject vendor-07 --reason "items of an older export"
    """
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.check import label_root
    from mlops_kit.project.labelling.deciding import reject_held
    from mlops_kit.report import label_check

    done = reject_held(label_root(repo), batch, reason, tuple(rules or ()))
    print_text(label_check.decision_json(done) if as_json else label_check.decision_text(done, "rejected"))
