"""`mlops-kit reproduce`: every stage of a commit again, in a clean clone, and how its outputs compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_kit.compare.ladder import Rung
    from mlops_kit.project.reproduce.reruns import Progress


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reproduce)


def reproduce(
    rev: str = typer.Argument("HEAD", metavar="[REV]", help="Revision to reproduce."),
    stages: str = typer.Option("", "--stages", help="Only these stages, separated by commas."),
    sample: int | None = typer.Option(None, "--sample", help="Only that many stages, others each day."),
    changed: bool = typer.Option(
        False, "--changed", help="Only stages whose record differs from the base's."
    ),
    perturb: str = typer.Option(
        "none",
        "--perturb",
        help="`quick`: other threads, hash seed, zone ... together; `full`: each alone; `none`.",
    ),
    require: str = typer.Option(
        "R3", "--require", help="Rung that must be reached for exit code 0: R0 to R4."
    ),
    environment: str = typer.Option(
        "locked",
        "--environment",
        help="`locked`: installed in the clone as the commit says; `current`: what is here.",
    ),
    jobs: int = typer.Option(0, "--jobs", "-j", help="Stages at a time; 0 for the number of processors."),
    as_json: bool = typer.Option(
        False, "--json", help="Print the result as JSON; progress goes to standard error."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the repository."),
) -> None:
    """Run every stage of a commit again, each from its recorded inputs in a clean clone, and compare what it writes.

    The ladder: R0 runs, R1 metrics within their interval, R2 the same within tolerance, R3 bit-identical, R4 bit-identical under
    perturbation, R5 confirmed by two builders. Works in any DVC repository; your work tree is neither read nor written.

    Exit codes: 0 the required rung is reached; else 5 outputs came out differently, 4 recorded content could not be had, 6 a stage
    is stale or refuses the environment, 8 a stage failed.

    Examples:

        mlops-kit reproduce

        mlops-kit reproduce v1.2.0 --perturb quick --require R4

        mlops-kit reproduce --sample 3 --environment current

        mlops-kit reproduce --json | jq .level
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from mlops_kit.project.reproduce.session import ReproduceOptions, reproduce_revision
    from mlops_kit.project.roots import find_root
    from mlops_kit.report.reproduction import as_lines, to_json

    console = Console(stderr=as_json)
    options = ReproduceOptions(
        rev=rev,
        stages=tuple(name for name in (part.strip() for part in stages.split(",")) if name),
        sample=sample,
        changed=changed,
        jobs=jobs,
        environment=environment,
        perturb=perturb,
        required=_rung(require),
        day=datetime.now(UTC).date().toordinal(),
    )
    with _Shown(console) as shown:
        made = reproduce_revision(find_root(repo), options, on_progress=shown.show)
    if as_json:
        sys.stdout.write(to_json(made))
    else:
        for style, line in as_lines(made):
            console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(int(made.exit_code))


def _rung(text: str) -> Rung:
    from mlops_kit.compare.ladder import Rung
    from mlops_kit.errors import UsageError

    if text.upper() not in ("R0", "R1", "R2", "R3", "R4"):
        raise UsageError(f"--require {text}", fix="one of R0, R1, R2, R3, R4; R5 comes from --confirm")
    return Rung[text.upper()]


class _Shown:
    """One line for each rerun that is done; on a terminal a spinner with an estimate while others run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("starting", spinner="dots") if console.is_terminal else None

    def __enter__(self) -> _Shown:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, progress: Progress) -> None:
        """Show one event."""
        from rich.text import Text

        left = f", about {progress.left:.0f} s left" if progress.left >= 1 else ""
        count = f"{progress.done} of {progress.planned} reruns{left}" if progress.planned else progress.what
        if self._status:
            self._status.update(Text(count))
        if progress.good is not None:
            sign, style = ("✓", "green") if progress.good else ("✗", "bold red")
            self._console.print(Text.assemble((sign, style), f" {progress.stage}  ", (progress.what, "dim")))
        elif not progress.stage and not self._status:
            self._console.print(Text(progress.what, style="dim"))
