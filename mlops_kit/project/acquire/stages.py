"""The acquire stages of a project, with their sources."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.data.partitions.parted import Parted
from mlops_kit.data.partitions.source import Source
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.spec.load import load_dataclass, read_lifecycle, read_params
from mlops_kit.spec.model import Lifecycle
from mlops_kit.steps.catalog import CATALOG, module_file
from mlops_kit.steps.contract import SOURCE, StepContract, read_contract


@dataclass(frozen=True)
class AcquireStage:
    """One stage whose data is fetched on purpose."""

    name: str
    """Its name."""
    folder: str
    """Its data folder, relative to the project."""
    module: str
    """Module of its step."""
    contract: StepContract
    """What its signature says."""
    built_in: bool
    """Whether the step is the library's."""


def find_acquire_stages(root: Path, wanted: Sequence[str] = ()) -> tuple[AcquireStage, ...]:
    """Return the frozen stages of the project at `root` that are named by `wanted`, all when empty, in the order of mlops.yaml.

    Raises UsageError for a name that is no such stage, SpecError when a project file cannot be used.
    """
    lifecycle = read_lifecycle(root)
    found = {stage.name: stage for stage in _frozen(root, lifecycle)}
    unknown = next((name for name in wanted if name not in found), None)
    if unknown is not None:
        known = ", ".join(found) or "none"
        what = (
            "fetches nothing: it is an ordinary stage of `mlops-kit run`"
            if unknown in lifecycle.steps
            else "is not in mlops.yaml"
        )
        raise UsageError(f"stage `{unknown}` {what}", fix=f"stages that acquire: {known}")
    return tuple(stage for name, stage in found.items() if not wanted or name in wanted)


def _frozen(root: Path, lifecycle: Lifecycle) -> list[AcquireStage]:
    found = []
    for name, use in lifecycle.steps.items():
        if not use.uses:
            continue
        module, path, built_in = _resolve(root, name, use.uses)
        contract = read_contract(path)
        if contract.frozen:
            output = contract.outputs[0]
            folder = KINDS[output.kind].locate(use.outputs.get(output.name, output.name))
            found.append(AcquireStage(name, folder, module, contract, built_in))
    return found


def make_source(stage: AcquireStage, root: Path) -> Source:
    """Return where a stage fetches from, made by its step's file from its section of params.yaml.

    Raises SpecError when the section does not fit, and what the function raises.
    """
    module = _load(stage, root)
    params = read_params(root)
    if stage.contract.params_class and stage.name not in params:
        raise SpecError(
            f"no section `{stage.name}`, which says where to acquire from",
            where="params.yaml",
            fix=f"add `{stage.name}:`",
        )
    section: Any = params.get(stage.name) or {}
    cls = getattr(module, stage.contract.params_class or "", None)
    if isinstance(cls, type) and hasattr(cls, "__dataclass_fields__"):
        section = load_dataclass(cls, section, where=f"params.yaml ({stage.name})")
    source: Source = getattr(module, SOURCE)(section, read_lifecycle(root).task)
    return source


def parting(source: Source) -> Parted | None:
    """Return how the rows of a source are parted, None when each piece is a partition."""
    return source if isinstance(source, Parted) else None


def _resolve(root: Path, stage: str, uses: str) -> tuple[str, Path, bool]:
    """Return what resolve_step returns, without loading the generator for built-in steps."""
    if uses in CATALOG:
        return CATALOG[uses], module_file(CATALOG[uses]), True
    from mlops_kit.generate.plan import resolve_step

    return resolve_step(root, stage, uses)


def _load(stage: AcquireStage, root: Path) -> Any:
    if stage.built_in:
        return importlib.import_module(stage.module)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return importlib.import_module(stage.module)


def reads_by_schema(root: Path, folder: str, stages: Mapping[str, Any]) -> bool:
    """Return whether a stage that takes the data contract reads `folder`: schema.yaml describes its rows then."""
    for name, use in stages.items():
        if not use.uses:
            continue
        contract = read_contract(_resolve(root, name, use.uses)[1])
        paths = [KINDS[ref.kind].locate(use.inputs.get(ref.name, ref.name)) for ref in contract.inputs]
        if "schema" in contract.spec_inputs and folder in paths:
            return True
    return False
