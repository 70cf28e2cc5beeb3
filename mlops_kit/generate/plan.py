"""From declarations to stages: what DVC is to be told about each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.kinds import KINDS, Kind
from mlops_kit.data.rules.model import read_rules
from mlops_kit.errors import SpecError
from mlops_kit.generate.packages import Packages, UsedPackages, find_packages, python_version
from mlops_kit.generate.references import referenced_tables, table_paths
from mlops_kit.spec.model import Lifecycle, StepResources, StepUse
from mlops_kit.steps.catalog import CATALOG, module_file
from mlops_kit.steps.closure import Folders, ImportClosure, find_closure, imported_modules, merge_closures
from mlops_kit.steps.contract import StepContract, read_contract
from mlops_kit.steps.declared import declared_files

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
    code: ImportClosure | None = None
    """What its step's file imports; None for built-in steps and commands."""
    used: UsedPackages | None = None
    """What its imports come to; None for a command."""
    frozen: bool = False
    """Whether it runs on purpose only."""
    judges: bool = False
    """Whether it judges rows by schema.yaml, with its foreign keys."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """What it needs while it runs, as far as mlops.yaml says so."""

    @property
    def is_python(self) -> bool:
        """Return whether the stage runs a step, so that the version of Python is a dependency."""
        return self.used is not None


@dataclass(frozen=True)
class Sources:
    """What planning reads: the project's folder and its loaded files."""

    root: Path
    lifecycle: Lifecycle
    params: Mapping[str, Any]
    """Sections of params.yaml."""


@dataclass(frozen=True)
class Plan:
    """The stages of a project and what was looked up for them."""

    stages: tuple[Stage, ...]
    """In the order of mlops.yaml."""
    packages: Packages
    """Where versions come from."""


def plan_stages(sources: Sources) -> Plan:
    """Return the stages of a project.

    Raises SpecError for an unknown step, a missing params section, a step file that cannot be read; StaleError for a package that is
    neither locked nor installed.
    """
    packages = find_packages(sources.root, sources.lifecycle.runtime.lock, python_version(sources.root))
    planner = _Planner(sources, packages, Folders(sources.root))
    stages = [planner.plan(name, use) for name, use in sources.lifecycle.steps.items()]
    return Plan(tuple(_with_references(sources.root, stages)), packages)


def _with_references(root: Path, stages: Sequence[Stage]) -> list[Stage]:
    """Add the tables of foreign keys to what stages that judge rows read."""
    if not any(stage.judges for stage in stages):
        return list(stages)
    paths = table_paths(
        root, referenced_tables(root), [out.path for stage in stages for out in stage.outputs]
    )
    made = []
    for stage in stages:
        others = [path for path in paths if path not in {out.path for out in stage.outputs}]
        made.append(
            replace(stage, deps=_unique([*stage.deps, *others])) if stage.judges and others else stage
        )
    return made


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


def _hints(use: StepUse) -> dict[str, Any]:
    """Return the resources that differ from what every stage has."""
    usual = StepResources()
    named = {one.name: getattr(use.resources, one.name) for one in fields(usual)}
    return {name: value for name, value in named.items() if value != getattr(usual, name)}


@dataclass(frozen=True)
class _Planner:
    sources: Sources
    packages: Packages
    folders: Folders

    def plan(self, name: str, use: StepUse) -> Stage:
        owner = use.owner or self.sources.lifecycle.project.owner
        if use.cmd is not None:
            return self._command(name, use, owner)
        if use.uses is None:
            raise SpecError(
                f"step `{name}` has neither `uses` nor `cmd`",
                where=WHERE,
                fix="add `uses: <step>` or `cmd: <command>`",
            )
        module, path, built_in = resolve_step(self.sources.root, name, use.uses)
        contract = read_contract(path)
        _check_renames(name, use, contract)
        files = declared_files(contract, use, self.sources.params.get(name))
        starts = [*([] if built_in else [use.uses, *use.deps]), *files.functions]
        self._check_rules(name, contract, files.functions)
        code = self._closure(starts) if starts else None
        kinds = [KINDS[ref.kind] for ref in (*contract.inputs, *contract.outputs)]
        used = self.packages.used_by(
            (*(imported_modules(path) if built_in else ()), *(code.external if code else ())),
            () if code is None else code.optional,
            [*(p for kind in kinds for p in kind.packages), *(("pandas",) if files.functions else ())],
            files.packages,
        )
        return Stage(
            name=name,
            cmd=f"python -m {module}" + ("" if contract.function == name else f" {name}"),
            description=contract.summary,
            owner=owner,
            deps=_unique([*(code.local if code else ()), *files.reads]),
            params=_sections(self.sources, name, contract),
            task="task" in contract.spec_inputs,
            outputs=tuple(
                StageOutput(written, KINDS[ref.kind])
                for written, ref in zip(files.writes, contract.outputs, strict=True)
            ),
            contract=contract.version if built_in else None,
            judges=bool(contract.input_rules),
            packages=used.names,
            code=code,
            used=used,
            frozen=contract.frozen,
            resources=_hints(use),
        )

    def _check_rules(self, name: str, contract: StepContract, functions: Sequence[str]) -> None:
        """Raise SpecError for rules that cannot be read, before a run finds out after an hour."""
        section = self.sources.params.get(name)
        for one in contract.input_rules:
            items = section.get(one) if isinstance(section, Mapping) else None
            read_rules(items if isinstance(items, list) else (), stage=name)
        for path in functions:
            if not (self.sources.root / path).is_file():
                raise SpecError(
                    f"`{name}` calls functions of {path}, which is not there",
                    where="params.yaml",
                    fix=f"create {path}, or change what the section `{name}` names",
                )

    def _command(self, name: str, use: StepUse, owner: str) -> Stage:
        if use.uses is not None:
            raise SpecError(f"step `{name}` has both `uses` and `cmd`", where=WHERE, fix="keep one of them")
        if not use.cmd or not use.cmd.strip():
            raise SpecError(f"step `{name}` has an empty `cmd`", where=WHERE)
        outs = [StageOutput(path, Kind("out", path)) for path in use.outs]
        metrics = [
            StageOutput(path, Kind("metric", path, section="metrics", cache=False)) for path in use.metrics
        ]
        for section in use.params:
            _require_section(self.sources, name, section)
        code = self._closure(use.deps, use.cmd)
        return Stage(
            name,
            use.cmd,
            "",
            owner,
            _unique([*use.deps, *code.local]),
            use.params,
            task=False,
            outputs=(*outs, *metrics),
            contract=None,
            packages=(),
            code=code,
            resources=_hints(use),
        )

    def _closure(self, files: Sequence[str], cmd: str = "") -> ImportClosure:
        """Return what the Python files among `files` import together; those that `cmd` names are run as scripts."""
        root = self.sources.root
        programs = [path for path in files if path.endswith(".py") and (root / path).is_file()]
        words = {word.removeprefix("./") for word in cmd.split()}
        return merge_closures(
            [find_closure(root, path, folders=self.folders, script=path in words) for path in programs]
        )


def _check_renames(name: str, use: StepUse, contract: StepContract) -> None:
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


def _unique(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
