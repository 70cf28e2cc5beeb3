"""What a Python file does, apart from how it is written: a hash that comments and layout do not change."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

_CODING = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=][ \t]*(?!utf-?8)", re.IGNORECASE)


def code_hash(source: str) -> str:
    """Return a hash of the code of a Python file without positions, comments and layout; empty when it is not valid Python.

    Docstrings count, because a program can read its own. What sees the lines themselves (a traceback, `inspect.getsource`) is left out
    of account. The hash holds for one minor version of Python, whose syntax tree it is taken of.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    # Type comments are no part of the tree unless they are asked for, and nobody sees them at run time.
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()


def file_code_hash(path: Path) -> str:
    """Return the code hash of the file `path`; empty for what is no Python file in UTF-8, or is not there."""
    if path.suffix != ".py":
        return ""
    try:
        content = path.read_bytes()
        return "" if _CODING.match(content) else code_hash(content.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return ""
