"""`mlops-kit acquire`: fetch what is new, on purpose."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option

if TYPE_CHECKING:
    import typer

    from mlops_kit.project.acquire.model import AcquireReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, acquire)


def acquire(
    stages: list[str] | None = argument(None, help="Stages that acquire; all of them by default."),
    since: str = option(
        "", "--since", help="Take nothing new that is older: a period, the name of a file, a cursor value."
    ),
    dry_run: bool = option(False, "--dry-run", "-n", help="Say what would be fetched, and fetch nothing."),
    refetch: bool = option(
        False,
        "--refetch",
        help="Also fetch recorded partitions again whose content is here no longer; only the recorded content is taken.",
    ),
    accept_rewrite: list[str] | None = option(
        None,
        "--accept-rewrite",
        help="Partition that the source rewrote: take its new version (NAME, or STAGE:NAME). Repeatable.",
    ),
    as_json: bool = option(
        False, "--json", help="Print the result as JSON; progress goes to standard error."
    ),
    repo: Path = option(Path(), "--repo", help="Folder of the project."),
) -> int:
    """Fetch what is new at the sources, as partitions that never change, and record it: data, manifest, dvc.lock.

    Only what is new is fetched; a second call does nothing. Ordinary runs never fetch. What is fetched is seen when it is whole, all new
    partitions of a stage at once; a call that was cut off goes on the next time. A source that rewrote a partition is reported, and the
    recorded one kept.

    Exit codes: 0 done, 5 what came is no table or breaks the row bounds or freshness of schema.yaml, 7 a source rewrote history or the data
    folder was edited, 8 a source cannot be reached.

    Examples:

        mlops-kit acquire

        mlops-kit acquire --dry-run

        mlops-kit acquire flights --since 2013-06

        mlops-kit acquire --accept-rewrite flights:2013-07

        mlops-kit acquire && mlops-kit run && git add -A && git commit -m "Data of July"
    """
    from mlops_kit.cli.acquire_lines import print_acquired, watch_acquire
    from mlops_kit.project.acquire.model import AcquireOptions
    from mlops_kit.project.acquire.session import acquire_project
    from mlops_kit.project.roots import find_root

    options = AcquireOptions(tuple(stages or ()), since, dry_run, refetch, frozenset(accept_rewrite or ()))
    with watch_acquire() as watcher:
        report = acquire_project(find_root(repo), options, watcher)
    if as_json:
        sys.stdout.write(_as_json(report))
    else:
        print_acquired(report)
    return int(report.exit_code)


def _as_json(report: AcquireReport) -> str:
    import json
    from dataclasses import asdict, replace

    stages = []
    for stage in report.stages:
        value = asdict(replace(stage, plan=type(stage.plan)((), ())))
        del value["plan"]
        offers = [
            {"name": planned.offer.name, "source": planned.offer.source, "size": planned.offer.size}
            | {"standing": planned.standing.value}
            for planned in stage.plan.offers
            if planned.to_fetch
        ]
        unchanged = sum(planned.standing.value == "unchanged" for planned in stage.plan.offers)
        stages.append(value | {"fetch": offers, "unchanged": unchanged})
    value = {"stages": stages, "dry_run": report.dry_run, "exit_code": int(report.exit_code)}
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
