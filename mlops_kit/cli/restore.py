"""`mlops-kit restore`: exactly what a revision had."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mlops_kit.project.restore import RestoreReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(restore)


def restore(
    rev: str = typer.Argument(..., help="Commit, tag or branch."),
    paths: list[str] = typer.Argument(None, help="Files and folders; everything when left out."),
    to: Path = typer.Option(
        None,
        "--to",
        help="Target folder; `restored/<commit>` by default. The project's own folder restores in place.",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say which way each file would come."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Bring back what a revision had, and say which way each file came: git, work tree, cache, remote, or a rerun of its stage.

    A rerun takes the code and the recorded inputs of that revision; its result counts only with the recorded hash. Nothing is overwritten
    that is not in git or the cache.

    Exit codes: 0 everything is back, 4 something could not be had (named, with the reason), 7 something of yours would be lost.

    Examples:

        mlops-kit restore v1.0

        mlops-kit restore v1.0 models/model.skops --to .

        mlops-kit restore HEAD~3 data --dry-run --json
    """
    from mlops_kit.project.restore import RestoreOptions, restore_revision
    from mlops_kit.project.roots import find_root

    root = find_root(repo)
    options = RestoreOptions(tuple(paths or ()), to, dry_run)
    report = restore_revision(root, rev, options, say=_say)
    if as_json:
        value = asdict(report) | {"exit_code": int(report.exit_code)}
        typer.echo(json.dumps(value, indent=2, sort_keys=True))
    else:
        _print(report, dry_run=dry_run)
    raise typer.Exit(int(report.exit_code))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(report: RestoreReport, *, dry_run: bool) -> None:
    for file in report.files:
        if not file.way:
            typer.echo(f"✗ {file.path}: {file.reason}")
        elif file.way != "git":
            typer.echo(f"  {file.path}: {file.way}{' (was there)' if file.present else ''}")
    ways = Counter(file.way.partition(" of ")[0] for file in report.files if file.way)
    told = ", ".join(f"{count} from {way}" for way, count in sorted(ways.items()))
    verb = "would come" if dry_run else "are"
    typer.echo(
        f"{report.sha[:10]}: {len(report.files) - len(report.lost)} files {verb} in {report.target} ({told or 'none'})"
    )
    if report.lost:
        typer.echo(f"{len(report.lost)} could not be had", err=True)
