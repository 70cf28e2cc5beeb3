"""`mlops-kit run`: bring the pipeline up to date, with live progress and a closing table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from mlops_kit.outside.dvc import StageEvent
    from mlops_kit.project.run import RunReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(run)


def run(
    stages: list[str] = typer.Argument(
        None, help="Stages to bring up to date, with what they need. All by default."
    ),
    force: bool = typer.Option(False, "--force", "-f", help="Run stages that have not changed, too."),
    pull: bool = typer.Option(
        False,
        "--pull",
        help="Fetch missing data from the remote; unchanged stages whose data is not here are skipped.",
    ),
    hermetic: bool = typer.Option(
        False,
        "--hermetic",
        help="Confine each stage to what it declares: other files, the network and variables are refused (exit code 6).",
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show everything that the stages print."),
    as_json: bool = typer.Option(
        False, "--json", help="Print the result as JSON; progress goes to standard error."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Reproduce the pipeline: only what changed runs. The same as `dvc repro -P`, with progress and a verdict.

    Exit codes: 0 done, 3 a KPI is breached, 5 bad data, 6 stale environment or hand-edited generated file, 8 a stage failed.

    Examples:

        mlops-kit run

        mlops-kit run train          (train and what it needs)

        mlops-kit run --hermetic --force     (does anything depend on something that it does not declare?)

        mlops-kit run --json | jq .metrics
    """
    from rich.console import Console

    from mlops_kit.cli.spinner import spinning
    from mlops_kit.project.run import RunOptions, run_project

    console = Console(stderr=as_json)
    options = RunOptions(targets=tuple(stages or ()), force=force, pull=pull, hermetic=hermetic)
    on_line: Callable[[str], None] = (
        (lambda line: console.print(line, markup=False, highlight=False)) if verbose else (lambda line: None)
    )
    with spinning(console) as status:
        progress = _Progress(console, status)
        report = run_project(repo.resolve(), options, on_event=progress.show, on_line=on_line)
    if as_json:
        sys.stdout.write(_as_json(report))
    else:
        _print_report(console, report)
    raise typer.Exit(int(report.exit_code))


class _Progress:
    """One line for each stage that does something; on a terminal a spinner with the time while it works."""

    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status

    def show(self, event: StageEvent) -> None:
        from mlops_kit.outside.dvc import StageState

        if event.state is StageState.RUNNING:
            if self._status:
                self._status.update(f"running [bold]{event.stage}[/]")
            else:
                self._console.print(f"running    {event.stage}", highlight=False)
            return
        sign, style = {
            StageState.RAN: ("ran", "green"),
            StageState.CACHED: ("from cache", "cyan"),
            StageState.SKIPPED: ("unchanged", "dim"),
            StageState.FAILED: ("FAILED", "bold red"),
        }[event.state]
        seconds = f"  {event.seconds:.1f} s" if event.state in (StageState.RAN, StageState.FAILED) else ""
        self._console.print(f"[{style}]{sign:<10}[/] {event.stage}{seconds}", highlight=False)


def _print_report(console: Console, report: RunReport) -> None:
    from rich.table import Table

    if report.regenerated:
        console.print(f"rebuilt first: {', '.join(report.regenerated)}", style="dim", highlight=False)
    for path in report.shown:
        console.print(
            f"{path} was edited without a change of its size and time; it has a new time now, so that DVC sees the edit",
            markup=False,
            highlight=False,
        )
    for edit in report.quiet:
        console.print(
            f"only comments or layout of {edit.path} changed: recorded in dvc.lock, {', '.join(edit.stages)} need not run for it",
            style="dim",
            highlight=False,
        )
    _print_hidden(console, report)
    repro = report.repro
    if repro.code != 0:
        console.print(
            f"\n[bold red]stage {repro.failed or '?'} failed[/]; the last lines of its output:",
            highlight=False,
        )
        for line in repro.tail[-25:]:
            console.print(f"  {line}", markup=False, highlight=False)
        console.print("Nothing of the finished stages is lost; mend the cause and run again.", style="dim")
        return
    total = sum(seconds for _, seconds in repro.ran)
    done = f"{len(repro.ran)} ran in {total:.1f} s" if repro.ran else "nothing had to run"
    console.print(
        f"\n[bold]{done}[/], {len(repro.cached)} from cache, {len(repro.skipped)} unchanged", highlight=False
    )
    if report.metrics:
        table = Table("metric", "value", box=None, pad_edge=False, header_style="dim")
        table.columns[1].justify = "right"
        for name, value in sorted(report.metrics.items()):
            table.add_row(name, f"{value:.6g}")
        console.print(table)
    for kpi in report.kpis:
        sign, style = {"pass": ("✓", "green"), "fail": ("✗", "bold red")}.get(kpi["status"], ("-", "dim"))
        now = "" if kpi.get("value") is None else f" is {kpi['value']:.6g}"
        why = f" ({kpi['reason']})" if kpi.get("reason") else ""
        console.print(
            f"{sign} KPI {kpi['name']} {kpi['promise']}{now}{why}", style=style, markup=False, highlight=False
        )


def _print_hidden(console: Console, report: RunReport) -> None:
    from mlops_kit.steps.watch.findings import describe_finding

    for stage, findings in report.hidden.items():
        console.print(
            f"\nstage {stage} uses what it does not declare:", style="yellow", markup=False, highlight=False
        )
        for finding in findings:
            console.print(f"  {describe_finding(finding)}", markup=False, highlight=False)
    if report.hidden:
        console.print(
            "  declare it: `mlops-kit generate --from-trace` proposes how", style="dim", highlight=False
        )


def _as_json(report: RunReport) -> str:
    repro = report.repro
    value = {
        "exit_code": int(report.exit_code),
        "failed": repro.failed,
        "ran": [{"stage": stage, "seconds": round(seconds, 3)} for stage, seconds in repro.ran],
        "cached": list(repro.cached),
        "unchanged": list(repro.skipped),
        "regenerated": list(report.regenerated),
        "only_comments": {edit.path: list(edit.stages) for edit in report.quiet},
        "shown": list(report.shown),
        "hidden": {
            stage: [finding.as_json() for finding in findings] for stage, findings in report.hidden.items()
        },
        "metrics": dict(report.metrics),
        "kpis": list(report.kpis),
    }
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
