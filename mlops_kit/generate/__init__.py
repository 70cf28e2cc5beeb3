"""Stages from declarations: spec and step contracts in, {path: text} out. Nothing is written here."""

from __future__ import annotations

from mlops_kit.generate.graph import check_stages
from mlops_kit.generate.plan import Sources, plan_stages
from mlops_kit.generate.render import PIPELINE, PROVENANCE, render_pipeline, render_provenance

__all__ = ["PIPELINE", "PROVENANCE", "Sources", "generate_pipeline"]


def generate_pipeline(sources: Sources) -> dict[str, str]:
    """Return the generated pipeline files of a project, path -> text.

    Raises SpecError, naming the file and what mends it, when the declarations cannot become a pipeline.
    """
    stages = plan_stages(sources)
    check_stages(stages, sources.root)
    return {
        PIPELINE: render_pipeline(stages),
        PROVENANCE: render_provenance(stages, threads=sources.lifecycle.runtime.threads),
    }
