"""`mlops-kit compare`: two commits of any DVC repository."""

from __future__ import annotations

import io
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops_kit.errors import UsageError

if TYPE_CHECKING:
    from mlops_kit.compare.model import Comparison


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
    form = chosen[0] if chosen else _format_of(output) if output else None
    if output:
        _check_place(output)
    result = compare_commits(repo.resolve(), base, head)
    if form:
        _write(render_as(result, form), output)
    else:
        _print(result)
    raise typer.Exit(int(exit_code(result)))


def render_as(result: Comparison, form: str) -> str:
    """Return a comparison as `md`, `json` or `html`."""
    from mlops_kit.report import html, json, markdown

    return {"md": markdown.render, "json": json.dumps, "html": html.render}[form](result)


def _format_of(output: Path) -> str:
    known = {".md": "md", ".json": "json", ".html": "html", ".htm": "html"}
    suffix = output.suffix.lower()
    if suffix not in known:
        raise UsageError(f"what to write to {output}?", fix="add --md, --json or --html, or use that ending")
    return known[suffix]


def _check_place(output: Path) -> None:
    """Refuse a place that cannot be written to before the work is done, not after."""
    if output.is_dir():
        raise UsageError(
            f"--output {output} is a folder", fix=f"name a file: --output {output / 'report.html'}"
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(
            f"--output {output}: its folder does not exist", fix=f"mkdir -p {shlex.quote(str(output.parent))}"
        )


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text.encode("utf-8"), nl=False)  # a report is UTF-8, whatever the terminal's encoding
        return
    try:
        if output.exists() and not output.is_file():
            output.write_text(
                text, encoding="utf-8", newline="\n"
            )  # a device or a pipe must not be replaced by a file
        else:
            _replace(output, text)
    except OSError as error:
        raise UsageError(
            f"--output {output} cannot be written: {error.strerror}", fix="name another file with --output"
        ) from None
    typer.echo(f"wrote {output}")


def _replace(output: Path, text: str) -> None:
    """Write `text` to `output` in one step: a reader sees the old report or the new one, never half of it."""
    descriptor, name = tempfile.mkstemp(
        dir=output.absolute().parent, prefix=f".{output.name}.", suffix=".new"
    )
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        fresh.chmod(output.stat().st_mode & 0o777 if output.exists() else 0o666 & ~_umask())
        # A link stays a link: what it points to is replaced.
        fresh.replace(output.resolve() if output.is_symlink() else output)
    finally:
        fresh.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _print(result: Comparison) -> None:
    from rich.console import Console

    from mlops_kit.report import terminal

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # an old code page lacks the signs; words beside them say the same
    Console().print(terminal.render(result))
