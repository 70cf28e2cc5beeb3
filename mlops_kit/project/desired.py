"""Every generated file that a project should have, with its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.ci.owners import FILE, code_owners, has_foreign_owners
from mlops_kit.ci.providers import PROVIDERS
from mlops_kit.errors import SpecError
from mlops_kit.generate import Plan, Sources, plan_notes, plan_stages, render_plan
from mlops_kit.project.write import NOTICE, stamp
from mlops_kit.spec.jsonschema import schema_files
from mlops_kit.spec.load import KPIS, read_kpis, read_lifecycle, read_params


@dataclass(frozen=True)
class DesiredProject:
    """What the declarations of a project come to."""

    root: Path
    """The project's folder."""
    plan: Plan
    """Its stages."""
    files: Mapping[str, str]
    """Path -> text of every generated file."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader must know of the stages because it cannot be read off the code, a sentence each."""
        return plan_notes(self.plan, self.root)


def desired_project(root: Path) -> DesiredProject:
    """Return the stages and the generated files of the project at `root`.

    Raises SpecError when a project file cannot be used, StaleError when a package that a stage needs is neither locked nor installed.
    """
    lifecycle = read_lifecycle(root)
    # A broken contract is reported now, not at the end of a run.
    kpis = read_kpis(root) if (root / KPIS).exists() else None
    sources = Sources(root, lifecycle, read_params(root))
    plan = plan_stages(sources)
    pipeline = render_plan(sources, plan)
    if lifecycle.ci.provider not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise SpecError(
            f"unknown CI provider `{lifecycle.ci.provider}`", where="mlops.yaml", fix=f"one of: {known}"
        )
    workflows = PROVIDERS[lifecycle.ci.provider].workflow_files(lifecycle)
    owners = code_owners(lifecycle, kpis)
    if owners and not has_foreign_owners(root, NOTICE):
        workflows = {**workflows, FILE: owners}
    texts = {**pipeline, **schema_files(), **workflows}
    return DesiredProject(root, plan, {path: stamp(path, text) for path, text in texts.items()})


def desired_files(root: Path) -> dict[str, str]:
    """Return path -> text of all generated files of the project at `root`. Raises what desired_project raises."""
    return dict(desired_project(root).files)
