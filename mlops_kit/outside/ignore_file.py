"""Lines in .gitignore for what DVC keeps, in the places and the form in which DVC writes them."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Any

from mlops_kit.outside import git

_SPECIAL = frozenset("\\[]!*#?")


class IgnoreFiles:
    """The .gitignore files of a git work tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = git.prefix_of(root)
        self._top = Path(os.path.normpath(root / posixpath.relpath(".", self._prefix or ".")))
        self._tracked = _with_parents(git.tracked_files(root))
        self._global = [
            self._top / ".git/info/exclude",
            git.configured_path(root, "core.excludesFile") or _user_file(),
        ]
        self._rules: Any = None

    def tracks(self, path: str) -> bool:
        """Return whether git tracks `path` (relative to the root) or something in it."""
        return path in self._tracked

    def ignore(self, path: str) -> str:
        """See to it that git ignores `path`; return the .gitignore that got a line for it, empty when none had to."""
        if self._covers(self._prefix + path):
            return ""
        folder, name = posixpath.split(path)
        file = self._root / folder / ".gitignore"
        line = "/" + "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in name)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if f"{line}\n" not in text.splitlines(keepends=True):
            start = "\n" if text and not text.endswith("\n") else ""
            with file.open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(f"{start}{line}\n")
        self._rules = None
        return posixpath.join(folder, ".gitignore")

    def forget(self) -> None:
        """Read the files again: a command may have written one."""
        self._rules = None

    def _covers(self, path: str) -> bool:
        # As DVC asks: by the files alone, whatever the index has, and of a folder as of a file.
        from dulwich.ignore import IgnoreFilter, IgnoreFilterManager

        if self._rules is None:
            known = [IgnoreFilter.from_path(file) for file in self._global if file.is_file()]
            self._rules = IgnoreFilterManager(str(self._top), known, False)
        return bool(self._rules.is_ignored(path))


def _user_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")  # noqa: PTH111, PTH118
    return Path(home) / "git" / "ignore"


def _with_parents(paths: list[str]) -> frozenset[str]:
    found = set(paths)
    for path in paths:
        while (path := posixpath.dirname(path)) and path not in found:
            found.add(path)
    return frozenset(found)
