"""What a run did, for people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_kit.cli.plain import Printer
    from mlops_kit.project.run import RunReport


def print_report(console: Printer, report: RunReport, seconds: float) -> None:
    """Print what a run that took so many `seconds` did, and where the project stands now."""
    from mlops_kit.cli.plain import print_pairs
    from mlops_kit.report.run_board import last_words
    from mlops_kit.report.sizes import duration_text

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
            console.print(f"  {last_words(line)}", markup=False, highlight=False)
        if report.partial:
            console.print(
                f"Its outputs of before are in place again; what it wrote this time is in {report.partial}",
                style="dim",
                markup=False,
                highlight=False,
            )
        console.print("Nothing of the finished stages is lost; mend the cause and run again.", style="dim")
        return
    work = sum(taken for _, taken in repro.ran)
    done = f"{len(repro.ran)} ran in {duration_text(seconds)}" if repro.ran else "nothing had to run"
    done += f" ({duration_text(work)} of work, side by side)" if work > 1.2 * seconds else ""
    console.print(
        f"\n[bold]{done}[/], {len(repro.cached)} from cache, {len(repro.skipped)} unchanged", highlight=False
    )
    if report.metrics:
        rows = [(name, f"{value:.6g}") for name, value in sorted(report.metrics.items())]
        print_pairs(console, ("metric", "value"), rows)
    for kpi in report.kpis:
        sign, style = {"pass": ("✓", "green"), "fail": ("✗", "bold red")}.get(kpi["status"], ("-", "dim"))
        now = "" if kpi.get("value") is None else f" is {kpi['value']:.6g}"
        why = f" ({kpi['reason']})" if kpi.get("reason") else ""
        console.print(
            f"{sign} KPI {kpi['name']} {kpi['promise']}{now}{why}", style=style, markup=False, highlight=False
        )


def _print_hidden(console: Printer, report: RunReport) -> None:
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


def report_as_json(report: RunReport) -> str:
    """Return the same as one JSON object."""
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
        "partial_outputs": report.partial,
        "hidden": {
            stage: [finding.as_json() for finding in findings] for stage, findings in report.hidden.items()
        },
        "metrics": dict(report.metrics),
        "kpis": list(report.kpis),
    }
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
