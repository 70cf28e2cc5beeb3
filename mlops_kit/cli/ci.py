"""`mlops-kit ci`: what the generated workflows call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mlops_kit.ci.rerun import CiResult


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    group = typer.Typer(help="What CI does; the same on your machine.", no_args_is_help=True)
    group.command()(run)
    group.command()(comment)
    app.add_typer(group, name="ci")


def run(
    base: str | None = typer.Option(
        None, "--base", help="Revision to compare with; by default what the CI event says."
    ),
    out: Path = typer.Option(
        Path("report"), "--out", help="Folder for report.json, report.md and report.html."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Reproduce what changed, compare with the base, write the report and the job summary.

    Works in any DVC repository. In one that has no mlops.yaml, nothing is generated and checked, and stages find the `python` of the
    activated environment.

    Exit codes: 0 fine, 3 a KPI is breached, 4 a side could not be read, 6 stale generated file, 8 a stage failed. The report is
    written in every case.

    Examples:

        mlops-kit ci run

        mlops-kit ci run --base origin/main --out report
    """
    from rich.console import Console

    from mlops_kit.ci.providers import CiEvent, detect_provider
    from mlops_kit.ci.rerun import CiResult, CiRun, describe_error, pipelines_of, run_ci
    from mlops_kit.cli.run_lines import RunLines
    from mlops_kit.errors import MlopsKitError
    from mlops_kit.outside.environment import activated_folder
    from mlops_kit.project.desired import desired_files
    from mlops_kit.project.names import project_name
    from mlops_kit.project.write import check_files
    from mlops_kit.spec.load import LIFECYCLE

    root = repo.resolve()
    provider = detect_provider(os.environ)
    event = provider.read_event(os.environ) if provider else CiEvent("local", None, None)
    if base:
        event = CiEvent(event.name, base, event.summary)
    ours = (root / LIFECYCLE).exists()
    try:
        if ours or not pipelines_of(root):
            check_files(root, desired_files(root))
        result = run_ci(
            root,
            CiRun(
                event,
                RunLines(Console(), verbose=True),
                project_name(root),
                None if ours else activated_folder(),
            ),
        )
    except MlopsKitError as error:
        _write(CiResult(describe_error(project_name(root), error), error.exit_code), out, event.summary)
        raise
    _write(result, out, event.summary)
    raise typer.Exit(int(result.code))


def comment(
    report: Path = typer.Option(..., "--report", help="The report.json of the run."),
    sha: str = typer.Option(..., "--sha", help="Head commit that the report is about."),
    pr: str | None = typer.Option(
        None, "--pr", help="Number of the pull request; found by --sha when left out."
    ),
) -> None:
    """Create or update the one comment on a pull request from a report, which is checked as data and rendered anew.

    Example:

        mlops-kit ci comment --report report/report.json --sha "$SHA" --pr 7
    """
    from mlops_kit.ci.providers import CommentRequest, detect_provider
    from mlops_kit.errors import UsageError
    from mlops_kit.report import json, markdown
    from mlops_kit.report.limits import MAX_BYTES

    provider = detect_provider(os.environ)
    if provider is None:
        raise UsageError("this is no CI job of a known host", fix="see the report itself: mlops-kit compare")
    if pr and not pr.isdigit():
        raise UsageError(f"--pr is `{pr[:40]}`, not a number")
    if not report.is_file():
        raise UsageError(
            f"{report}: no such file", fix="the job that writes the report has failed; see its log"
        )
    result = json.loads(report.read_bytes()[: MAX_BYTES + 1])
    request = CommentRequest(markdown.render(result), sha, int(pr) if pr else None)
    typer.echo(provider.post_comment(request, os.environ))


def _write(result: CiResult, out: Path, summary: Path | None) -> None:
    from mlops_kit.ci.rerun import write_report
    from mlops_kit.report import html, json, markdown

    made = result.comparison
    texts = {
        "report.json": json.dumps(made),
        "report.md": markdown.render(made),
        "report.html": html.render(made),
    }
    write_report(out, texts, summary)
    typer.echo(
        f"\n{texts['report.md'].splitlines()[0].lstrip('# ')}\nwrote {out}/report.json, report.md, report.html"
    )
