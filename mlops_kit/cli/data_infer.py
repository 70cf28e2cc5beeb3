"""`mlops-kit data infer`: schema.yaml read off data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from mlops_kit.project.datainfer import Reading


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("infer")(infer)


def infer(
    paths: list[Path] | None = typer.Argument(
        None,
        help="Data files or folders of partitions, together one table; the raw data of the project by default.",
    ),
    write: bool = typer.Option(
        False, "--write", help="Write schema.yaml; refused when there is one, which is never overwritten."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Read a data contract off data: types, missing values, keys, lists of few values, patterns, guesses at columns about persons.

    Prints a schema.yaml; where there is one already, what the data say differently, and nothing is written. Reasons go to standard error.
    Of more than a million rows types and values are read off a part, spread evenly; whether values repeat is judged by all.

    Exit codes: 0 done (whether or not something differs), 5 the data cannot be read, 7 --write where schema.yaml exists.

    Examples:

        mlops-kit data infer                                  (the project's raw data against its schema.yaml)

        mlops-kit data infer customers.csv --write

        mlops-kit data infer 'incoming/2013-01.csv' 'incoming/2013-02.csv' > proposal.yaml
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.datainfer import infer_contract

    with told_when_slow("reading the data ..."):
        found = infer_contract(repo, tuple(paths or ()), write=write)
    if as_json:
        print_text(_as_json(found))
        return
    print_text(_as_text(found))
    for each in found.columns if found.changes is None else ():
        sys.stderr.write(f"{_visible(each.name)}: {'; '.join(map(_visible, each.reasons))}\n")


def _as_text(found: Reading) -> str:
    if found.written:
        return f"wrote schema.yaml: {len(found.columns)} columns, read off {found.looked_at:,} rows\n"
    if found.changes is None:
        return found.text
    lines = []
    for each in found.changes:
        lines += [f"{_visible(each.column)}: {_visible(each.words)}\n"]
        lines += [f"  + {each.line}\n"] if each.line else []
    return "".join(lines) or f"schema.yaml says what the data say ({found.looked_at:,} rows)\n"


def _as_json(found: Reading) -> str:
    import json
    from dataclasses import asdict

    plain: dict[str, Any] = asdict(found)
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _visible(text: str) -> str:
    from mlops_kit.report.inert import visible

    return visible(text)
