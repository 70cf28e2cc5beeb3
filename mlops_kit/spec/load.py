"""Loading the project files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from mlops_kit.errors import SpecError, UsageError
from mlops_kit.spec.build import build
from mlops_kit.spec.column_checks import check_column
from mlops_kit.spec.column_checks import check_that as _check
from mlops_kit.spec.label_checks import check_task
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.model import Kpis, Lifecycle, Schema
from mlops_kit.spec.names import KPIS, LABELLING, LIFECYCLE, PARAMS, SCHEMA
from mlops_kit.spec.yamlfile import YamlDocument, compose_yaml

__all__ = ["KPIS", "LABELLING", "LIFECYCLE", "PARAMS", "SCHEMA"]  # and what is defined here

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


def load_lifecycle(text: str, *, where: str = LIFECYCLE) -> Lifecycle:
    """Return mlops.yaml as a value. Raises SpecError with file and line when it cannot be used."""
    document = compose_yaml(text, where=where)
    lifecycle = build(Lifecycle, document)
    _check(
        document,
        ("project", "name"),
        _NAME.fullmatch(lifecycle.project.name),
        "letters, digits, dots, dashes and underscores",
    )
    branch = lifecycle.project.default_branch
    _check(document, ("project", "default_branch"), _BRANCH.fullmatch(branch), "a branch name such as `main`")
    _check(document, ("task", "key"), lifecycle.task.key, "at least one column")
    _check(document, ("runtime", "threads"), lifecycle.runtime.threads >= 1, "1 or more")
    for stage in lifecycle.steps:
        _check(
            document,
            ("steps", stage),
            _NAME.fullmatch(stage),
            "a stage name of letters, digits, dots, dashes and underscores",
        )
    return lifecycle


def load_kpis(text: str, *, where: str = KPIS) -> Kpis:
    """Return kpis.yaml as a value. Raises SpecError with file and line when it cannot be used."""
    document = compose_yaml(text, where=where)
    kpis = build(Kpis, document)
    _check(document, ("confidence",), 0.5 < kpis.confidence < 1, "between 0.5 and 1")
    for index, kpi in enumerate(kpis.kpis):
        bound = kpi.min is not None or kpi.max is not None or kpi.max_worsening is not None
        _check(document, ("kpis", index), bound, "a promise with `min`, `max` or `max_worsening`")
        _check(document, ("kpis", index, "max_worsening"), (kpi.max_worsening or 0) >= 0, "0 or more")
        lone = kpi.against == "production" and kpi.max_worsening is None
        _check(document, ("kpis", index, "against"), not lone, "used together with `max_worsening`")
        wide = kpi.slice is not None and kpi.max_worsening is not None
        _check(
            document,
            ("kpis", index, "max_worsening"),
            not wide,
            "left out of a promise with `slice`, which has `min` or `max`",
        )
        empty = kpi.min is not None and kpi.max is not None and kpi.min > kpi.max
        _check(document, ("kpis", index, "min"), not empty, "at most `max`")
    rev = kpis.production
    _check(
        document,
        ("production",),
        rev is None or (rev.strip() and not rev.startswith("-")),
        "a revision such as a tag or a branch",
    )
    return kpis


def load_schema(text: str, *, where: str = SCHEMA) -> Schema:
    """Return schema.yaml as a value. Raises SpecError with file and line when it cannot be used."""
    document = compose_yaml(text, where=where)
    schema = build(Schema, document)
    _check(document, ("columns",), schema.columns, "at least one column")
    _check(document, ("max_quarantine",), 0 <= schema.max_quarantine <= 1, "between 0 and 1")
    seen: dict[str, str] = {}
    for name, column in schema.columns.items():
        twin = seen.setdefault(name.casefold(), name)
        _check(document, ("columns", name), twin == name, f"another name: `{twin}` differs in case alone")
        check_column(document, name, column)
    low, high = schema.rows.min, schema.rows.max
    _check(
        document, ("rows", "min"), low >= 0 and (high is None or low <= high), "0 or more, and at most `max`"
    )
    if schema.freshness is not None:
        timed = schema.columns.get(schema.freshness.column)
        fits = timed is not None and timed.type == "timestamp"
        _check(document, ("freshness", "column"), fits, "a timestamp column of `columns`")
        _check(document, ("freshness", "max_age_days"), schema.freshness.max_age_days > 0, "more than 0")
    return schema


def load_labelling(text: str, *, where: str = LABELLING) -> Labelling:
    """Return labels/labels.yaml as a value. Raises SpecError with file and line when it cannot be used."""
    document = compose_yaml(text, where=where)
    labelling = build(Labelling, document)
    _check(document, ("tasks",), labelling.tasks, "at least one task")
    for name, task in labelling.tasks.items():
        _check(
            document,
            ("tasks", name),
            _NAME.fullmatch(name),
            "a name of letters, digits, dots, dashes and underscores",
        )
        check_task(document, name, task)
    for name, annotator in labelling.annotators.items():
        here = ("annotators", name)
        _check(
            document,
            here,
            _NAME.fullmatch(name),
            "a pseudonym of letters, digits, dots, dashes and underscores",
        )
        _check(document, (*here, "trust"), annotator.trust >= 0, "0 or more")
        unknown = [task for task in annotator.tasks if task not in labelling.tasks]
        _check(document, (*here, "tasks"), not unknown, f"tasks of this file ({', '.join(labelling.tasks)})")
    return labelling


def load_params(text: str, *, where: str = PARAMS) -> dict[str, Any]:
    """Return params.yaml as section -> values. Raises SpecError with file and line when it is not a mapping of sections."""
    document = compose_yaml(text, where=where)
    value = document.value or {}
    if not isinstance(value, dict):
        raise SpecError(
            "not a mapping of sections",
            where=document.place(()),
            fix="one section per stage: `train:` and so on",
        )
    return value


def load_dataclass(cls: type[T], value: Any, *, where: str) -> T:
    """Return the plain `value` (a params section) as an instance of the dataclass `cls`; `where` names it in messages.

    Raises SpecError for unknown keys, missing keys and values of the wrong type.
    """
    return build(cls, YamlDocument(value, {}, where))


def read_lifecycle(root: Path) -> Lifecycle:
    """Return the lifecycle of the project at `root`. Raises UsageError when there is no mlops.yaml, SpecError when it is bad."""
    if not (root / LIFECYCLE).exists():
        raise UsageError(
            f"no {LIFECYCLE} in {root}: this is not the folder of an mlops-kit project",
            fix="cd into the project, or make one: mlops-kit init NAME",
        )
    return load_lifecycle(_read(root, LIFECYCLE))


def read_params(root: Path) -> dict[str, Any]:
    """Return the params of the project at `root`; empty when it has no params.yaml."""
    return load_params(_read(root, PARAMS)) if (root / PARAMS).exists() else {}


def read_kpis(root: Path) -> Kpis:
    """Return the KPI contract of the project at `root`."""
    return load_kpis(_read(root, KPIS))


def read_schema(root: Path) -> Schema:
    """Return the data contract of the project at `root`."""
    return load_schema(_read(root, SCHEMA))


def read_labelling(root: Path) -> Labelling:
    """Return what is labelled in the project at `root`."""
    return load_labelling(_read(root, LABELLING))


def _read(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            "no such file",
            where=str(root / name),
            fix=f"create {name}, or restore it: git checkout -- {name}",
        ) from None
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 (byte {error.start})", where=name, fix="save the file as UTF-8") from None
