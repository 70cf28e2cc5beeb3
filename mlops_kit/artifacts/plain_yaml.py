"""A reader of the YAML that programs write: block style, one value a line. Many times as fast as the parser in C, and as exact.

dvc.lock and generated dvc.yaml files are of this form. Whatever is not (anchors, flow style, block texts, escapes) is refused, and goes
to the real parser.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from mlops_kit.spec.scalars import resolve_scalar

# Signs that YAML treats in ways of its own (control signs, other line ends, byte order marks) are left to the real parser.
_CONTROL = re.compile("[\\0-\\x09\\x0b-\\x1f\\x7f]")
_STRANGE = (
    "[^\n -~\u00a1-\u1fff\u2030-\ud7ff\ue000-\ufefe\U00010000-\U0010ffff]"  # compiled when it is needed
)
_KEY = re.compile(r"([^\s:#'\"\[\]{}]+(?: [^\s:#'\"\[\]{}]+)*):(?: (.+))?")
# Most lines: nothing in them needs a second look.
_SIMPLE = re.compile(
    r"(- )?([A-Za-z_/][\w./@-]*):(?: ([A-Za-z_/][\w./@=,+$-]*(?: [\w./@=,+$-]+)*))?", re.ASCII
)
_AWKWARD = re.compile(r": | #|:$| $")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?)?")
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE = re.compile(r'"([^"\\]*)"')
_WORDS = frozenset(("null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"))
_SPECIAL = frozenset((".inf", ".nan"))
_MOST_LEVELS = 30
_NOTHING: Any = object()


class NotPlainError(ValueError):
    """The text is for the real parser."""


class _Line(NamedTuple):
    """What one line says, wherever it stands."""

    dash: int
    """Width of the dash and the spaces behind it; 0 for none."""
    key: Any
    """The key; `_NOTHING` for an item that is a single value."""
    value: Any
    """The value; `_NOTHING` when it is in the lines below."""
    grows: bool
    """Whether a deeper line would go on with the value."""


def parse_plain_yaml(text: str) -> Any:
    """Return the value of a YAML text of the plain form, a mapping. Raises NotPlainError when it is not certain what the text means."""
    if _CONTROL.search(text) or not (text.isascii() or re.search(_STRANGE, text) is None):
        raise NotPlainError
    return _read(text)


def _read(text: str) -> dict[Any, Any]:
    known: dict[str, _Line] = {}
    levels = _Levels()
    container: Any = levels.open[0]
    here = 0
    grows: Any = None  # where the value stands that a deeper line goes on with
    for line in text.split("\n"):
        rest = line.lstrip(" ")
        if not rest or rest[0] == "#":
            grows = None
            continue
        indent = len(line) - len(rest)
        if grows is not None and indent > here:
            container[grows] = _more(container[grows], rest)
            continue
        found = known.get(rest)
        if found is None:
            found = known[rest] = _parse_line(rest)
        dash, key, value, may_grow = found
        if indent != here or dash or type(container) is not dict:
            container = levels.find(indent, dash=dash > 0)
            here = indent
            if dash and key is _NOTHING:
                container.append(value if not isinstance(value, list | dict) else type(value)())
                grows = len(container) - 1 if may_grow else None
                continue
            if dash:
                made: dict[Any, Any] = {}
                container.append(made)
                here += dash
                levels.push(here, made)
                container = made
        if value is _NOTHING:
            container[key] = None
            levels.waiting[-1] = key
            grows = None
        else:
            container[key] = value if not isinstance(value, list | dict) else type(value)()
            levels.waiting[-1] = _NOTHING
            grows = key if may_grow else None
    return levels.result()


class _Levels:
    """The open mappings and lists, from the outermost one, each with its indentation."""

    def __init__(self) -> None:
        self.indents: list[int] = [0]
        self.open: list[Any] = [{}]
        self.waiting: list[Any] = [_NOTHING]
        """Of each open mapping the key whose value would be in deeper lines."""

    def result(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self.open[0]
        return found

    def push(self, indent: int, made: Any) -> None:
        if len(self.open) > _MOST_LEVELS:
            raise NotPlainError
        self.indents.append(indent)
        self.open.append(made)
        self.waiting.append(_NOTHING)

    def find(self, indent: int, *, dash: bool) -> Any:
        """Close what ends before a line, open the mapping or list that begins with it, and return what the line belongs to."""
        while True:
            here, top = self.indents[-1], self.open[-1]
            if indent > here:
                break
            if indent == here and dash == isinstance(top, list):
                return top
            if indent == here and dash:
                break  # a list may stand as far left as its key
            self.indents.pop()
            self.open.pop()
            self.waiting.pop()
            if not self.open:
                raise NotPlainError
        key = self.waiting[-1]
        if key is _NOTHING:
            raise NotPlainError
        made: Any = [] if dash else {}
        top[key] = made
        self.waiting[-1] = _NOTHING
        self.push(indent, made)
        return made


def _parse_line(rest: str) -> _Line:
    if simple := _SIMPLE.fullmatch(rest):
        dashed, word, text = simple.groups()
        if word not in _WORDS and text not in _WORDS:
            return _Line(2 if dashed else 0, word, _NOTHING if text is None else text, text is not None)
    dash = 0
    if rest.startswith("- "):
        item = rest[2:].lstrip(" ")
        dash = len(rest) - len(item)
        if item.startswith(("- ", "? ")) or item in ("", "-", "?"):
            raise NotPlainError
        rest = item
    found = _KEY.fullmatch(rest)
    if found:
        key, text = _scalar(found[1]), found[2]
        value = _NOTHING if text is None else _scalar(text)
    elif dash:
        key, text = _NOTHING, rest
        value = _scalar(rest)
    else:
        raise NotPlainError
    return _Line(dash, key, value, text is not None and text[0] not in "'\"[{")


def _more(value: Any, rest: str) -> str:
    """Return a plain text with the deeper line that goes on with it."""
    if not isinstance(value, str) or _AWKWARD.search(rest):
        raise NotPlainError
    return f"{value} {rest}"


def _scalar(text: str) -> Any:
    first = text[0]
    if first in "'\"":
        found = _SINGLE.fullmatch(text) if first == "'" else _DOUBLE.fullmatch(text)
        if found is None:
            raise NotPlainError
        return found[1].replace("''", "'") if first == "'" else found[1]
    if text in ("[]", "{}"):
        return [] if text == "[]" else {}
    if _AWKWARD.search(text):
        raise NotPlainError
    if _NUMBER.fullmatch(text):
        return resolve_scalar(text)
    if not first.isascii() or first.isalpha() or first in "_/":
        return resolve_scalar(text) if text in _WORDS else text
    if first.isdigit():  # a hash that begins with a digit; not quite a number, such as 1e5 or 0x1f
        return resolve_scalar(text)
    if first == "." and text[1:2] in "/." and text != "...":
        return text
    if first == "." and text[1:2].isalpha() and text.lower() not in _SPECIAL:
        return text
    raise NotPlainError
