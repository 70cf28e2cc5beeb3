"""Stages from declarations: spec and step contracts in, {path: text} out. Nothing is written here."""

from __future__ import annotations

from mlops_kit.generate.graph import check_stages
from mlops_kit.generate.notes import plan_notes, stage_notes
from mlops_kit.generate.plan import Plan, Sources, plan_stages
from mlops_kit.generate.render import PIPELINE, render_pipeline, render_provenance
from mlops_kit.spec.names import PROVENANCE

__all__ = [
    "PIPELINE",
    "PROVENANCE",
    "Plan",
    "Sources",
    "generate_pipeline",
    "plan_notes",
    "plan_stages",
    "render_plan",
    "stage_notes",
]


def generate_pipeline(sources: Sources) -> dict[str, str]:
    """Return the generated pipeline files of a project, path -> text.

    Raises SpecError, naming the file and what mends it, when the declarations cannot become a pipeline.
    """
    return render_plan(sources, plan_stages(sources))


def render_plan(sources: Sources, plan: Plan) -> dict[str, str]:
    """Return the generated pipeline files of a plan, path -> text. Raises SpecError when the stages do not fit together."""
    check_stages(plan.stages, sources.root)
    return {
        PIPELINE: render_pipeline(plan.stages),
        PROVENANCE: render_provenance(plan.stages, plan.packages, threads=sources.lifecycle.runtime.threads),
    }
