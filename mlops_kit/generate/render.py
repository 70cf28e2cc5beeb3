"""Stages as the text of dvc.yaml and .mlops/provenance.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_kit.generate.packages import Packages
from mlops_kit.generate.plan import Stage, StageOutput
from mlops_kit.spec.names import PROVENANCE
from mlops_kit.spec.yamlfile import dump_yaml
from mlops_kit.steps.recorded import foreign_modules

PIPELINE = "dvc.yaml"


def render_pipeline(stages: Sequence[Stage]) -> str:
    """Return the text of dvc.yaml for `stages`."""
    return dump_yaml({"stages": {stage.name: _stage(stage) for stage in stages}})


def render_provenance(stages: Sequence[Stage], packages: Packages, *, threads: int) -> str:
    """Return the text of .mlops/provenance.yaml: what else can change a result, by the keys that stages name in dvc.yaml.

    Below these stands what a stage's start is checked against: which packages each stage uses, which modules its code imports, which
    it tries to import in vain, and on which platforms a package is needed when that is not everywhere.
    """
    used = sorted({package for stage in stages for package in stage.packages})
    some = {package: list(packages.platforms(package)) for package in used if packages.platforms(package)}
    lists = {
        "platforms": some,
        "stages": {stage.name: list(stage.packages) for stage in stages if stage.packages},
        "imports": {
            stage.name: list(foreign_modules(stage.code))
            for stage in stages
            if stage.code and stage.is_python
        },
        "absent": {
            stage.name: list(stage.used.absent) for stage in stages if stage.used and stage.used.absent
        },
    }
    return dump_yaml(
        {
            "runtime": {"threads": threads, "python": packages.python},
            "contracts": {stage.name: stage.contract for stage in stages if stage.contract is not None},
            "packages": {package: packages.version(package) for package in used},
            **({"lock": packages.lock.path} if packages.lock else {}),
            **{name: value for name, value in lists.items() if value},
        }
    )


def _stage(stage: Stage) -> dict[str, Any]:
    entry: dict[str, Any] = {"cmd": stage.cmd}
    if stage.description:
        entry["desc"] = stage.description
    if stage.deps:
        entry["deps"] = sorted(stage.deps)
    entry["params"] = _params(stage)
    for section in ("outs", "metrics", "plots"):
        items = [_output(output) for output in stage.outputs if output.kind.section == section]
        if items:
            entry[section] = items
    if stage.frozen:
        entry["frozen"] = True
    meta: dict[str, Any] = {"owner": stage.owner} if stage.owner else {}
    if stage.resources:
        meta["mlops-kit"] = dict(stage.resources)
    if meta:
        entry["meta"] = meta
    return entry


def _params(stage: Stage) -> list[Any]:
    named: list[Any] = list(stage.params)
    if stage.task:
        named.append({"mlops.yaml": ["task"]})
    keys = [f"contracts.{stage.name}"] if stage.contract is not None else []
    keys += [f"packages.{package}" for package in stage.packages]
    python = ["runtime.python"] if stage.is_python else []
    named.append({PROVENANCE: [*keys, *python, "runtime.threads"]})
    return named


def _output(output: StageOutput) -> Any:
    options: dict[str, Any] = {} if output.kind.cache else {"cache": False}
    if output.kind.type:
        options["type"] = output.kind.type
    if output.kind.section == "plots":
        options |= {"x": "x", "y": "y"}
    return {output.path: options} if options else output.path
