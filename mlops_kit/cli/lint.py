"""`mlops-kit lint`: what makes a step's outputs differ from run to run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(lint)


def lint(
    paths: list[Path] = typer.Argument(
        None,
        metavar="[PATHS]...",
        help="Files or folders to read. By default the project's steps and the modules they import.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
    list_rules: bool = typer.Option(
        False, "--list", help="Print the rules, why each exists and the stable way, and read nothing."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Find what makes a step's outputs differ from run to run, with file and line, the reason and the stable way.

    Files are read, never imported. A comment `# mlops-kit: ignore[rule]` silences a rule on its line. Exit codes: 0 nothing was found,
    2 a file cannot be read as Python, 7 something was found.

    Examples:

        mlops-kit lint

        mlops-kit lint src/train.py src/features

        mlops-kit lint --list

        mlops-kit lint --json | jq -r '.findings[] | .rule' | sort | uniq -c
    """
    from mlops_kit.project.lint import lint_project
    from mlops_kit.steps.lint import RULES, describe

    if list_rules:
        rules = [{"rule": rule.id, "why": describe(rule), "fix": rule.fix} for rule in RULES.values()]
        typer.echo(
            json.dumps(rules, indent=1, ensure_ascii=False)
            if as_json
            else "\n".join(f"{rule['rule']}\n    {rule['why']}\n    stable: {rule['fix']}" for rule in rules)
        )
        return
    made = lint_project(repo.resolve(), paths or ())
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=1, ensure_ascii=False))
    else:
        for found in made.findings:
            typer.echo(f"{found.path}:{found.line}:{found.column}: {found.rule}: {found.code}")
            typer.echo(f"    {found.why}\n    stable: {found.fix}")
        count = len(made.findings)
        said = (
            f"{count} place{'s' * (count != 1)} where outputs can differ"
            if count
            else "nothing that makes outputs differ"
        )
        typer.echo(f"{said} in {len(made.files)} file{'s' * (len(made.files) != 1)}")
    raise typer.Exit(int(made.exit_code))
