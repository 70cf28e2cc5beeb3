"""Strict YAML: version 1.2 scalars, no duplicate keys, no tags, no anchors, caps on depth and size, and a line for every value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mlops_kit.errors import SpecError
from mlops_kit.spec.scalars import resolve_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlDocument:
    """A parsed file: its value, and the line (from 1) on which each value starts."""

    value: Any
    lines: Mapping[Path, int]
    where: str
    """Name of the file, for messages."""

    def place(self, path: Path) -> str:
        """Return `file:line` of the value at `path`, or of the nearest thing that contains it; without a line where none is known."""
        if not self.lines:
            return self.where
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.where}:{self.lines.get(path, 1)}"


def parse_yaml(text: str, *, where: str, max_bytes: int = MAX_BYTES) -> Any:
    """Return the value of the one YAML document in `text`; `where` names the file in messages. None for an empty file.

    Raises SpecError with file and line for anything that is not strict YAML.
    """
    return compose_yaml(text, where=where, max_bytes=max_bytes).value


def compose_yaml(text: str, *, where: str, max_bytes: int = MAX_BYTES) -> YamlDocument:
    """Return the document in `text` with the line of every value. Raises SpecError like parse_yaml."""
    if len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise SpecError(f"larger than {max_bytes:,} bytes", where=where, fix="keep data out of this file")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    composer = _Composer(text, where)
    try:
        return composer.compose(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise composer.error(f"not valid YAML: {error.problem or error.context}", line) from None
    except yaml.YAMLError as error:
        raise SpecError(f"not valid YAML: {error}", where=f"{where}:1") from None


class _Composer:
    """Builds plain values from the parser's events."""

    def __init__(self, text: str, where: str) -> None:
        self._source = text.splitlines()
        self._where = where
        self._lines: dict[Path, int] = {}

    def error(self, message: str, line: int, fix: str = "") -> SpecError:
        shown = self._source[line - 1].rstrip() if 0 < line <= len(self._source) else ""
        quoted = f"\n    {line} | {shown[:200]}" if shown else ""
        return SpecError(message + quoted, where=f"{self._where}:{line}", fix=fix)

    def compose(self, events: Iterator[Any]) -> YamlDocument:
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.error("a second YAML document", _line(event), "keep one document in the file")
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, ())
        return YamlDocument(value, self._lines, self._where)

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        line = _line(event)
        self._lines[path] = line
        if len(path) > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels", line)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self.error("anchors and aliases (& and *) are not used here", line, "write the value out")
        if event.tag and not (isinstance(event, yaml.ScalarEvent) and event.tag == "!"):
            raise self.error(
                f"the tag {event.tag} is not used here",
                line,
                "remove it; quote a text that looks like a number",
            )
        if isinstance(event, yaml.ScalarEvent):
            return resolve_scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                raise self.error("a key must be plain text", line)
            if event.value in entries:
                raise self.error(f"the key `{event.value}` stands here twice", line, "remove one of them")
            entries[event.value] = self._node(next(events), events, (*path, event.value))
            self._lines[(*path, event.value)] = line
        return entries


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented below their key, no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # A text that a YAML 1.2 reader would take for something else is quoted; PyYAML itself only knows the rules of 1.1.
    quoted = not isinstance(resolve_scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if quoted else None)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(value: Any) -> str:
    """Return `value` as YAML in block style, keys in their order; `parse_yaml` gives the value back."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
