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
        self._files: dict[str, tuple[tuple[int, int] | None, dict[str, None]]] = {}

    def tracks(self, path: str) -> bool:
        """Return whether git tracks `path` (relative to the root) or something in it."""
        return path in self._tracked

    def ignore(self, path: str) -> str:
        """See to it that git ignores `path`; return the .gitignore that got a line for it, empty when none had to."""
        folder, name = posixpath.split(path)
        file = posixpath.join(folder, ".gitignore")
        line = "/" + "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in name)
        lines = self._lines_of(file)
        known = f"{line}\n" in lines
        if (known and not any(other.startswith("!") for other in lines)) or self._covers(self._prefix + path):
            return ""
        if not known:
            end = next(reversed(lines), "\n")[-1:]
            with (self._root / file).open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(f"{'' if end == chr(10) else chr(10)}{line}\n")
            # What is ignored by this line is the output alone, which nobody asks for again: the rules need not be read again.
            lines[f"{line}\n"] = None
            self._files[file] = (_stamp(self._root / file), lines)
        return file

    def _lines_of(self, file: str) -> dict[str, None]:
        """Return the lines of a .gitignore as they are now; the rules are read again when somebody else has changed it."""
        stamp = _stamp(self._root / file)
        known = self._files.get(file)
        if known is None or known[0] != stamp:
            if known is not None:
                self._rules = None
            text = (self._root / file).read_text(encoding="utf-8") if stamp else ""
            known = self._files[file] = (stamp, dict.fromkeys(text.splitlines(keepends=True)))
        return known[1]

    def _covers(self, path: str) -> bool:
        # As DVC asks: by the files alone, whatever the index has, and of a folder as of a file.
        from dulwich.ignore import IgnoreFilter, IgnoreFilterManager

        if self._rules is None:
            known = [IgnoreFilter.from_path(file) for file in self._global if file.is_file()]
            self._rules = IgnoreFilterManager(str(self._top), known, False)
        return bool(self._rules.is_ignored(path))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _user_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")  # noqa: PTH111, PTH118
    return Path(home) / "git" / "ignore"


def _with_parents(paths: list[str]) -> frozenset[str]:
    found = set(paths)
    for path in paths:
        while (path := posixpath.dirname(path)) and path not in found:
            found.add(path)
    return frozenset(found)
