"""The guidelines as the page shows them."""

from __future__ import annotations

import re
from pathlib import Path

_VERSION = re.compile(r"^Version\s+([A-Za-z0-9][A-Za-z0-9._-]*?)\.?\s*$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
LONGEST = 200_000


class Guidelines:
    """A file that is read when it is asked for, so that a change shows at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self) -> str:
        """Return the text without front matter; empty without the file."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return _FRONT.sub("", text, count=1)[:LONGEST].lstrip("\n")

    def version(self) -> str | None:
        """Return what the line `Version N.` says; None without one."""
        found = _VERSION.search(self.text())
        return found[1] if found else None
