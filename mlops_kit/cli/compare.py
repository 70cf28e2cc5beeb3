"""`mlops-kit compare`: two commits of any DVC repository."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from mlops_kit.cli.light import add_command, argument, option
from mlops_kit.cli.patience import told_when_slow
from mlops_kit.cli.place import check_place, form_of, write_text
from mlops_kit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from mlops_kit.compare.model import Comparison


FETCHING = "reading both sides; what only a remote has is fetched, Ctrl-C stops without harm ..."


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, compare)


def compare(
    base: str | None = argument(
        None, help="Revision to compare with; by default where your branch left the default branch."
    ),
    head: str | None = argument(
        None, help="Revision to look at; by default the work tree with its uncommitted changes."
    ),
    as_markdown: bool = option(False, "--md", help="Print Markdown, as in the comment on a pull request."),
    as_json: bool = option(False, "--json", help="Print JSON."),
    as_html: bool = option(False, "--html", help="Print a self-contained HTML page."),
    data: str = option(
        "auto",
        "--data",
        help="How far to look into the data: `none`, `summary` (no rows are read), `full` (rows of any number); by default rows of what is here and not large.",
    ),
    output: Path | None = option(None, "--output", "-o", help="Write to this file instead."),
    repo: Path = option(Path(), "--repo", help="Folder of the DVC repository."),
) -> int:
    """Say what a change does to the model: metrics with error bars, KPIs, parameters, stages and why they ran.

    Works in any repository with a dvc.yaml. Where both sides have per-row predictions (an output with `type: predictions`), each
    metric gets an interval from the same test rows and a verdict: better, worse, same within noise, cannot tell.

    Exit codes: 0 fine, 3 a KPI is breached, 4 a side could not be read.

    Examples:

        mlops-kit compare                     (this work tree against the default branch)

        mlops-kit compare v1.0 v1.1 --html -o report.html

        mlops-kit compare HEAD~1 HEAD --json
    """
    from mlops_kit.compare.data_section import DataLevel
    from mlops_kit.compare.verdict import exit_code
    from mlops_kit.project.compare import compare_commits

    chosen = [name for name, on in (("md", as_markdown), ("json", as_json), ("html", as_html)) if on]
    if len(chosen) > 1:
        raise UsageError("--md, --json and --html exclude each other", fix="choose one")
    known = {".md": "md", ".json": "json", ".html": "html", ".htm": "html"}
    form = chosen[0] if chosen else form_of(output, known) if output else None
    if data not in get_args(DataLevel):
        raise UsageError(f"--data is `{data[:40]}`", fix="one of: none, summary, auto, full")
    if output:
        check_place(output)
    with told_when_slow(FETCHING):
        result = compare_commits(repo.resolve(), base, head, data=cast(DataLevel, data))
    if form:
        write_text(render_as(result, form), output)
    else:
        _print(result)
    return exit_code(result)


def render_as(result: Comparison, form: str) -> str:
    """Return a comparison as `md`, `json` or `html`."""
    from importlib import import_module

    module, function = {"md": ("markdown", "render"), "json": ("json", "dumps"), "html": ("html", "render")}[
        form
    ]
    render: Callable[[Comparison], str] = getattr(import_module(f"mlops_kit.report.{module}"), function)
    return render(result)


def _print(result: Comparison) -> None:
    from rich.console import Console

    from mlops_kit.report import terminal

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # an old code page lacks the signs; words beside them say the same
    Console().print(terminal.render(result))
