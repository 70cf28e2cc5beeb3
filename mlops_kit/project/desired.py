"""Every generated file that a project should have, with its text."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.ci.owners import FILE, code_owners, has_foreign_owners
from mlops_kit.ci.providers import PROVIDERS
from mlops_kit.errors import SpecError
from mlops_kit.generate import Sources, generate_pipeline
from mlops_kit.project.write import NOTICE, stamp
from mlops_kit.spec.jsonschema import schema_files
from mlops_kit.spec.load import KPIS, read_kpis, read_lifecycle, read_params


def desired_files(root: Path) -> dict[str, str]:
    """Return path -> text of all generated files of the project at `root`.

    Raises SpecError when a project file cannot be used.
    """
    lifecycle = read_lifecycle(root)
    # A broken contract is reported now, not at the end of a run.
    kpis = read_kpis(root) if (root / KPIS).exists() else None
    pipeline = generate_pipeline(Sources(root, lifecycle, read_params(root)))
    if lifecycle.ci.provider not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise SpecError(
            f"unknown CI provider `{lifecycle.ci.provider}`", where="mlops.yaml", fix=f"one of: {known}"
        )
    workflows = PROVIDERS[lifecycle.ci.provider].workflow_files(lifecycle)
    owners = code_owners(lifecycle, kpis)
    if owners and not has_foreign_owners(root, NOTICE):
        workflows = {**workflows, FILE: owners}
    return {path: stamp(path, text) for path, text in {**pipeline, **schema_files(), **workflows}.items()}
