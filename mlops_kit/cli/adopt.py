"""`mlops-kit adopt`: take an existing repository as it is."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlops_kit.errors import RefusedError

if TYPE_CHECKING:
    from mlops_kit.project.adopt.model import AdoptPlan, Understood

SIGNS = {"new": "+", "present": "=", "conflict": "!", "ignored by git": "!"}
MAX_SHOWN = 12


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(adopt)


def adopt(
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the plan and write nothing."),
    apply_edits: bool = typer.Option(
        False,
        "--apply-edits",
        help="Also make the proposed changes to files that are there; they are shown as diffs.",
    ),
    run: bool = typer.Option(
        False,
        "--run",
        help="Run the scripts once, in a copy of the repository, to see what they read and write.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="A folder of the repository."),
) -> None:
    """Adopt an existing git repository: say what was understood, then add new files only; stages that are there stay as they are.

    With a dvc.yaml: a draft of kpis.yaml and a workflow that compares each pull request. Without one: stages are proposed from what
    the scripts or notebooks read and write. No file of yours is changed without --apply-edits; a second run changes nothing.

    Exit codes: 0 done or nothing to do, 2 not a repository or nothing in it, 7 a file is in the way (nothing is written).

    Examples:

        mlops-kit adopt --dry-run

        mlops-kit adopt

        mlops-kit adopt --run --apply-edits
    """
    from mlops_kit.project.adopt.apply import apply_plan, refuse_conflicts
    from mlops_kit.project.adopt.plan import plan_adoption

    def say(line: str) -> None:
        typer.echo(_plain(line), err=True)

    plan = plan_adoption(repo, run=say if run else None)
    if not (run or dry_run or as_json) and _may_run(plan):
        plan = plan_adoption(repo, run=say)
    if not as_json:
        _print(plan, apply_edits)
    try:
        refuse_conflicts(plan)
        written = () if dry_run or plan.nothing else apply_plan(plan, edits=apply_edits)
    except RefusedError:
        if as_json:
            typer.echo(json.dumps(_as_json(plan, ()), indent=2))
        raise
    if as_json:
        typer.echo(json.dumps(_as_json(plan, written), indent=2))
    else:
        _print_end(plan, written, dry_run=dry_run)


def _may_run(plan: AdoptPlan) -> bool:
    """Ask on a terminal whether the scripts may be run."""
    sources = [stage.source for stage in plan.understood.proposals] if plan.understood else []
    if not sources or not sys.stdin.isatty() or not sys.stdout.isatty():
        return False
    typer.echo(f"scripts: {_some(sources)}")
    return typer.confirm(
        "Run them once, in a copy of the repository, to see what they read and write?", default=False
    )


def _print(plan: AdoptPlan, apply_edits: bool) -> None:
    place = plan.survey
    where = f", DVC root {place.prefix}/" if place.prefix else ""
    _say(f"repository {place.top} (default branch {place.branch}{where})")
    if plan.understood:
        _print_understood(plan.understood)
    if plan.files:
        _say(f"\nplan: {len(plan.new)} new files")
        for file in plan.files:
            state = "" if file.state.value == "new" else f" ({file.state.value})"
            _say(f"  {SIGNS[file.state.value]} {file.path}{state}: {file.why}")
    if plan.understood and plan.understood.proposals:
        text = next(file.text for file in plan.files if file.path == place.from_top("dvc.yaml"))
        _say("\nthe proposed dvc.yaml")
        for line in text.splitlines():
            _say(f"  {line}")
    if plan.edits:
        _say(f"\nproposed edits{'' if apply_edits else ' (made with --apply-edits only)'}")
        for edit in plan.edits:
            for line in edit.diff.splitlines():
                _say(f"  {line}")
    if plan.notes:
        _say("\nnotes")
        for note in plan.notes:
            _say(f"  - {note}")


def _print_understood(found: Understood) -> None:
    pipeline = found.pipeline
    metrics = [f"{one.name} {one.value:.6g} ({_better(one.direction)})" for one in pipeline.metrics]
    stages = [f"{one.name}{f' ({one.templated})' if one.templated else ''}" for one in pipeline.stages]
    environment = found.environment
    rows = {
        "pipelines": list(pipeline.files),
        "stages": stages,
        "metrics": metrics or list(pipeline.metric_files),
        "params": list(pipeline.params),
        "plots": list(pipeline.plots),
        "data": list(pipeline.data),
        "remotes": [f"{name} {url}" for name, url in found.automation.remotes.items()],
        "proposed": [f"{one.name} ({one.source}, from its {one.basis.value})" for one in found.proposals],
        "environment": [f"{environment.file} ({environment.kind})"]
        if environment.kind
        else ["no file says it"],
        "python": [environment.python] if environment.python else [],
        "CI": [
            f"{name}{' (CML)' if name in found.automation.cml else ''}" for name in found.automation.files
        ],
    }
    _say("understood")
    for name, items in rows.items():
        if items:
            _say(f"  {name:<12} {_some(items)}")


def _better(direction: str | None) -> str:
    return f"{direction} is better" if direction else "direction not known"


def _print_end(plan: AdoptPlan, written: Sequence[str], *, dry_run: bool) -> None:
    if plan.nothing:
        _say(f"\n{plan.nothing}")
    elif dry_run:
        _say("\ndry run: nothing was written")
    elif not written:
        _say("\nnothing to add")
    else:
        proposals = plan.understood.proposals if plan.understood else ()
        names = " ".join(shlex.quote(path) for path in written)
        _say(f"\nadded {len(written)} files\n\nnext:\n  git add -- {names}")
        _say("  dvc repro\n  mlops-kit compare" if proposals else "  mlops-kit compare")


def _as_json(plan: AdoptPlan, written: Sequence[str]) -> dict[str, Any]:
    from dataclasses import asdict

    place = plan.survey
    return {
        "root": str(place.top),
        "dvc_root": place.prefix or ".",
        "default_branch": place.branch,
        "understood": asdict(plan.understood) if plan.understood else None,
        "files": [asdict(file) for file in plan.files],
        "edits": [{"path": edit.path, "why": edit.why, "diff": edit.diff} for edit in plan.edits],
        "notes": list(plan.notes),
        "nothing": plan.nothing,
        "written": list(written),
    }


def _some(items: list[str]) -> str:
    more = f" and {len(items) - MAX_SHOWN} more" if len(items) > MAX_SHOWN else ""
    return ", ".join(items[:MAX_SHOWN]) + more


def _say(line: str) -> None:
    typer.echo("\n".join(_plain(part) for part in line.split("\n")))


def _plain(text: str) -> str:
    """Return `text` without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\t" else "?" for sign in text)
