"""`mlops-kit data diff`: what changed in the data, row by row and column by column."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops_kit.cli.patience import told_when_slow
from mlops_kit.cli.place import check_place, print_text, write_text
from mlops_kit.errors import ExitCode

if TYPE_CHECKING:
    from mlops_kit.data.diff.sides import DiffRequest


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("diff")(diff)


def diff(
    base: str | None = typer.Argument(
        None, help="Revision to compare with; by default HEAD, or where your branch left the default branch."
    ),
    head: str | None = typer.Argument(
        None, help="Revision to look at; by default the work tree, with the data that lie there."
    ),
    paths: list[str] | None = typer.Option(None, "--path", help="Table, folder, or file in one; repeatable."),
    key: str = typer.Option(
        "", "--key", help="Columns that name a row, such as `store,day`; task.key by default."
    ),
    no_key: bool = typer.Option(False, "--no-key", help="Compare rows as a whole."),
    rows: Path | None = typer.Option(None, "--rows", help="Write all rows that differ to this Parquet file."),
    everything: bool = typer.Option(
        False, "--all", help="Tables computed from others in full too, and plots."
    ),
    limit: int = typer.Option(3, "--limit", min=0, help="Examples of each kind."),
    fetch: bool = typer.Option(True, "--fetch/--no-fetch", help="Fetch what only a remote has."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the DVC repository."),
) -> None:
    """Say what changed in the data: rows added, removed and changed by key, columns with examples, shifts, class balance.

    Works in any DVC repository, on CSV, TSV, JSON lines and Parquet, single files and folders; only files that differ are read. Data that
    come from outside are shown in full, and tables that stages compute from them in a line each. Values of columns
    marked `pii` in schema.yaml are never shown.

    Exit codes: 0 compared (whether or not something differs), 4 something that differs could not be read.

    Examples:

        mlops-kit data diff                                  (this work tree against the last commit, or the default branch)

        mlops-kit data diff v1.0 v1.1 --path data/raw

        mlops-kit data diff HEAD~1 HEAD --path data/users.csv --key id --rows changes.parquet
    """
    from mlops_kit.data.diff.sides import DiffRequest

    if rows is not None:
        check_place(rows)
    request = DiffRequest(
        paths=tuple(paths or ()),
        key=tuple(name.strip() for name in key.split(",") if name.strip()),
        keyed=not no_key,
        limit=limit,
        rows=rows.absolute() if rows else None,
        fetch=fetch,
        everything=everything,
        on_table=_tell,
    )
    _answer(repo.resolve(), base, head, request, as_json=as_json)


def _answer(root: Path, base: str | None, head: str | None, request: DiffRequest, *, as_json: bool) -> None:
    """Compare, print, and set the exit code."""
    from mlops_kit.project.datadiff import diff_data
    from mlops_kit.report import data_diff

    with told_when_slow(
        "reading both sides; what only a remote has is fetched, Ctrl-C stops without harm ..."
    ):
        found = diff_data(root, base, head, request)
    if as_json:
        write_text(data_diff.dumps(found), None)
    else:
        everything = request.everything or bool(request.paths)
        print_text(data_diff.render(found, limit=request.limit, everything=everything))
    if found.unreadable:
        raise typer.Exit(int(ExitCode.UNREADABLE))


def _tell(path: str) -> None:
    """Say which table is being compared to whoever waits at a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{path} ...\n")
