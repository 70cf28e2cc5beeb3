"""The plan: which files adopting would add, and what else there is to say. Writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_kit import __version__
from mlops_kit.compare.metrics import guess_direction
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.outside import git
from mlops_kit.project.adopt.contract import draft_kpis
from mlops_kit.project.adopt.dvcyaml import render_pipeline
from mlops_kit.project.adopt.environment import understand_automation, understand_environment
from mlops_kit.project.adopt.ignore import ignore_edit
from mlops_kit.project.adopt.model import (
    AdoptPlan,
    Automation,
    Environment,
    FileState,
    MetricSeen,
    PlannedFile,
    StageProposal,
    Survey,
    Understood,
)
from mlops_kit.project.adopt.observe import observe_scripts
from mlops_kit.project.adopt.packages import Needed, packages_for
from mlops_kit.project.adopt.pipeline import understand_pipeline
from mlops_kit.project.adopt.scripts import Script, read_notebooks, read_scripts
from mlops_kit.project.adopt.stages import Proposals, numbers_of, propose_stages
from mlops_kit.project.adopt.survey import survey
from mlops_kit.project.adopt.workflow import render_workflow, workflow_path
from mlops_kit.spec.load import KPIS, LIFECYCLE, load_kpis
from mlops_kit.spec.yamlfile import dump_yaml, parse_yaml

ADOPTED = ".mlops/adopted.yaml"
DVC_FILES = {
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# Patterns of files that DVC should not look at, in the form of .gitignore.\n",
}


def plan_adoption(start: Path, *, run: Callable[[str], None] | None = None) -> AdoptPlan:
    """Return what adopting the repository around `start` comes to. Changes nothing in it.

    With `run`, scripts are run once in a copy to see what they read and write; `run` hears what is going on.
    Raises UsageError outside of a repository, and in one that has neither a dvc.yaml nor a script nor a notebook.
    """
    place = survey(start)
    if (place.root / LIFECYCLE).exists():
        return AdoptPlan(place, None, nothing=f"{LIFECYCLE} is there: this is an mlops-kit project already")
    if (place.root / ADOPTED).exists():
        return _adopted(place)
    environment, automation = understand_environment(place), understand_automation(place)
    pipeline = understand_pipeline(place)
    understood = Understood(pipeline, environment, automation)
    notes = [*place.notes, *pipeline.notes]
    if environment.others:
        notes.append(
            f"the environment is taken from {environment.file}, not from {_some(environment.others)}"
        )
    if not pipeline.files:
        understood, more = _propose(place, understood, run)
        notes += more
    if not pipeline.files and not understood.proposals:
        return AdoptPlan(
            place,
            understood,
            notes=tuple(notes),
            nothing="no stage could be proposed, so there is nothing to add",
        )
    files, more = _files(place, understood)
    edits = ignore_edit(place, understood.proposals)
    return AdoptPlan(place, understood, files, edits, tuple(dict.fromkeys([*notes, *more])))


def _adopted(place: Survey) -> AdoptPlan:
    """Return the plan of a repository that was adopted before: nothing, and what has become of the files."""
    try:
        value = parse_yaml((place.root / ADOPTED).read_text(encoding="utf-8"), where=ADOPTED) or {}
        listed: Mapping[str, Any] = value.get("files") or {}
        version = value.get("mlops_kit", "?")
    except (SpecError, AttributeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{ADOPTED} cannot be read: {error}", fix=f"delete {ADOPTED} and run mlops-kit adopt again"
        ) from None
    gone = [path for path in listed if not (place.top / path).exists()]
    notes = [
        f"{path} was added then and is gone; to have it again, delete {ADOPTED} and adopt again"
        for path in gone
    ]
    return AdoptPlan(
        place,
        None,
        notes=tuple(notes),
        nothing=f"adopted already, by mlops-kit {version}; there is nothing to add",
    )


def _propose(
    place: Survey, understood: Understood, run: Callable[[str], None] | None
) -> tuple[Understood, list[str]]:
    """Propose stages from scripts, else from notebooks."""
    data = understood.pipeline.data
    scripts = read_scripts(place)
    books = [name for name in place.files if name.endswith(".ipynb")]
    if not scripts and not books and not any(name.endswith(".py") for name in place.files):
        raise UsageError(
            f"nothing to adopt below {place.root}: no dvc.yaml, no Python script, no notebook",
            fix="start a project instead: mlops-kit init NAME",
        )
    found = propose_stages(place, scripts, data)
    chosen: Sequence[Script] = scripts
    extra: list[str] = []
    if not found.stages and books:
        chosen = read_notebooks(place)
        of_books = propose_stages(place, chosen, data)
        found = replace(of_books, notes=(*found.notes, *of_books.notes))
        extra = [
            "the stages run notebooks with jupyter nbconvert: `jupyter` must be in the project's environment"
        ]
    elif books:
        extra = [f"{len(books)} notebooks are left out, because scripts make the pipeline: {_some(books)}"]
    if run is not None:
        seen = observe_scripts(place, _in_order(chosen, found), run)
        chosen = seen.scripts
        found = propose_stages(place, chosen, data, observed=seen.ran, metrics=seen.metrics)
    used = {stage.source for stage in found.stages}
    needed = _packages(
        understood.environment,
        [script for script in chosen if script.path in used],
        jupyter=any(path.endswith(".ipynb") for path in used),
    )
    seen_metrics = _metrics(place, found.stages)
    pipeline = replace(understood.pipeline, metrics=seen_metrics) if seen_metrics else understood.pipeline
    return (
        replace(
            understood,
            pipeline=pipeline,
            proposals=found.stages,
            packages=needed.packages,
            unknown_imports=needed.unknown,
        ),
        [*found.notes, *(extra if found.stages else [])],
    )


def _in_order(scripts: Sequence[Script], found: Proposals) -> list[Script]:
    """Return the scripts in the order of the data flow, those that are no stages last."""
    order = {stage.source: index for index, stage in enumerate(found.stages)}
    return sorted(scripts, key=lambda script: (order.get(script.path, len(order)), script.path))


def _packages(environment: Environment, scripts: Sequence[Script], *, jupyter: bool) -> Needed:
    if environment.kind or not scripts:
        return Needed((), ())
    calls = {call for script in scripts for call in script.calls}
    needed = packages_for({name for script in scripts for name in script.external}, calls)
    more = ("ipykernel", "nbconvert") if jupyter else ()
    return replace(needed, packages=tuple(sorted({*needed.packages, *more})))


def _metrics(place: Survey, stages: Sequence[StageProposal]) -> tuple[MetricSeen, ...]:
    """Return the numbers that the proposed metric files hold now, named as `compare` will name them."""
    found = [
        (Path(out.path).stem, name, value)
        for stage in stages
        for out in stage.outputs
        if out.section == "metrics"
        for name, value in numbers_of(place, out.path).items()
    ]
    names = [name for _, name, _ in found]
    keyed = [(name if names.count(name) == 1 else f"{stem}:{name}", value) for stem, name, value in found]
    return tuple(MetricSeen(name, value, guess_direction(name)) for name, value in keyed)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _files(place: Survey, understood: Understood) -> tuple[tuple[PlannedFile, ...], list[str]]:
    """Return the files to add, each with its state, and notes."""
    notes: list[str] = []
    wanted: dict[str, tuple[str, str]] = {}
    if not place.has_dvc:
        wanted |= {path: (text, "what `dvc init` writes") for path, text in DVC_FILES.items()}
        if (place.root / ".dvcignore").exists():
            del wanted[".dvcignore"]
    if understood.proposals:
        wanted["dvc.yaml"] = (render_pipeline(understood.proposals), "the proposed stages")
    environment = understood.environment
    if understood.packages or understood.unknown_imports:
        wanted["requirements.txt"] = (_requirements(understood), "the packages that the scripts import")
        environment = replace(environment, kind="requirements", file=place.from_top("requirements.txt"))
        notes += [
            f"which package `import {name}` comes from is not known here; it stands in requirements.txt as a comment"
            for name in understood.unknown_imports
        ]
    if not _usable_kpis(place):
        wanted[KPIS] = (
            draft_kpis(understood.pipeline.metrics),
            "the KPI contract, a draft: nothing in it fails by itself",
        )
    planned = {place.from_top(path): entry for path, entry in wanted.items()}
    text, problem = _workflow(place, environment, understood.automation)
    if text:
        planned[workflow_path(place)] = (text, "rerun, compare and comment on each pull request")
    notes += problem
    record = _record(place, understood, {path: text for path, (text, _) in planned.items()})
    planned[place.from_top(ADOPTED)] = (record, "what was understood and added, so that a second run knows")
    ignored = git.ignored_paths(place.top, list(planned))
    files = tuple(
        PlannedFile(path, text, why, FileState.IGNORED if path in ignored else _state(place.top / path, text))
        for path, (text, why) in planned.items()
    )
    return files, notes


def _usable_kpis(place: Survey) -> bool:
    """Return whether there is a kpis.yaml that is ours; one that is something else is in the way."""
    path = place.root / KPIS
    try:
        return path.is_file() and load_kpis(path.read_text(encoding="utf-8")) is not None
    except (SpecError, UnicodeDecodeError):
        return False


def _state(path: Path, text: str) -> FileState:
    if not path.exists() and not path.is_symlink():
        return FileState.NEW
    present = path.read_bytes() if path.is_file() else b""
    return FileState.PRESENT if present.replace(b"\r\n", b"\n") == text.encode() else FileState.CONFLICT


def _workflow(place: Survey, environment: Environment, automation: Automation) -> tuple[str, list[str]]:
    notes = []
    if automation.host != "github":
        where = f"the repository does not live on GitHub ({automation.host})"
        return "", [f"{where}, so no workflow is proposed; a job of its CI can run: mlops-kit ci run"]
    if automation.cml:
        notes.append(
            f"CML posts from {', '.join(automation.cml)}, which stays as it is; remove that when the new comment is enough"
        )
    text = render_workflow(place, environment, automation)
    if not text:
        notes.append("a path or the branch holds an expression of GitHub (${{), so no workflow is proposed")
    return text, notes


def _requirements(understood: Understood) -> str:
    lines = [
        "# Proposed by `mlops-kit adopt` from the imports of the scripts. Pin the versions that you use.",
        *understood.packages,
        *(
            f"# {name}: imported; which package it comes from is not known here"
            for name in understood.unknown_imports
        ),
    ]
    return "\n".join(lines) + "\n"


def _record(place: Survey, understood: Understood, files: Mapping[str, str]) -> str:
    """Return .mlops/adopted.yaml: where everything came from."""
    pipeline, environment = understood.pipeline, understood.environment
    stages = [stage.name for stage in (understood.proposals or pipeline.stages)]
    value = {
        "mlops_kit": __version__,
        "understood": {
            "dvc_root": place.prefix or ".",
            "default_branch": place.branch,
            "pipelines": list(pipeline.files),
            "stages": stages,
            "proposed": bool(understood.proposals),
            "metrics": {one.name: one.direction for one in pipeline.metrics},
            "params": list(pipeline.params)
            or sorted({path for stage in understood.proposals for path in stage.params}),
            "data": list(pipeline.data),
            "environment": environment.file or None,
            "ci": list(understood.automation.files),
        },
        "files": {
            path: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for path, text in files.items()
        },
    }
    return (
        "# Written by `mlops-kit adopt`: what it understood, and the files it added. Delete it to adopt anew.\n"
        + dump_yaml(value)
    )
