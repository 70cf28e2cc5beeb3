"""Why each stage would run, or would not: the state of the work tree, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.freshness import Freshness, StageFreshness
from mlops_kit.errors import StaleError, UsageError
from mlops_kit.report.reasons import Reason, describe_cause
from mlops_kit.spec.names import LIFECYCLE, PROVENANCE

if TYPE_CHECKING:
    from mlops_kit.generate.plan import Stage
    from mlops_kit.project.desired import DesiredProject


@dataclass(frozen=True)
class StageReasons:
    """What would become of one stage."""

    stage: str
    state: str
    """`run` (for a reason of its own), `wait` (a stage before it would run; it runs if what it reads changes then) or `fresh`."""
    reasons: tuple[Reason, ...]
    """Why it would run or wait."""
    remarks: tuple[str, ...] = ()
    """What else is to be known: comments that changed, inputs that cannot be looked at, code that cannot be followed."""
    refusal: str = ""
    """Why the stage would refuse to run; empty when it would not."""

    @property
    def line(self) -> str:
        """Return all of it in one line."""
        why = "; ".join(reason.text for reason in self.reasons)
        said = {
            "run": f"would run: {why}",
            "wait": f"waits: {why}",
            "fresh": "up to date with dvc.lock",
        }[self.state]
        refusal = f"; it would refuse (exit 6): {self.refusal}" if self.refusal else ""
        remarks = "".join(f"; {remark}" for remark in self.remarks)
        return f"{self.stage}: {said}{refusal}{remarks}"


@dataclass(frozen=True)
class WhyReport:
    """The state of a work tree."""

    stages: tuple[StageReasons, ...]
    """In the order in which they could run."""
    outdated: tuple[str, ...] = ()
    """Generated files that `run` would write first; the stages are judged by what they would be."""


def explain_stages(root: Path, names: Iterable[str] = (), *, plain: bool = False) -> WhyReport:
    """Return why the stages `names` (all when empty) of the DVC repository at `root` would run with `mlops-kit run`.

    With `plain`, what plain `dvc repro` would do: it neither rebuilds generated files nor knows comments from code.
    Nothing is changed. Raises UsageError for an unknown stage, StaleError when a generated file was edited by hand, SpecError when a
    file cannot be read.
    """
    desired, overlay = _as_run_would_find(root, plain=plain)
    found = Freshness(root, overlay, quiet_comments=not plain).stages()
    wanted = _chosen(found, list(names))
    plans = {stage.name: stage for stage in desired.plan.stages} if desired else {}
    explained = tuple(_explain(stage, root, plans, overlay) for stage in wanted)
    return WhyReport(explained, tuple(overlay))


def outdated_files(root: Path) -> dict[str, bytes]:
    """Return path -> content of the generated pipeline files that `mlops-kit run` would write first at `root`; none where nothing is generated.

    Raises StaleError when one of them was edited by hand, SpecError when a project file cannot be used.
    """
    return _as_run_would_find(root, plain=False)[1]


def _as_run_would_find(root: Path, *, plain: bool) -> tuple[DesiredProject | None, dict[str, bytes]]:
    """Return what should be generated and what of it is not so yet; all that loads only in a project that has something to generate."""
    if not (root / LIFECYCLE).exists():
        return None, {}
    from mlops_kit.generate import PIPELINE
    from mlops_kit.project.desired import desired_project
    from mlops_kit.project.write import FileState, edited_error, inspect_files

    desired = desired_project(root)
    if plain:
        return desired, {}
    files = inspect_files(root, {path: desired.files[path] for path in (PIPELINE, PROVENANCE)})
    if edited := [file.path for file in files if file.state is FileState.EDITED]:
        raise edited_error(edited)
    outdated = [file.path for file in files if file.state is not FileState.CURRENT]
    return desired, {path: desired.files[path].encode() for path in outdated}


def _chosen(found: tuple[StageFreshness, ...], names: list[str]) -> tuple[StageFreshness, ...]:
    known = {stage.name for stage in found}
    for name in names:
        if name not in known and not any(stage.startswith(f"{name}@") for stage in known):
            raise UsageError(f"no stage `{name}`", fix=f"one of: {', '.join(sorted(known)) or 'none yet'}")
    return tuple(
        stage for stage in found if not names or stage.name in names or stage.name.partition("@")[0] in names
    )


def _explain(
    stage: StageFreshness, root: Path, plans: Mapping[str, Stage], overlay: Mapping[str, bytes]
) -> StageReasons:
    plan = plans.get(stage.name)
    via = plan.code.via if plan and plan.code else {}
    reasons = [describe_cause(cause, via) for cause in stage.causes]
    if not stage.causes:
        reasons += [
            Reason("upstream", name, f"{name} would run and writes {path}") for name, path in stage.upstream
        ]
    remarks = [f"only comments or layout of {path} changed" for path in stage.quiet]
    remarks += [f"{path} cannot be looked at from here" for path in stage.unknown]
    remarks += _notes(plan, root) if plan else []
    state = "run" if stage.causes else "wait" if stage.upstream else "fresh"
    refusal = _refusal(root, stage.name, overlay) if plan and plan.is_python and state != "fresh" else ""
    return StageReasons(stage.name, state, tuple(reasons), tuple(remarks), refusal)


def _notes(plan: Stage, root: Path) -> list[str]:
    from mlops_kit.generate import stage_notes

    return list(stage_notes(plan, root))


def _refusal(root: Path, stage: str, overlay: Mapping[str, bytes]) -> str:
    from mlops_kit.steps.recorded import check_environment, check_recorded

    try:
        if PROVENANCE in overlay:
            check_recorded(overlay[PROVENANCE].decode(), stage)
        else:
            check_environment(root, stage)
    except StaleError as error:
        return f"{error.message} ({error.fix})"
    return ""
