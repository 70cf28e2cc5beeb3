"""`mlops-kit compare`: two commits of any DVC repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from mlops_kit.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(compare)


def compare(
    base: str | None = typer.Argument(
        None, help="Revision to compare with; by default where your branch left the default branch."
    ),
    head: str | None = typer.Argument(
        None, help="Revision to look at; by default the work tree with its uncommitted changes."
    ),
    as_markdown: bool = typer.Option(
        False, "--md", help="Print Markdown, as in the comment on a pull request."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    as_html: bool = typer.Option(False, "--html", help="Print a self-contained HTML page."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to this file instead."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the DVC repository."),
) -> None:
    """Say what a change does to the model: metrics with error bars, KPIs, parameters, stages and why they ran.

    Works in any repository with a dvc.yaml. Where both sides have per-row predictions (an output with `type: predictions`), each
    metric gets an interval from the same test rows and a verdict: better, worse, same within noise, cannot tell.

    Exit codes: 0 fine, 3 a KPI is breached, 4 a side could not be read.

    Examples:

        mlops-kit compare                     (this work tree against the default branch)

        mlops-kit compare v1.0 v1.1 --html -o report.html

        mlops-kit compare HEAD~1 HEAD --json
    """
    from mlops_kit.compare.verdict import exit_code
    from mlops_kit.project.compare import compare_commits

    chosen = [name for name, on in (("md", as_markdown), ("json", as_json), ("html", as_html)) if on]
    if len(chosen) > 1:
        raise UsageError("--md, --json and --html exclude each other", fix="choose one")
    result = compare_commits(repo.resolve(), base, head)
    if chosen or output:
        _write(render_as(result, chosen[0] if chosen else _format_of(output)), output)
    else:
        from rich.console import Console

        from mlops_kit.report import terminal

        Console().print(terminal.render(result))
    raise typer.Exit(int(exit_code(result)))


def render_as(result: object, name: str) -> str:
    """Return a comparison as `md`, `json` or `html`."""
    from mlops_kit.compare.model import Comparison
    from mlops_kit.report import html, json, markdown

    assert isinstance(result, Comparison)
    return {"md": markdown.render, "json": json.dumps, "html": html.render}[name](result)


def _format_of(output: Path | None) -> str:
    suffix = output.suffix.lower() if output else ""
    known = {".md": "md", ".json": "json", ".html": "html", ".htm": "html"}
    if suffix not in known:
        raise UsageError(f"what to write to {output}?", fix="add --md, --json or --html, or use that ending")
    return known[suffix]


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    fresh = output.with_name(f".{output.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    os.replace(fresh, output)  # noqa: PTH105 - the one call that also replaces on Windows
    typer.echo(f"wrote {output}")
