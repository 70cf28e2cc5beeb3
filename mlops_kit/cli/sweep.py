"""`mlops-kit sweep`: many settings of the params, one table, the best by a validation score."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlops_kit.errors import ExitCode

if TYPE_CHECKING:
    from mlops_kit.project.sweep.record import Sweep, Trial

REPO = typer.Option(Path(), "--repo", help="Folder of the project.")
AS_JSON = typer.Option(False, "--json", help="Print the table as JSON; progress goes to standard error.")
AS_CSV = typer.Option(False, "--csv", help="Print the table as CSV; progress goes to standard error.")
SWEEP = typer.Option("", "--sweep", help="Id of the sweep, or how it begins. The newest one by default.")


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    group = typer.Typer(help="Try many params; choose by a validation score.", no_args_is_help=True)
    for command in (run, show, apply, branch):
        group.command()(command)
    app.add_typer(group, name="sweep")


def run(
    space: list[str] = typer.Argument(
        ..., metavar="PARAM=VALUES...", help="Parameters of params.yaml with their values."
    ),
    search: str = typer.Option("grid", "--search", help="grid, random or optuna (needs the extra `sweep`)."),
    trials: int | None = typer.Option(
        None, "--trials", "-n", min=1, help="How many to try. All of a grid, else 20, by default."
    ),
    metric: str = typer.Option(
        "",
        "--metric",
        help="Metric to choose by. By default the one of validation that kpis.yaml cares for first.",
    ),
    seed: int = typer.Option(0, "--seed", help="Seed of random points."),
    jobs: int = typer.Option(1, "--jobs", "-j", min=1, help="Trials side by side."),
    as_json: bool = AS_JSON,
    as_csv: bool = AS_CSV,
    repo: Path = REPO,
) -> None:
    """Run the pipeline of the last commit with other params, up to the stage that writes the score, and print one table.

    Values are a list (50,100), a range (50..200), a range by factors (0.01..0.3:log), or some of a range (50..200:4). Trials run in
    work trees of their own and share the cache: stages that a param does not concern cost nothing. Metrics of the test rows are
    refused. Stopped, the same command goes on where it was.

    Exit codes: 0 done, 2 nothing to choose by or no such param, 7 refused (metric of test rows, uncommitted changes), 8 every trial failed.

    Examples:

        mlops-kit sweep run train.max_leaf_nodes=7,15,31 train.learning_rate=0.02..0.2:log:4

        mlops-kit sweep run --search random -n 30 -j 2 train.max_iter=50..400 train.learning_rate=0.01..0.3:log

        mlops-kit sweep run --search optuna -n 50 --csv train.max_iter=50..400 > sweep.csv
    """
    from mlops_kit.project.roots import find_root
    from mlops_kit.project.sweep.session import SweepOptions, run_sweep

    def tell(trial: Trial) -> None:
        sys.stderr.write(f"{_line(trial)}\n")
        sys.stderr.flush()

    options = SweepOptions(tuple(space), search, trials, seed, metric, jobs)
    made = run_sweep(find_root(repo), options, on_trial=tell)
    _print(made, as_json, as_csv)
    if all(trial.failed for trial in made.trials if trial.number):
        raise typer.Exit(int(ExitCode.OUTSIDE))


def show(sweep: str = SWEEP, as_json: bool = AS_JSON, as_csv: bool = AS_CSV, repo: Path = REPO) -> None:
    """Print the table of a sweep, also of one that still runs.

    Examples:

        mlops-kit sweep show

        mlops-kit sweep show --csv > sweep.csv
    """
    _print(_read(repo, sweep), as_json, as_csv)


def apply(
    trial: int | None = typer.Argument(None, help="Number of the trial. The best one by default."),
    sweep: str = SWEEP,
    as_json: bool = typer.Option(False, "--json", help="Print what was done as JSON."),
    repo: Path = REPO,
) -> None:
    """Write the best trial's params into params.yaml, nothing else in it; the next run takes what was computed from the cache.

    Examples:

        mlops-kit sweep apply && mlops-kit run && mlops-kit compare

        mlops-kit sweep apply 7
    """
    from mlops_kit.project.roots import find_root
    from mlops_kit.project.sweep.apply import apply_trial

    made = apply_trial(find_root(repo), _read(repo, sweep), trial)
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=2, sort_keys=True))
        return
    typer.echo(f"✓ {_line(made.trial)}")
    if not made.trial.point:
        typer.echo("  no trial was better than the params as committed")
    typer.echo(
        "next: mlops-kit run, then mlops-kit compare"
        if made.changed
        else "params.yaml has these values already"
    )


def branch(
    trials: list[int] = typer.Argument(..., help="Numbers of trials."),
    sweep: str = SWEEP,
    as_json: bool = typer.Option(False, "--json", help="Print the names as JSON."),
    repo: Path = REPO,
) -> None:
    """Make a branch of each trial: the commit that the sweep started from, with the trial's params.

    Examples:

        mlops-kit sweep branch 3 7

        git switch $(mlops-kit sweep branch 3)
    """
    from mlops_kit.project.roots import find_root
    from mlops_kit.project.sweep.apply import branch_trials

    names = branch_trials(find_root(repo), _read(repo, sweep), trials)
    typer.echo(json.dumps(list(names)) if as_json else "\n".join(names))


def _read(repo: Path, name: str) -> Sweep:
    from mlops_kit.project.roots import find_root
    from mlops_kit.project.sweep.record import read_sweep

    return read_sweep(find_root(repo), name)


def _line(trial: Trial) -> str:
    point = "  ".join(f"{key}={_text(value)}" for key, value in trial.point.items()) or "as committed"
    if trial.failed:
        return (
            f"trial {trial.number}  FAILED in {trial.failed}  {point}: {trial.tail[-1] if trial.tail else ''}"
        )
    what = f"ran {' '.join(trial.ran)}" if trial.ran else "from cache" if trial.cached else "unchanged"
    return f"trial {trial.number}  {trial.score:.6g}  {trial.seconds:.1f} s, {what}  {point}"


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value).strip('"')


def _print(sweep: Sweep, as_json: bool, as_csv: bool) -> None:
    printers: list[tuple[bool, Callable[[Sweep], None]]] = [
        (as_json, _print_json),
        (as_csv, _print_csv),
        (True, _print_table),
    ]
    next(printer for wanted, printer in printers if wanted)(sweep)


def _print_json(sweep: Sweep) -> None:
    best = sweep.best
    value = {
        "sweep": sweep.spec.id, **asdict(sweep.spec), "best": best.number if best else None,
        "trials": [asdict(trial) for trial in sweep.trials],
    }  # fmt: skip
    typer.echo(json.dumps(value, indent=2, sort_keys=True))


def _keys(sweep: Sweep) -> list[str]:
    return list(dict.fromkeys(key for trial in sweep.trials for key in trial.point))


def _print_csv(sweep: Sweep) -> None:
    keys = _keys(sweep)
    metrics = sorted({name for trial in sweep.trials for name in trial.metrics})
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["trial", *keys, *metrics, "seconds", "failed"])
    for trial in sweep.trials:
        values = [trial.metrics.get(name, "") for name in metrics]
        writer.writerow(
            [trial.number, *(trial.point.get(key, "") for key in keys), *values, trial.seconds, trial.failed]
        )


def _print_table(sweep: Sweep) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    keys, best = _keys(sweep), sweep.best
    lasts = [key.rpartition(".")[2] for key in keys]
    heads = [last if lasts.count(last) == 1 else key for key, last in zip(keys, lasts, strict=True)]
    table = Table("trial", box=None, pad_edge=False, header_style="dim")
    for head in (*heads, sweep.spec.metric, "change", "seconds"):
        table.add_column(escape(head), justify="right", overflow="fold")
    for trial in sorted(sweep.trials, key=sweep.rank):
        style = "bold green" if trial == best else "red" if trial.failed else ""
        table.add_row(*(Text(cell) for cell in _cells(sweep, trial, keys)), style=style)
    console = Console()
    console.print(table)
    way = "more" if sweep.spec.higher else "less"
    console.print(
        Text(
            f"sweep {sweep.spec.id}: chosen by {sweep.spec.metric} of stage {sweep.spec.stage}, {way} is better; · as committed. No stage that reads test rows (data named test or holdout) was run.",
            style="dim",
        )
    )
    if best and best.number:
        console.print(Text("next: mlops-kit sweep apply"))


def _cells(sweep: Sweep, trial: Trial, keys: list[str]) -> list[str]:
    committed = next((other.score for other in sweep.trials if other.number == 0), None)
    change = "" if committed is None or trial.score is None else f"{trial.score - committed:+.3g}"
    values = [_text(trial.point[key]) if key in trial.point else "·" for key in keys]
    score = "FAILED" if trial.score is None else f"{trial.score:.6g}"
    return [str(trial.number), *values, score, change, f"{trial.seconds:.1f}"]
