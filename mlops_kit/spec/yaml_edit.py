"""Setting single values in a YAML file: everything else, comments and layout included, keeps its bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops_kit.errors import SpecError
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.yamlfile import dump_yaml

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def set_values(text: str, values: Mapping[str, JsonValue], *, where: str) -> str:
    """Return the YAML `text` with the scalar at each dotted name set, the last part of a name added where only its mapping exists.

    Raises SpecError when a name leads to no mapping, or to a value that is none of text, number, truth and nothing.
    """
    for name, value in values.items():
        text = _set_value(text, name, value, where)
    return text


def add_entry(text: str, name: str, value: Mapping[str, JsonValue], *, where: str) -> str:
    """Return the YAML `text` with a mapping of scalars and lists, written on one line, at the dotted `name`, which must not be there yet.

    The mapping that it goes into is added where that is missing too. Raises SpecError when `name` is there, or leads elsewhere.
    """
    import yaml

    outer, _, key = name.rpartition(".")
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    found: list[tuple[Any, Any]] = node.value if isinstance(node, yaml.MappingNode) else []
    inner = next((item for one, item in found if one.value == outer), None)
    line = f"{_scalar(key)}: {_flow(value)}"
    if inner is None:
        return f"{text.rstrip()}\n{_scalar(outer)}:\n  {line}\n"
    if not isinstance(inner, yaml.MappingNode) or any(one.value == key for one, _ in inner.value):
        raise SpecError(f"`{name}` is there already, or `{outer}` is no mapping", where=where)
    return _insert(text, inner, line)


def _flow(value: Mapping[str, JsonValue]) -> str:
    import yaml

    made: str = yaml.safe_dump(
        dict(value), default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return made.strip()


def _set_value(text: str, name: str, value: JsonValue, where: str) -> str:
    import yaml

    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    parts = name.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(node, yaml.MappingNode):
            raise SpecError(
                f"`{'.'.join(parts[:depth]) or 'the file'}` is no mapping", where=where, fix=f"add `{name}`"
            )
        inner = next((item for key, item in node.value if key.value == part), None)
        if inner is None and depth == len(parts) - 1:
            return _add(text, node, part, value)
        if inner is None:
            raise SpecError(f"there is no `{'.'.join(parts[: depth + 1])}`", where=where, fix=f"add `{name}`")
        node = inner
    if not isinstance(node, yaml.ScalarNode):
        raise SpecError(f"`{name}` is not a single value", where=where)
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    return text[:start] + _scalar(value) + text[end:]


def _add(text: str, mapping: Any, key: str, value: JsonValue) -> str:
    return _insert(text, mapping, f"{_scalar(key)}: {_scalar(value)}")


def _insert(text: str, mapping: Any, entry: str) -> str:
    if mapping.flow_style:
        end = int(mapping.end_mark.index) - 1
        return text[:end].rstrip() + (", " if mapping.value else "") + entry + text[end:]
    last, column = int(mapping.value[-1][1].end_mark.index), int(mapping.start_mark.column)
    before = text[:last].rstrip()
    line_end = text.find("\n", len(before))  # behind a comment on the last line
    at = len(text) if line_end < 0 else line_end
    return text[:at] + "\n" + " " * column + entry + text[at:]


def _scalar(value: JsonValue) -> str:
    """Return a value as it can stand in a block and between braces alike, where `,`, `?` and `}` end a plain text."""
    import yaml

    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
        return quoted.rstrip("\n")
    return dump_yaml({"a": value}).strip().removeprefix("a: ")
