"""`mlops-kit run`: bring the pipeline up to date, with live progress and a closing table."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option

if TYPE_CHECKING:
    import typer

    from mlops_kit.project.run import RunOptions


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, run)


def run(
    stages: list[str] | None = argument(
        None, help="Stages to bring up to date, with what they need. All by default."
    ),
    force: bool = option(False, "--force", "-f", help="Run stages that have not changed, too."),
    pull: bool = option(
        False,
        "--pull",
        help="Fetch missing data from the remote; unchanged stages whose data is not here are skipped.",
    ),
    hermetic: bool = option(
        False,
        "--hermetic",
        help="Confine each stage to what it declares: other files, the network and variables are refused (exit code 6).",
    ),
    jobs: int = option(
        0,
        "--jobs",
        "-j",
        help="How many stages run side by side; by default as many as there are processors.",
    ),
    engine: str = option(
        "local", "--engine", help="`local`; `dvc` lets `dvc repro` do it, one stage after another."
    ),
    cold: bool = option(
        False,
        "--cold",
        help="Start each Python stage afresh, not from a process that has its libraries imported.",
    ),
    verbose: bool = option(False, "--verbose", "-v", help="Show everything that the stages print."),
    as_json: bool = option(
        False, "--json", help="Print the result as JSON; progress goes to standard error."
    ),
    events: str = option("", "--events", help="File for what happens, one JSON object a line; `-`: stdout."),
    repo: Path = option(Path(), "--repo", help="Folder of the project."),
) -> int:
    """Reproduce the pipeline: only what changed runs. The same as `dvc repro -P`, with progress and a verdict.

    Exit codes: 0 done, 3 a KPI is breached, 5 bad data, 6 stale environment or hand-edited generated file, 8 a stage failed.

    Examples:

        mlops-kit run

        mlops-kit run train          (train and what it needs)

        mlops-kit run -j 4           (four stages side by side)

        mlops-kit run --hermetic --force     (does anything depend on something that it does not declare?)

        mlops-kit run --json | jq .metrics

        mlops-kit run --events - | jq -c 'select(.event == "stage_finished")'
    """
    from mlops_kit.project.run import RunOptions

    options = RunOptions(tuple(stages or ()), force, pull, hermetic, jobs, engine, cold)
    return _run(repo.resolve(), options, verbose=verbose, events=events, as_json=as_json)


def _run(root: Path, options: RunOptions, *, verbose: bool, events: str, as_json: bool) -> int:
    from mlops_kit.cli.plain import open_console
    from mlops_kit.cli.run_report import print_report, report_as_json
    from mlops_kit.cli.watching import watching
    from mlops_kit.project.run import run_project

    began = time.monotonic()
    console = open_console(stderr=as_json or events == "-")
    with watching(console, verbose=verbose, events=events, as_json=as_json) as watcher:
        report = run_project(root, options, watcher=watcher)
    if as_json:
        sys.stdout.write(report_as_json(report))
    else:
        print_report(console, report, time.monotonic() - began)
    return int(report.exit_code)
