"""The files of a new project, from a template kind and what was inferred from a data file. Pure: {path: content} out."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import quoted
from mlops_kit.outside.distributions import version_of
from mlops_kit.outside.resources import render_template, templates_root
from mlops_kit.project.infer import Inferred
from mlops_kit.spec.docs import field_docs
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.model import Column, Kpis, Lifecycle, Schema
from mlops_kit.spec.yamlfile import dump_yaml, parse_yaml

PINNED = ("dvc-mlops-kit", "dvc", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
TEXTS = {
    "README.md": "README.md",
    "pyproject.toml.in": "pyproject.toml",
    "gitignore": ".gitignore",
    "gitattributes": ".gitattributes",
    "dvcignore": ".dvcignore",
    "guidelines.md": "labels/guidelines.md",
    "label-events.md": "labels/events/README.md",
    "label-gitignore": "labels/.gitignore",
    "test_project.py": "tests/test_project.py",
}
DVC_FILES = {
    ".dvc/config": "[core]\n    analytics = false\n    remote = store\n['remote \"store\"']\n    url = store\n    verify = true\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n/store\n",
}


@dataclass(frozen=True)
class Plan:
    """What a new project is made of."""

    title: str
    task: Mapping[str, Any]
    steps: Mapping[str, Any]
    params: Mapping[str, Any]
    kpis: Mapping[str, Any]
    schema: Mapping[str, Any]
    data: Path
    """The data file that is copied to data/source/."""
    eject: tuple[str, ...]
    """Stages whose step becomes a file of the project."""


def plan_example(kind: str = "flights") -> Plan:
    """Return the plan of an example project of the template `kind`."""
    folder = templates_root() / "kinds" / kind
    merged = _merge(_read_kind("common/kind.yaml"), _read_kind(f"kinds/{kind}/kind.yaml"))
    data = folder / merged["data"]
    merged["params"]["acquire"] = {"source": f"data/source/{data.name}", **merged["params"]["acquire"]}
    return Plan(
        merged["title"],
        merged["task"],
        merged["steps"],
        merged["params"],
        merged["kpis"],
        merged["schema"],
        data,
        tuple(merged["eject"]),
    )


def plan_from_data(data: Path, target: str, inferred: Inferred) -> Plan:
    """Return the plan of a project around a data file."""
    merged = _merge(_read_kind("common/kind.yaml"), _read_kind("kinds/tabular/kind.yaml"))
    classification = inferred.kind == "classification"
    label = f"{target}_label"
    if not classification:
        merged["steps"]["evaluate"] = {"uses": "evaluate.regression"}
    params = merged["params"]
    params["acquire"] = {"source": f"data/source/{data.name}", "by_month": inferred.time is not None}
    params["label"] = inferred.label
    params["evaluate"] = {
        **params["evaluate"],
        **({"threshold": 0.5} if classification else {}),
        "slices": list(inferred.slices),
    }
    headline = "roc_auc" if classification else "rmse"
    kpis = {
        "kpis": [
            {"metric": headline, "max_worsening": 0.01} if classification else {"metric": "r2", "min": 0.0},
            {"metric": "quarantine_share", "max": 0.05},
        ]
    }
    task = {
        "kind": inferred.kind,
        "target": label,
        "key": list(inferred.key),
        **({"time": inferred.time} if inferred.time else {}),
    }
    schema = {"max_quarantine": 0.05, "columns": plain_columns(inferred.columns)}
    title = f"Predict `{target}` from {data.name}."
    return Plan(title, task, merged["steps"], params, kpis, schema, data, tuple(merged["eject"]))


def this_python() -> str:
    """Return the version of the running Python as a project pins it, such as 3.13."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def project_files(name: str, plan: Plan, *, owner: str = "", python: str = "") -> dict[str, str]:
    """Return path -> text of the files that people own in a new project (the data file and generated files come beside).

    `python` is the version that the project pins, the running one if empty.
    """
    python = python or this_python()
    lifecycle = {
        "version": 1,
        "project": {"name": name, "description": plan.title, **({"owner": owner} if owner else {})},
        "task": dict(plan.task),
        "steps": dict(plan.steps),
        "ci": {"python": python},
    }
    names = {
        "name": name,
        "title": plan.title,
        "target": str(plan.task["target"]),
        "column": str(plan.params["label"]["column"]),
        "python": python,
        "pins": "\n".join(f'  "{package}=={version_of(package)}",' for package in PINNED),
    }
    texts = {target: _render(source, names) for source, target in TEXTS.items()}
    return {
        "mlops.yaml": _commented(lifecycle, Lifecycle, "mlops"),
        "params.yaml": "# One section for each stage of mlops.yaml; what a key means stands in the step: mlops-kit help steps\n"
        + dump_yaml(dict(plan.params)),
        "kpis.yaml": _commented(plan.kpis, Kpis, "kpis"),
        "schema.yaml": _commented(plan.schema, Schema, "schema"),
        "labels/labels.yaml": _commented(_labelling(plan), Labelling, "labels", up="../"),
        **DVC_FILES,
        **texts,
    }


def _labelling(plan: Plan) -> dict[str, Any]:
    """Return what people are asked in a new project: the target of the rows whose column says nothing."""
    target, column = str(plan.task["target"]), str(plan.params["label"]["column"])
    answers: dict[str, Any] = (
        {"type": "class", "classes": ["1", "0"]}
        if plan.task["kind"] == "classification"
        else {"type": "number"}
    )
    task = {
        **answers,
        "question": f"What is `{target}` of this row?",
        "where": f"{quoted(column)} IS NULL",
        "votes": 1,
    }
    return {"version": 1, "tasks": {_task_name(target): task}, "annotators": {}}


def _task_name(target: str) -> str:
    """Return the target's name as a task of labels.yaml can have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", target).lstrip("._-") or "target"


def _render(source: str, names: dict[str, str]) -> str:
    text = (templates_root() / "common" / source).read_text(encoding="utf-8")
    return render_template(
        f"common/{source}", **{key: value for key, value in names.items() if f"@@{key}@@" in text}
    )


def _commented(value: Mapping[str, Any], cls: type, schema: str, up: str = "") -> str:
    """Return `value` as YAML with the documentation of each top-level key above it."""
    docs = field_docs(cls)
    parts = [f"# yaml-language-server: $schema={up}.mlops/schema/{schema}.json\n"]
    parts += [f"# {docs[key]}\n{dump_yaml({key: item})}" for key, item in value.items()]
    return "\n".join(parts)


def _read_kind(path: str) -> dict[str, Any]:
    value: dict[str, Any] = parse_yaml((templates_root() / path).read_text(encoding="utf-8"), where=path)
    return value


def _merge(base: Any, top: Any) -> Any:
    if isinstance(base, dict) and isinstance(top, dict):
        return {key: _merge(base.get(key), top[key]) if key in top else base[key] for key in {**base, **top}}
    return base if top is None else top


def plain_columns(columns: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """Return a data contract as plain values, without what is the default."""
    return {name: _without_defaults(asdict(column), column) for name, column in columns.items()}


def renamed_files() -> dict[str, str]:
    """Return old path -> new path of the files that the templates made under another name before."""
    renamed: dict[str, str] = _read_kind("common/kind.yaml").get("renamed") or {}
    return renamed


def _without_defaults(value: dict[str, Any], column: Any) -> dict[str, Any]:
    defaults = {item.name: item.default for item in fields(column)}
    return {
        key: list(item) if isinstance(item, tuple) else item
        for key, item in value.items()
        if item != defaults[key]
    }
