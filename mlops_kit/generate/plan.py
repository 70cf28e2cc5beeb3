"""From declarations to stages: what DVC is to be told about each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.kinds import KINDS, Kind
from mlops_kit.errors import SpecError
from mlops_kit.generate.closure import find_imports
from mlops_kit.outside.distributions import find_distributions
from mlops_kit.spec.model import Lifecycle, StepUse
from mlops_kit.steps.catalog import CATALOG, module_file
from mlops_kit.steps.contract import StepContract, read_contract

WHERE = "mlops.yaml"


@dataclass(frozen=True)
class StageOutput:
    """One output of a stage."""

    path: str
    """Path relative to the project."""
    kind: Kind
    """How it is kept."""


@dataclass(frozen=True)
class Stage:
    """One stage as dvc.yaml will describe it."""

    name: str
    cmd: str
    description: str
    owner: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    """Sections of params.yaml."""
    task: bool
    """Whether the task section of mlops.yaml is a dependency."""
    outputs: tuple[StageOutput, ...]
    contract: int | None
    """Contract version of a built-in step; None for files of the project, which are dependencies themselves."""
    packages: tuple[str, ...]
    """Distributions whose version is a dependency."""


@dataclass(frozen=True)
class Sources:
    """What planning reads: the project's folder and its loaded files."""

    root: Path
    lifecycle: Lifecycle
    params: Mapping[str, Any]
    """Sections of params.yaml."""


def plan_stages(sources: Sources) -> tuple[Stage, ...]:
    """Return the stages of a project, in the order of mlops.yaml.

    Raises SpecError for an unknown step, a missing params section, a step file that cannot be read.
    """
    return tuple(_plan_stage(sources, name, use) for name, use in sources.lifecycle.steps.items())


def resolve_step(root: Path, stage: str, uses: str) -> tuple[str, Path, bool]:
    """Return (module name, file, whether it is built in) of what `uses` names. Raises SpecError if there is no such step."""
    if uses in CATALOG:
        return CATALOG[uses], module_file(CATALOG[uses]), True
    if uses.endswith(".py"):
        path = Path(uses)
        if path.is_absolute() or ".." in path.parts:
            raise SpecError(
                f"`uses: {uses}` of step `{stage}` leaves the project",
                where=WHERE,
                fix="use a path such as steps/train.py",
            )
        if not (root / path).is_file():
            raise SpecError(
                f"step `{stage}` uses {uses}, which does not exist",
                where=WHERE,
                fix=f"create {uses} or change `uses:`",
            )
        return ".".join(path.with_suffix("").parts), root / path, False
    close = get_close_matches(uses, CATALOG, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    raise SpecError(
        f"step `{stage}` uses `{uses}`, which is neither a built-in step nor a .py file",
        where=WHERE,
        fix=f"{hint}built in are: {', '.join(sorted(CATALOG))}",
    )


def _plan_stage(sources: Sources, name: str, use: StepUse) -> Stage:
    owner = use.owner or sources.lifecycle.project.owner
    if use.cmd is not None:
        return _plan_command(sources, name, use, owner)
    if use.uses is None:
        raise SpecError(
            f"step `{name}` has neither `uses` nor `cmd`",
            where=WHERE,
            fix="add `uses: <step>` or `cmd: <command>`",
        )
    module, path, built_in = resolve_step(sources.root, name, use.uses)
    contract = read_contract(path)
    renames = _checked_renames(name, use, contract)
    files, source_packages = _input_files(sources, name, contract)
    code, imported = _code(sources.root, path, contract, built_in=built_in)
    outputs = tuple(
        StageOutput(KINDS[ref.kind].locate(use.outputs.get(ref.name, ref.name)), KINDS[ref.kind])
        for ref in contract.outputs
    )
    inputs = [KINDS[ref.kind].locate(renames.get(ref.name, ref.name)) for ref in contract.inputs]
    specs = [f"{spec}.yaml" for spec in contract.spec_inputs if spec != "task"]
    kinds = [KINDS[ref.kind] for ref in (*contract.inputs, *contract.outputs)]
    return Stage(
        name=name,
        cmd=f"python -m {module}" + ("" if contract.function == name else f" {name}"),
        description=contract.summary,
        owner=owner,
        deps=_unique([*code, *files, *use.deps, *inputs, *specs]),
        params=_sections(sources, name, contract),
        task="task" in contract.spec_inputs,
        outputs=outputs,
        contract=contract.version if built_in else None,
        packages=tuple(sorted({*imported, *source_packages, *(p for kind in kinds for p in kind.packages)})),
    )


def _plan_command(sources: Sources, name: str, use: StepUse, owner: str) -> Stage:
    if use.uses is not None:
        raise SpecError(f"step `{name}` has both `uses` and `cmd`", where=WHERE, fix="keep one of them")
    if not use.cmd or not use.cmd.strip():
        raise SpecError(f"step `{name}` has an empty `cmd`", where=WHERE)
    outs = [StageOutput(path, Kind("out", path)) for path in use.outs]
    metrics = [
        StageOutput(path, Kind("metric", path, section="metrics", cache=False)) for path in use.metrics
    ]
    for section in use.params:
        _require_section(sources, name, section)
    return Stage(
        name,
        use.cmd,
        "",
        owner,
        use.deps,
        use.params,
        task=False,
        outputs=(*outs, *metrics),
        contract=None,
        packages=(),
    )


def _code(
    root: Path, path: Path, contract: StepContract, *, built_in: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the local files that the stage runs, and the distributions that they import."""
    if built_in:
        return (), _without_own(find_distributions(contract.imports))
    closure = find_imports(root, path.relative_to(root).as_posix())
    return closure.local, _without_own(find_distributions(closure.external))


def _without_own(distributions: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in distributions if name != "dvc-mlops-kit")


def _checked_renames(name: str, use: StepUse, contract: StepContract) -> Mapping[str, str]:
    for given, refs, what in (
        (use.inputs, contract.inputs, "inputs"),
        (use.outputs, contract.outputs, "outputs"),
    ):
        unknown = set(given) - {ref.name for ref in refs}
        if unknown:
            known = ", ".join(ref.name for ref in refs) or "none"
            raise SpecError(
                f"step `{name}`: `{what}` renames {', '.join(sorted(unknown))}, its {what} are: {known}",
                where=WHERE,
            )
    return use.inputs


def _sections(sources: Sources, name: str, contract: StepContract) -> tuple[str, ...]:
    if contract.params_class is None:
        return ()
    _require_section(sources, name, name)
    return (name,)


def _require_section(sources: Sources, name: str, section: str) -> None:
    if section not in sources.params:
        raise SpecError(
            f"params.yaml has no section `{section}`, which step `{name}` reads",
            where="params.yaml",
            fix=f"add `{section}: {{}}` to params.yaml to take the defaults",
        )


def _input_files(sources: Sources, name: str, contract: StepContract) -> tuple[list[str], list[str]]:
    section = sources.params.get(name) or {}
    files: list[str] = []
    packages: list[str] = []
    for field in contract.input_files:
        value = section.get(field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item.startswith("package:"):
                packages.append(item.removeprefix("package:").split("/")[0].lower().replace("_", "-"))
            elif isinstance(item, str):
                files.append(item)
    return files, packages


def _unique(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
