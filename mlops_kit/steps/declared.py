"""What a stage reads and writes by its step's signature, its use in mlops.yaml and its section of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_kit.artifacts.declared import MANIFEST_ENDING
from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.spec.model import StepUse
from mlops_kit.spec.names import KPIS, LABELLING, SCHEMA
from mlops_kit.steps.contract import StepContract

SPEC_FILES = {"schema": SCHEMA, "kpis": KPIS, "labelling": LABELLING}
"""Keyword parameter of a step -> the project file that it depends on; `task` is a section of mlops.yaml."""


@dataclass(frozen=True)
class DeclaredFiles:
    """The files of one stage, without its code."""

    reads: tuple[str, ...]
    """Files and folders that it reads, relative to the project."""
    writes: tuple[str, ...]
    """Files and folders that it writes."""
    packages: tuple[str, ...]
    """Distributions whose files it reads (`package:NAME/path`)."""
    functions: tuple[str, ...] = ()
    """Python files with functions that its params name; what they import is code of the stage as well."""


def declared_files(contract: StepContract, use: StepUse, section: Any) -> DeclaredFiles:
    """Return what a stage reads and writes; `section` is its own section of params.yaml."""
    files, packages = _input_files(contract, section)
    inputs = [KINDS[ref.kind].locate(use.inputs.get(ref.name, ref.name)) for ref in contract.inputs]
    specs = [SPEC_FILES[spec] for spec in contract.spec_inputs if spec in SPEC_FILES]
    outputs = [KINDS[ref.kind].locate(use.outputs.get(ref.name, ref.name)) for ref in contract.outputs]
    manifests = [f"{path}{MANIFEST_ENDING}" for path in outputs] if contract.frozen else []
    reads = dict.fromkeys([*files, *use.deps, *inputs, *specs, *manifests])
    return DeclaredFiles(tuple(reads), tuple(outputs), tuple(packages), _functions(contract, section))


def _functions(contract: StepContract, section: Any) -> tuple[str, ...]:
    """Return the files of the functions that params name (`apply: steps/tidy.py:tidy`, a file of label functions), sorted."""
    values: Mapping[str, Any] = section if isinstance(section, Mapping) else {}
    named_files = [str(values.get(field) or default) for field, default in contract.input_code]
    found = {path.removeprefix("./") for path in named_files if path}
    for field in contract.input_rules:
        items = values.get(field)
        for rule in items if isinstance(items, list) else []:
            named = rule.get("apply") if isinstance(rule, Mapping) else None
            named = named.get("function") if isinstance(named, Mapping) else named
            if isinstance(named, str) and named.partition(":")[0].endswith(".py"):
                found.add(named.partition(":")[0].removeprefix("./"))
    return tuple(sorted(found))


def _input_files(contract: StepContract, section: Any) -> tuple[list[str], list[str]]:
    values: Mapping[str, Any] = section if isinstance(section, Mapping) else {}
    files: list[str] = []
    packages: list[str] = []
    for field in contract.input_files:
        value = values.get(field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item.startswith("package:"):
                packages.append(item.removeprefix("package:").split("/")[0].lower().replace("_", "-"))
            elif isinstance(item, str):
                files.append(item)
    return files, packages
