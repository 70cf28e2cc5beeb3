"""Free answers against the JSON Schema of their task; needs the package jsonschema, which the extra `labels` brings."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from mlops_kit.errors import SpecError
from mlops_kit.labels.events.values import Fault
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

SchemaCheck: TypeAlias = Callable[[JsonValue], tuple[Fault, str] | None]


def schema_check(root: Path, task: LabelTask) -> SchemaCheck | None:
    """Return what finds the fault of an answer to the `json` task `task`, None when jsonschema is not installed or the task has no schema.

    A schema that names another one by an address is not fetched: answers that need it do not fit. Raises SpecError for a schema that is
    missing or cannot be used.
    """
    if task.type != "json" or not task.json_schema:
        return None
    try:
        validators, referencing = import_module("jsonschema.validators"), import_module("referencing")
    except ImportError:
        return None
    schema = _read(root / task.json_schema, task.json_schema)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except import_module("jsonschema.exceptions").SchemaError as error:
        raise SpecError(f"no JSON Schema: {error.message[:200]}", where=task.json_schema) from None
    # A registry that knows nothing: the default one would fetch addresses from the network.
    judge = kind(schema, registry=referencing.Registry())
    return lambda value: _fault(judge, value)


def _fault(judge: Any, value: JsonValue) -> tuple[Fault, str] | None:
    wrong = import_module("referencing.exceptions").Unresolvable
    try:
        errors = sorted(judge.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except (wrong, RecursionError) as error:
        return "outside_task", f"the schema cannot be followed: {error}"[:300]
    if not errors:
        return None
    place = "/".join(map(str, errors[0].absolute_path))
    return "outside_task", f"{place or 'the answer'} breaks the schema by `{errors[0].validator}`"[:300]


def _read(path: Path, name: str) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(
            "no such file", where=name, fix="write it, or name another one in json_schema"
        ) from None
    except ValueError as error:
        raise SpecError(f"no JSON: {error}", where=name) from None
