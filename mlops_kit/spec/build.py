"""Plain values into frozen dataclasses, by their own type annotations; the one builder for all project files and step params."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mlops_kit.errors import SpecError
from mlops_kit.spec.yamlfile import Path, YamlDocument

T = TypeVar("T")


def build(cls: type[T], document: YamlDocument, path: Path = ()) -> T:
    """Return the part of `document` at `path` as an instance of the dataclass `cls`.

    Raises SpecError, naming file, line and what mends it, for unknown keys, missing keys and values of the wrong type.
    """
    value = document.value
    for key in path:
        value = value[key]
    result: T = _Builder(document).convert(cls, {} if value is None else value, path)
    return result


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Return field name -> resolved type annotation of a dataclass."""
    return get_type_hints(cls)


class _Builder:
    def __init__(self, document: YamlDocument) -> None:
        self._document = document

    def _error(self, message: str, path: Path, fix: str = "") -> SpecError:
        return SpecError(message, where=self._document.place(path), fix=fix)

    def convert(self, wanted: Any, value: Any, path: Path) -> Any:
        origin = get_origin(wanted)
        if wanted is Any:
            return value
        if isinstance(wanted, type) and is_dataclass(wanted):
            return self._dataclass(wanted, value, path)
        if origin in (Union, types.UnionType):
            return self._union(wanted, value, path)
        if origin is Literal:
            return self._literal(wanted, value, path)
        if origin is tuple:
            self._expect(isinstance(value, list), wanted, value, path)
            return tuple(
                self.convert(get_args(wanted)[0], item, (*path, index)) for index, item in enumerate(value)
            )
        if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
            self._expect(isinstance(value, dict), wanted, value, path)
            return {key: self.convert(get_args(wanted)[1], item, (*path, key)) for key, item in value.items()}
        return self._scalar(wanted, value, path)

    def _scalar(self, wanted: Any, value: Any, path: Path) -> Any:
        if wanted is float:
            self._expect(isinstance(value, int | float) and not isinstance(value, bool), wanted, value, path)
            return float(value)
        if wanted is int:
            self._expect(isinstance(value, int) and not isinstance(value, bool), wanted, value, path)
            return value
        plain = str if isinstance(wanted, type) and issubclass(wanted, str) else wanted
        self._expect(isinstance(value, plain), wanted, value, path)
        return value

    def _union(self, wanted: Any, value: Any, path: Path) -> Any:
        options = get_args(wanted)
        if value is None and type(None) in options:
            return None
        rest = [option for option in options if option is not type(None)]
        for option in rest[:-1]:
            try:
                return self.convert(option, value, path)
            except SpecError:
                continue
        return self.convert(rest[-1], value, path)

    def _literal(self, wanted: Any, value: Any, path: Path) -> Any:
        if value not in get_args(wanted):
            choices = " or ".join(f"`{choice}`" for choice in get_args(wanted))
            raise self._error(f"`{_dotted(path)}` is {value!r}", path, f"use {choices}")
        return value

    def _dataclass(self, cls: type, value: Any, path: Path) -> Any:
        self._expect(isinstance(value, dict), cls, value, path)
        hints = field_types(cls)
        for key in value:
            if key not in hints:
                close = get_close_matches(key, hints, n=1)
                fix = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(hints)}"
                raise self._error(f"unknown key `{_dotted((*path, key))}`", (*path, key), fix)
        made: dict[str, Any] = {}
        for item in fields(cls):
            if item.name in value:
                made[item.name] = self.convert(hints[item.name], value[item.name], (*path, item.name))
            elif item.default is MISSING and item.default_factory is MISSING:
                raise self._error(f"`{_dotted((*path, item.name))}` is missing", path, f"add `{item.name}:`")
        return cls(**made)

    def _expect(self, fits: bool, wanted: Any, value: Any, path: Path) -> None:
        if not fits:
            shown = (
                repr(value)
                if not isinstance(value, dict | list)
                else f"a {'mapping' if isinstance(value, dict) else 'list'}"
            )
            raise self._error(
                f"`{_dotted(path)}` is {shown[:80]}", path, f"it must be {describe_type(wanted)}"
            )


def describe_type(wanted: Any) -> str:
    """Return a type annotation in words that a user of YAML knows."""
    origin = get_origin(wanted)
    if is_dataclass(wanted):
        return "a mapping"
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(wanted))
    if origin in (Union, types.UnionType):
        return " or ".join(
            "empty" if option is type(None) else describe_type(option) for option in get_args(wanted)
        )
    if origin is tuple:
        return f"a list of {describe_type(get_args(wanted)[0])}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of names to {describe_type(get_args(wanted)[1])}"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(wanted, "text")


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the file"
