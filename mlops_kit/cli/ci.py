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
    group.command()(acquire)
    group.command()(propose)
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


def acquire(
    out: Path = typer.Option(
        Path("report"), "--out", help="Folder for the commit and report.json, report.md and report.html."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Acquire what is new, commit it on the branch `mlops/acquire`, push the data, and write commit and data diff for `ci propose`.

    Nothing is pushed to git. The branch has one commit on top of the one that is checked out; an open proposal is added to.

    Exit codes: 0 fine, 5 what came breaks the contract, 7 a source rewrote what was recorded, or the branch holds somebody's work.

    Example:

        mlops-kit ci acquire --out report
    """
    from mlops_kit.ci.providers import detect_provider
    from mlops_kit.project.proposal import prepare_proposal
    from mlops_kit.report import html, json, markdown

    provider = detect_provider(os.environ)
    variables = provider.git_variables(os.environ) if provider else {}
    event = provider.read_event(os.environ) if provider else None
    made = prepare_proposal(repo.resolve(), out.absolute(), variables)
    texts = {
        "report.json": json.dumps(made.comparison),
        "report.md": markdown.render_data(made.comparison),
        "report.html": html.render(made.comparison),
    }
    from mlops_kit.ci.rerun import write_report

    write_report(out, texts, event.summary if event else None)
    typer.echo(texts["report.md"])
    typer.echo(f"committed {made.sha[:12]} for a proposal" if made.sha else "nothing new")
    raise typer.Exit(int(made.code))


def propose(
    proposal: Path = typer.Option(..., "--proposal", help="What `ci acquire` wrote."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Push the commit of `ci acquire` and open or update the one pull request with the data diff.

    The commit may change manifests and dvc.lock alone, and the report is checked as data and rendered anew. Exit code 7 refuses others.

    Example:

        mlops-kit ci propose --proposal report
    """
    from mlops_kit.ci.providers import ChangeRequest, detect_provider
    from mlops_kit.errors import UsageError
    from mlops_kit.outside.git_proposal import push_tip
    from mlops_kit.project.proposal import BRANCH, REPORT, take_proposal
    from mlops_kit.report import json, markdown
    from mlops_kit.report.data_text import data_title
    from mlops_kit.report.limits import MAX_BYTES
    from mlops_kit.spec.load import read_lifecycle

    provider = detect_provider(os.environ)
    if provider is None:
        raise UsageError(
            "this is no CI job of a known host", fix="push the branch: git push origin mlops/acquire"
        )
    root, variables = repo.resolve(), provider.git_variables(os.environ)
    taken = take_proposal(root, proposal.absolute(), variables)
    if taken is None:
        typer.echo("nothing new")
        return
    result = json.loads((proposal / REPORT).read_bytes()[: MAX_BYTES + 1])
    target = read_lifecycle(root).project.default_branch
    push_tip(root, taken.sha, BRANCH, expected=taken.expected, variables=variables)
    request = ChangeRequest(BRANCH, target, data_title(result), markdown.render_data(result))
    typer.echo(provider.open_change(request, os.environ))


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
