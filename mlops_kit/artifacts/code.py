"""What a Python file does, apart from how it is written: a hash that comments and layout do not change."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from contextlib import suppress
from pathlib import Path

from mlops_kit.artifacts.statcache import WORKPLACE, replace_text

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


class CodeHashes:
    """Remembers code hashes by the MD5 of the file, so that an unchanged file is not parsed again; losing them costs time only."""

    def __init__(self, root: Path) -> None:
        self._file = root / WORKPLACE / "code.json"
        self._version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._known = _load(self._file, self._version)
        self._used: dict[str, str] = {}

    def hash(self, path: Path, md5: str) -> str:
        """Return the code hash of the file `path`, whose content has this MD5; empty as file_code_hash has it."""
        if path.suffix != ".py":
            return ""
        if md5 not in self._used:
            found = self._known.get(md5)
            self._used[md5] = file_code_hash(path) if found is None else found
        return self._used[md5]

    def save(self) -> None:
        """Keep what was used this time; not being able to is no error."""
        if self._used == self._known:
            return
        value = {"python": self._version, "codes": dict(sorted(self._used.items()))}
        with suppress(OSError):
            replace_text(self._file, json.dumps(value, separators=(",", ":")))


def _load(file: Path, version: str) -> dict[str, str]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        codes = value["codes"] if value["python"] == version else {}
        return {str(md5): str(code) for md5, code in codes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def file_code_hash(path: Path) -> str:
    """Return the code hash of the file `path`; empty for what is no Python file in UTF-8, or is not there."""
    if path.suffix != ".py":
        return ""
    try:
        content = path.read_bytes()
        return "" if _CODING.match(content) else code_hash(content.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return ""
