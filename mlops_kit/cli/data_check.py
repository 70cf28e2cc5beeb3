"""`mlops-kit data check`: data files against schema.yaml."""

from __future__ import annotations

from pathlib import Path

import typer

from mlops_kit.errors import ExitCode


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("check")(check)


def check(
    paths: list[Path] | None = typer.Argument(
        None, help="Data files or folders of partitions; the raw data of the project by default."
    ),
    rules: bool = typer.Option(
        True, "--rules/--no-rules", help="Apply the rules of `clean` in params.yaml first."
    ),
    strict: bool = typer.Option(
        False, "--strict", help="Exit with 5 for any bad row, whatever max_quarantine allows."
    ),
    examples: int = typer.Option(3, "--examples", min=0, help="Rows to show for each broken promise."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Check data against schema.yaml without running the pipeline: CSV, TSV, JSON lines, Parquet, compressed or not, of any size.

    Says which promise is broken by how many rows, with examples; values of columns marked `pii` are never shown. Also judges what is about
    the table as a whole: the share of bad rows, the number of rows, the age of the newest one. Each path is a table of its own.

    Exit codes: 0 the data would pass `clean`, 5 they would not or cannot be read, 2 schema.yaml cannot be used.

    Examples:

        mlops-kit data check

        mlops-kit data check incoming/2013-07.csv.gz --strict

        mlops-kit data check data/raw data/clean.parquet --no-rules --json
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.datacheck import check_data
    from mlops_kit.report import data_check

    with told_when_slow("reading the data ..."):
        results = check_data(repo, tuple(paths or ()), rules=rules, examples=examples)
    print_text(data_check.as_json(results) if as_json else data_check.as_text(results))
    fits = all(each.fits and not (strict and each.bad) for each in results)
    raise typer.Exit(ExitCode.OK if fits else ExitCode.BAD_DATA)
