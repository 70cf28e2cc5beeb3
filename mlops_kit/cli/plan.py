"""`mlops-kit plan`: what `mlops-kit run` would do, without doing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option
from mlops_kit.cli.place import print_text

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, plan)


def plan(
    stages: list[str] | None = argument(
        None, help="Stages to bring up to date, with what they need. All by default."
    ),
    force: bool = option(False, "--force", "-f", help="As if stages that have not changed ran, too."),
    pull: bool = option(
        False,
        "--pull",
        help="As `run --pull`: missing data comes from the remote where it is needed; unchanged stages need none.",
    ),
    jobs: int = option(
        0,
        "--jobs",
        "-j",
        help="Stages side by side, for the time; 0 for as many as there are processors.",
        least=0,
    ),
    as_json: bool = option(False, "--json", help="Print JSON."),
    repo: Path = option(Path(), "--repo", help="Folder of the project, or of any DVC repository."),
) -> int:
    """Say what `mlops-kit run` would do: what runs and why, what comes from the cache, how many bytes move, how long it takes.

    Runs and changes nothing, and needs no data: in a fresh clone `--pull` says what a CI job would run and fetch. A stage behind one that
    runs "may run": it does so if what it reads comes out differently. Times are those of earlier runs.

    Examples:

        mlops-kit plan

        mlops-kit plan --pull        (in a clone without data)

        mlops-kit plan train -j 4

        mlops-kit plan --json | jq '.stages[] | select(.expected == "run") | .stage'
    """
    from mlops_kit.project.plan import plan_run
    from mlops_kit.report.plan import plan_lines, plan_value

    found = plan_run(repo.resolve(), stages or (), force=force, pull=pull, jobs=jobs)
    if as_json:
        value = {"outdated": list(found.outdated), **plan_value(found.forecast, found.estimate)}
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        return 0
    lines = plan_lines(found.forecast, found.estimate)
    if found.outdated:
        lines.insert(
            0, f"{', '.join(found.outdated)}: stale; `mlops-kit run` rebuilds it first, which is what follows"
        )
    print_text("\n".join([*lines, ""]))
    return 0
