"""`mlops-kit kpi`: the KPI contract."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mlops_kit.project.kpi import KpiCheck


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    group = typer.Typer(help="The KPI contract, kpis.yaml.", no_args_is_help=True)

    @group.callback()
    def _group() -> None:
        """Keep `check` a name, although it is the only command so far."""

    group.command()(check)
    app.add_typer(group, name="kpi")


def check(
    head: str | None = typer.Argument(
        None, metavar="[REV]", help="Revision to check. By default the work tree."
    ),
    base: str | None = typer.Option(
        None, "--base", help="Revision that changes are measured against. By default as in `compare`."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the results as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the repository."),
) -> None:
    """Judge every promise of kpis.yaml: bounds, changes against the base and against production, slices. Works in any DVC repository.

    Exit codes: 0 all promises hold, 2 the contract cannot be used, 3 one is breached, 4 a side could not be read.

    Examples:

        mlops-kit kpi check

        mlops-kit kpi check v1.2.0 --base v1.1.0

        mlops-kit kpi check --json | jq '.results[] | select(.status == "fail")'
    """
    from mlops_kit.cli.compare import FETCHING
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.project.kpi import check_kpis

    with told_when_slow(FETCHING):
        made = check_kpis(repo.resolve(), head, base)
    if as_json:
        sys.stdout.write(json.dumps(asdict(made), indent=1, sort_keys=True) + "\n")
    else:
        _print(made)
    raise typer.Exit(int(made.exit_code))


def _print(made: KpiCheck) -> None:
    from rich.console import Console
    from rich.text import Text

    from mlops_kit.compare.model import KpiStatus
    from mlops_kit.report import text

    styles = {KpiStatus.PASS: "green", KpiStatus.FAIL: "bold red", KpiStatus.SKIP: "dim"}
    console = Console()
    against = (
        f", changes against {text.visible(made.base)}"
        if made.base
        else ", no base to measure changes against"
    )
    console.print(Text(f"KPIs of {text.visible(made.head)}{against}"))
    for lost in made.unreadable:
        console.print(
            Text(
                f"! {lost.side}: {text.visible(lost.what)} {text.visible(lost.reason)}\n  fix: {lost.fix}",
                style="yellow",
            )
        )
    for kpi in made.results:
        why = f" ({text.visible(kpi.reason)})" if kpi.reason else ""
        line = f"{text.KPI_SIGNS[kpi.status]} {text.visible(kpi.name)} {text.visible(kpi.promise)}: {text.number(kpi.value)}{why}"
        if kpi.status is KpiStatus.FAIL:
            line += "".join(f"\n    {text.visible(part)}" for part in (kpi.on_breach, kpi.owner) if part)
        console.print(Text(line, style=styles[kpi.status]))
    counts = [f"{sum(kpi.status.value == status for kpi in made.results)} {word}" for status, word in _WORDS]
    console.print(Text("not judged" if made.unreadable else ", ".join(counts)))


_WORDS = (("pass", "hold"), ("fail", "breached"), ("skip", "skipped"))
