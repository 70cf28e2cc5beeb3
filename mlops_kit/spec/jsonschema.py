"""JSON Schema of the project files, so that editors complete and check them."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from mlops_kit.spec.build import field_types
from mlops_kit.spec.docs import class_doc, field_docs
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.model import Kpis, Lifecycle, Schema

FILES: dict[str, type] = {"mlops": Lifecycle, "kpis": Kpis, "schema": Schema, "labels": Labelling}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_for(cls: type) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dataclass, descriptions taken from the docstrings under its fields."""
    return {"$schema": DIALECT, **_schema(cls)}


def schema_files() -> dict[str, str]:
    """Return path -> text of the JSON Schema files of a project."""
    return {
        f".mlops/schema/{name}.json": json.dumps(schema_for(cls), indent=2) + "\n"
        for name, cls in FILES.items()
    }


def _schema(wanted: Any) -> dict[str, Any]:
    origin = get_origin(wanted)
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _object(wanted)
    if origin is Literal:
        return {"enum": list(get_args(wanted))}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(option) for option in get_args(wanted)]}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(wanted)[0])}
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(get_args(wanted)[1])}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": names[wanted]} if wanted in names else {}


def _object(cls: type) -> dict[str, Any]:
    hints, docs = field_types(cls), field_docs(cls)
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    properties = {
        f.name: {
            "description": docs[f.name],
            **_schema(hints[f.name]),
            **({} if f.default in (MISSING, None, ()) else {"default": f.default}),
        }
        for f in fields(cls)
    }
    return {
        "description": class_doc(cls),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
