"""GitHub's published OpenAPI description: finds the operation of a request and checks bodies against its schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

URN = "urn:github"
METHODS = ("get", "post", "put", "patch", "delete")
DEPTH = 8


@dataclass(frozen=True)
class Operation:
    """One operation of the description, with the arguments in the path."""

    id: str
    spec: dict[str, Any]
    arguments: dict[str, str]


class Description:
    """The description, loaded once."""

    def __init__(self, path: Path) -> None:
        self._doc = orjson.loads(path.read_bytes())
        _use_null_types(self._doc)
        resource = Resource(contents=_absolute_refs(self._doc), specification=DRAFT202012)
        self._registry: Any = Registry().with_resource(URN, resource)
        self._routes = sorted(
            (
                (template.count("{"), method.upper(), _expression(template), spec[method])
                for template, spec in self._doc["paths"].items()
                for method in METHODS
                if method in spec
            ),
            key=lambda route: route[0],
        )

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation of a request, None when GitHub has none."""
        for _, wanted, expression, spec in self._routes:
            if wanted == method and (found := expression.fullmatch(path)):
                return Operation(spec["operationId"], spec, found.groupdict())
        return None

    def check_request(self, operation: Operation, body: Any) -> list[str]:
        """Return what is wrong with a request body; properties that GitHub does not know count as wrong."""
        declared = operation.spec.get("requestBody")
        schema = _json_schema(self._follow(declared)) if declared else None
        if schema is None:
            return []
        if body is None:
            return ["a body is required"] if self._follow(declared).get("required") else []
        known = self._follow(schema).get("properties")
        unknown = (
            [f"unknown property {name}" for name in body if known and name not in known]
            if isinstance(body, dict)
            else []
        )
        return [*self._errors(schema, body), *unknown]

    def complete(self, operation: Operation, status: int, value: Any) -> tuple[Any, list[str]]:
        """Return the answer with every required field filled in, and what is wrong with it."""
        answers = operation.spec.get("responses", {})
        if str(status) not in answers:
            return value, [f"status {status} is not documented"]
        schema = _json_schema(self._follow(answers[str(status)]))
        if schema is None:
            return value, []
        filled = self._fill(schema, value, "", 0)
        return filled, self._errors(schema, filled)

    def _errors(self, schema: dict[str, Any], value: Any) -> list[str]:
        validator = Draft202012Validator(_absolute_refs(schema), registry=self._registry)
        return [
            f"{'/'.join(map(str, error.path))}: {error.message}"[:200]
            for error in validator.iter_errors(value)
        ]

    def _follow(self, node: Any) -> Any:
        while "$ref" in node:
            target: Any = self._doc
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def _fill(self, schema: Any, value: Any, name: str, depth: int) -> Any:
        node = self._follow(schema)
        for part in node.get("allOf", []):
            value = self._fill(part, value, name, depth)
        options = node.get("anyOf") or node.get("oneOf")
        if options:
            if value is None and any(self._follow(option).get("type") == "null" for option in options):
                return None
            return self._fill(options[0], value, name, depth)
        kinds = node.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if value is None and "object" not in kinds and "properties" not in node:
            return _default(node, kinds, name)
        if "array" in kinds and isinstance(value, list):
            return [self._fill(node.get("items", {}), item, name, depth + 1) for item in value]
        if "object" in kinds or "properties" in node:
            return (
                None
                if value is None and "null" in kinds
                else self._fill_object(node, dict(value or {}), depth)
            )
        return value

    def _fill_object(self, node: Any, value: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = node.get("properties", {})
        for key in {
            *node.get("required", []),
            *(k for k, v in value.items() if k in properties and isinstance(v, dict | list)),
        }:
            if depth < DEPTH:
                value[key] = self._fill(properties.get(key, {}), value.get(key), key, depth + 1)
        return value


def _default(node: Any, kinds: list[Any], name: str) -> Any:
    if "null" in kinds:
        return None
    if "default" in node or "enum" in node:
        return node.get("default", node.get("enum", [None])[0])
    if "string" in kinds:
        if node.get("format") == "date-time":
            return "2026-01-01T00:00:00Z"
        return (
            f"http://127.0.0.1/{name}" if node.get("format") == "uri" or name.endswith("url") else name or "x"
        )
    return {"integer": 0, "number": 0, "boolean": False, "array": []}.get(kinds[0])


def _json_schema(node: Any) -> dict[str, Any] | None:
    schema: dict[str, Any] | None = node.get("content", {}).get("application/json", {}).get("schema")
    return schema


def _expression(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    made = "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>{'.+' if part in ('path', 'ref') else '[^/]+'})"
        for index, part in enumerate(parts)
    )
    return re.compile(made)


def _absolute_refs(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: f"{URN}{item}"
            if key == "$ref" and isinstance(item, str) and item.startswith("#")
            else _absolute_refs(item)
            for key, item in node.items()
        }
    return [_absolute_refs(item) for item in node] if isinstance(node, list) else node


def _use_null_types(root: Any) -> None:
    """Rewrite OpenAPI 3.0's `nullable: true` as JSON Schema says it."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if node.get("nullable") is True:
                del node["nullable"]
                if isinstance(node.get("type"), str):
                    node["type"] = [node["type"], "null"]
                    if "enum" in node:
                        node["enum"] = [*node["enum"], None]
                else:
                    inner = dict(node)
                    node.clear()
                    node["anyOf"] = [inner, {"type": "null"}]
            stack.extend(node.values())
