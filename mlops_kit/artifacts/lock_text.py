"""Entries of dvc.lock as text, byte for byte as DVC's own writer lays them out.

DVC parses and writes the whole file again for each stage. Plain entries are written here directly; whatever is out of the ordinary
goes through the very library that DVC uses.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

_WIDTH = 80
# Texts that are written as they are: no sign that YAML gives a meaning, and nothing that reads as another type.
_FIRST = re.compile(r"(?:[A-Za-z_/$(]|\.{1,2}/)")
_INNER = re.compile(r"[!-9;-~](?:[!-~]*)(?: [!-\"$-~][!-~]*)*")
_TYPED = re.compile(r"(?:true|false|null)", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
_NUMBER = re.compile(r"[0-9]+(?:e[0-9]+)?")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,7})\.[0-9]{1,8}")


class UnusualError(Exception):
    """A value has to be written by the library."""


def entry_text(name: str, entry: Mapping[str, Any]) -> str:
    """Return the lines of one stage below `stages:`. Raises UnusualError when the file has to be written as a whole."""
    try:
        return "".join(_mapping({name: _unshared(entry)}, 2))
    except UnusualError:
        text = dump({"stages": {name: entry}})
        if not _stays(text) or re.search(r"(?:^|\s)[&*]id\d", text):
            raise UnusualError from None
        return text.removeprefix("stages:\n")


def document_text(entry: Mapping[str, Any]) -> str:
    """Return one entry as a file of its own, as the run cache keeps it."""
    try:
        return "".join(_mapping(_unshared(entry), 0))
    except UnusualError:
        return dump(entry)


def dump(value: Any) -> str:
    """Return the text that DVC writes for a value."""
    stream = io.StringIO()
    _yaml().dump(value, stream)
    return stream.getvalue()


def load_for_update(text: str) -> Any:
    """Return a value that remembers the layout of its text, as DVC reads a file that it is going to write."""
    from ruamel.yaml import YAML

    return YAML(typ="rt").load(text)


def is_canonical(text: str, value: Any) -> bool:
    """Return whether the lines of one stage, whose value is `value`, are as DVC would write them again."""
    try:
        return "".join(_mapping(value, 2)) == text
    except UnusualError:
        if re.search(r"(?:^|\s)#|(?:: |- )[&*]\w|\n\s*\n", text):
            return False  # comments and blank lines belong to what stands before them; anchors count through the file
        return _stays("stages:\n" + text)


def _stays(text: str) -> bool:
    """Return whether DVC would write a text again as it is; for some values its library writes what it cannot read."""
    from ruamel.yaml.error import YAMLError

    try:
        return dump(load_for_update(text)) == text
    except YAMLError:
        return False


def _unshared(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry. Raises UnusualError when a list or mapping stands in it twice, which is written once and named after that."""
    seen: set[int] = set()
    waiting: list[Any] = [entry.get("params")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping | list):
            if id(value) in seen:
                raise UnusualError
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, Mapping) else value)
    return entry


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    return yaml


def _mapping(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, item in value.items():
        if len(key) > 60 or ":" in key:
            raise UnusualError
        start = " " * indent + _scalar(key, 0, 0) + ":"
        yield from _value(start, item, indent)


def _value(start: str, item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, Mapping) and item:
        yield f"{start}\n"
        yield from _mapping(item, indent + 2)
    elif isinstance(item, list) and item:
        yield f"{start}\n"
        yield from _sequence(item, indent)
    else:
        yield f"{start} {_scalar(item, len(start) + 1, indent + 2)}\n" if item is not None else f"{start}\n"


def _sequence(items: list[Any], indent: int) -> Iterator[str]:
    dash = " " * indent + "- "
    for item in items:
        if isinstance(item, Mapping) and item:
            lines = "".join(_mapping(item, indent + 2))
            yield dash + lines[indent + 2 :]
        elif isinstance(item, Mapping | list) or item is None:
            raise UnusualError
        else:
            yield f"{dash}{_scalar(item, indent + 2, indent + 2)}\n"


def _scalar(value: Any, column: int, indent: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float and _FLOAT.fullmatch(repr(value)):
        return repr(value)
    if isinstance(value, str):
        return _string(value, column, indent)
    if isinstance(value, Mapping | list) and not value:
        return "{}" if isinstance(value, Mapping) else "[]"
    raise UnusualError


def _string(value: str, column: int, indent: int) -> str:
    if not value:
        return "''"
    if _DIGEST.fullmatch(value):
        return f"'{value}'" if _NUMBER.fullmatch(value) else value
    if not _FIRST.match(value) or not _INNER.fullmatch(value) or _TYPED.fullmatch(value):
        raise UnusualError
    if ":" in value and re.search(r":(?: |$)", value):
        raise UnusualError
    return value if column + len(value) <= _WIDTH else _folded(value, column, indent)


def _folded(value: str, column: int, indent: int) -> str:
    """Return a long text broken at spaces: before a word that would end beyond the width, and after one that has reached it."""
    if not indent:
        raise UnusualError
    pieces: list[str] = []
    start = "\n" + " " * indent
    for number, word in enumerate(value.split(" ")):
        if number:
            if column >= _WIDTH:
                pieces.append(start)
                column = indent
            else:
                pieces.append(" ")
                column += 1
        if column + len(word) > _WIDTH and column > indent:
            pieces.append(start)
            column = indent
        pieces.append(word)
        column += len(word)
    return "".join(pieces)
