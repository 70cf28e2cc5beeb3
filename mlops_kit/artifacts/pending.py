"""Entries that are not in dvc.lock yet: a stage before them still runs, or the next writing is due in a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.statcache import WORKPLACE, replace_text

_FILE = WORKPLACE / "pending.jsonl"


class Pending:
    """Survives the end of the process in whatever way; the next run takes over what still holds."""

    def __init__(self, root: Path) -> None:
        self._file = root / _FILE
        self._found = _load(self._file)
        self._lines = len(self._found)

    def take(self, name: str) -> Mapping[str, Any] | None:
        """Return what an earlier run has left of a stage, None if nothing; it is asked for once and then forgotten."""
        return self._found.pop(name, None)

    def add(self, name: str, entry: Mapping[str, Any]) -> None:
        """Keep an entry. One that cannot be kept, or written as JSON, is no error: the stage would only run again."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps([name, entry]) + "\n")
            self._lines += 1
        except (OSError, TypeError):
            return

    def keep(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Forget all but `entries` and what nobody has asked for yet, which is not much while a run goes on."""
        kept = {**self._found, **entries}
        if not self._lines or len(kept) == self._lines:
            return
        try:
            if entries:
                replace_text(
                    self._file, "".join(json.dumps([name, entries[name]]) + "\n" for name in entries)
                )
            else:
                self._file.unlink(missing_ok=True)
            self._lines = len(kept)
        except (OSError, TypeError):
            return


def _load(file: Path) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    for line in lines:
        try:
            name, entry = json.loads(line)
        except (ValueError, TypeError):
            continue  # half a line: the process was ended while it wrote
        if isinstance(name, str) and isinstance(entry, dict) and "cmd" in entry:
            found[name] = entry
    return found
