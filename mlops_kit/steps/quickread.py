"""Import statements of plain files without a syntax tree, which takes a third of the time; what is not plain is left to the tree."""

from __future__ import annotations

import re

# Python's own rule for texts and comments: from the left, whichever starts first.
_TEXT_OR_COMMENT = re.compile(
    rb'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|#[^\n]*',
    re.DOTALL,
)
_CODING = re.compile(rb"(?:[^\n]*\n)?[ \t]*#[^\n]*coding[:=]")
_STRANGE = (b"__all__", b"\r", b"\x00", b"\f", b"\xef\xbb\xbf")
# The head of a block around an import: one that changes nothing, the one that never runs, and any other, which a tree has to explain.
_NEUTRAL = re.compile(
    rb"(?:(?:async[ \t]+)?(?:def|for|with)\b|class\b|while\b(?![ \t]+(?:0|False)\b)|finally\b|except\b|\)[ \t]*->).*:[ \t]*$"
)
_PLAIN_IF = re.compile(
    rb"(?:if|elif)\b(?!.*(?:\bTYPE_CHECKING|__name__|\b(?:0|1|True|False|None)[ \t]*:)).*:[ \t]*$"
)
_TYPES_ONLY = re.compile(rb"if[ \t]+(?:\w+\.)?TYPE_CHECKING[ \t]*:[ \t]*$")
_STATEMENT = re.compile(rb"(?:^|[;:])[ \t]*(from(?=[ \t.\\])|import(?=[ \t\\]))", re.MULTILINE)
_FROM = re.compile(rb"from[ \t]*([.]*)[ \t]*([\w.]*)[ \t]+import[ \t]*(?:\(([^()]*)\)|([^\n;()]*))")
_FROM_DOTS = re.compile(rb"from[ \t]*([.]+)([ \t]*)import[ \t]*(?:\(([^()]*)\)|([^\n;()]*))")
_IMPORT = re.compile(rb"import[ \t]+([^\n;]*)")
_NAME = re.compile(rb"[ \t\n]*([A-Za-z_][\w.]*|\*)(?:[ \t\n]+as[ \t\n]+[A-Za-z_]\w*)?[ \t\n]*")

Found = tuple[int, str, tuple[str, ...], int]
"""Leading dots, module, imported names, line."""


def read_plain(source: bytes) -> list[Found] | None:
    """Return the import statements of `source` that can run, in order; None when a syntax tree is needed to understand them."""
    if any(text in source for text in _STRANGE) or _CODING.match(source):
        return None
    text = _TEXT_OR_COMMENT.sub(_blank, source)
    if b'"""' in text or b"'''" in text:
        return None
    found: list[Found] = []
    line, counted = 1, 0
    for match in _STATEMENT.finditer(text):
        start = match.start(1)
        line, counted = line + text.count(b"\n", counted, start), start
        margin = start == 0 or text[start - 1] == 10
        runs = True if margin else _runs(text, match)
        if runs is None:
            return None
        statement = _statement(text, start, line) if runs else []
        if statement is None:
            return None
        found += statement
    return found


def _statement(text: bytes, start: int, line: int) -> list[Found] | None:
    if text.startswith(b"import", start):
        whole = _IMPORT.match(text, start)
        names = _names(whole[1]) if whole else None
        return None if names is None else [(0, name, (), line) for name in names]
    part = _FROM_DOTS.match(text, start) or _FROM.match(text, start)
    if part is None:
        # `raise X \n from error` is none of ours; a backslash goes on in the next line.
        return None if b"\\" in text[start : text.find(b"\n", start)] else []
    names = _names(part[3] if part[3] is not None else part[4])
    return None if names is None else [(len(part[1]), part[2].strip().decode(), names, line)]


def _runs(text: bytes, match: re.Match[bytes]) -> bool | None:
    """Return whether the indented import of `match` can run, by the heads of the blocks around it; None when they do not say."""
    if match.start() != match.start(1) and match[0][:1] in (b";", b":"):
        return None
    width = match.start(1) - match.start()
    end = match.start()
    while width:
        start = text.rfind(b"\n", 0, end - 1) + 1 if end else -1
        if start < 0 or start >= end:
            return None
        line = text[start:end].rstrip()
        inner = line.lstrip()
        if inner and len(line) - len(inner) < width:
            if _TYPES_ONLY.match(inner):
                return False
            if not (_NEUTRAL.match(inner) or _PLAIN_IF.match(inner)):
                return None
            width = len(line) - len(inner)
        end = start
    return True


def _blank(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return b'""' + b"\n" * text.count(b"\n") if b"\n" in text else b'""' if text[0] != 35 else b""


def _names(text: bytes) -> tuple[str, ...] | None:
    names = []
    for part in text.rstrip(b" \t\n").removesuffix(b",").split(b","):
        match = _NAME.fullmatch(part)
        if match is None:
            return None
        names.append(match[1].decode())
    return tuple(names)
