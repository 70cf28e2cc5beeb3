"""`mlops-kit stats`: what the pipeline costs, how that changes, and what decides how long a run takes."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option

if TYPE_CHECKING:
    import typer
    from rich.console import Console

    from mlops_kit.artifacts.run_history import RunSummary
    from mlops_kit.project.stats import PipelineStatistics, StageStatistics

MOST = 40
_BARS = "▁▂▃▄▅▆▇█"
_LATEST = 2**31 - 1.0  # what every C library knows as a time


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, stats)


def stats(
    stages: list[str] | None = argument(None, help="Stages to show. All by default."),
    last: int = option(5, "--last", "-n", help="How many of the last runs to list.", least=0),
    as_json: bool = option(False, "--json", help="Print JSON."),
    repo: Path = option(Path(), "--repo", help="Folder of the project, or of any DVC repository."),
) -> int:
    """Show what each stage costs: seconds and their trend, processor time, memory, bytes, and how often the cache spared it.

    The critical path is the chain of stages that decides how long a run of everything takes, however many run side by side. Numbers
    are of the runs on this machine (`.dvc/tmp/mlops-kit/history.jsonl`); a stage that never ran here shows what its recorded state
    cost where it was computed, if the cache has that. Runs and changes nothing.

    Examples:

        mlops-kit stats

        mlops-kit stats train evaluate

        mlops-kit stats --json | jq '.stages[] | select(.trend > 0.2) | .stage'
    """
    from mlops_kit.project.stats import pipeline_statistics

    found = pipeline_statistics(repo.resolve(), stages or (), last=last)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
        return 0
    from rich.console import Console

    print_statistics(Console(), found)
    return 0


def print_statistics(console: Console, found: PipelineStatistics) -> None:
    """Print it as tables, readable at 80 columns and without colours."""
    from mlops_kit.report.inert import visible
    from mlops_kit.report.sizes import duration_text

    if not found.recorded and all(one.seconds is None for one in found.stages):
        console.print("no run is recorded here yet: mlops-kit run", highlight=False)
        return
    _print_stages(console, found)
    if found.critical:
        chain = " → ".join(visible(name) for name in found.critical[-MOST:])
        share = found.work_seconds / found.critical_seconds
        console.print(
            f"\ncritical path, {duration_text(found.critical_seconds)}: {chain}",
            markup=False,
            highlight=False,
        )
        console.print(
            f"all stages one after another: {duration_text(found.work_seconds)}; side by side at best {share:.1f} times faster",
            markup=False, highlight=False,
        )  # fmt: skip
    if found.unknown:
        shown = ", ".join(visible(name) for name in found.unknown[:10])
        more = f" and {len(found.unknown) - 10:,} more" if len(found.unknown) > 10 else ""
        console.print(f"of no known time: {shown}{more}", style="dim", markup=False, highlight=False)
    if found.recorded:
        spared = f", which took {duration_text(found.saved)} before" if found.saved >= 1 else ""
        console.print(
            f"{_count(found.recorded, 'run')}: {_count(found.ran, 'stage')} ran, {found.hits:,} came from the cache{spared}",
            markup=False, highlight=False,
        )  # fmt: skip
    if found.runs:
        _print_runs(console, found.runs)


def _print_stages(console: Console, found: PipelineStatistics) -> None:
    from rich.table import Table

    wide = console.width >= 100
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("stage", overflow="fold")
    names = ["time", "trend", "cpu", "memory", "runs", "cached"]
    names += ["in", "out", "last runs"] if wide else []
    for name in names:
        table.add_column(name, justify="left" if name == "last runs" else "right", no_wrap=True)
    first = sorted(found.stages, key=lambda one: -(one.seconds or 0.0))[:MOST]
    chosen = {one.stage for one in first}
    for one in (one for one in found.stages if one.stage in chosen):
        table.add_row(*_cells(one, console, wide=wide))
    console.print(table)
    if len(found.stages) > MOST:
        console.print(
            f"… and {len(found.stages) - MOST:,} stages that take less; all of them: mlops-kit stats --json",
            style="dim", highlight=False,
        )  # fmt: skip


def _cells(one: StageStatistics, console: Console, *, wide: bool) -> list[str]:
    from rich.markup import escape

    from mlops_kit.report.inert import visible
    from mlops_kit.report.sizes import duration_text, size_text

    trend = "" if not one.trend else f"{one.trend:+.0%}"
    took = duration_text(one.seconds)
    name = escape(visible(one.stage))
    cells = [
        f"[bold]{name}[/] *" if one.critical else name,
        f"({took})" if one.elsewhere else took,
        f"[red]{trend}[/]" if trend.startswith("+") else f"[green]{trend}[/]",
        duration_text(one.cpu_seconds),
        size_text(one.peak_bytes),
        f"{one.runs:,}" + (f", {one.failed:,} failed" if one.failed else ""),
        f"{one.cached:,}",
    ]
    if wide:
        cells += [size_text(one.bytes_in), size_text(one.bytes_out), bars(one.series, console.encoding)]
    return cells


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def bars(series: tuple[float, ...], encoding: str) -> str:
    """Return a series of times as bars from zero to its largest; empty where a terminal cannot show them, or for a single one."""
    most = max(series, default=0.0)
    if len(series) < 2 or most <= 0 or not encoding.lower().startswith("utf"):
        return ""
    return "".join(_BARS[min(round(value / most * (len(_BARS) - 1)), len(_BARS) - 1)] for value in series)


def _print_runs(console: Console, runs: tuple[RunSummary, ...]) -> None:
    from rich.table import Table

    from mlops_kit.report.sizes import duration_text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("run", "time", "ran", "cached", "unchanged", "failed", "side by side"):
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for one in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(one.at, _LATEST)))
        counts = (one.ran, one.cached, one.unchanged, one.failed, one.jobs)
        table.add_row(when, duration_text(one.seconds), *(f"{count:,}" for count in counts))
    console.print()
    console.print(table)
