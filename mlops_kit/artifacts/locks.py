"""Many versions of lock files: a stage that did not change between two versions is parsed once."""

from __future__ import annotations

import re

from mlops_kit.artifacts.dvcfiles import LockedStage, read_lock
from mlops_kit.errors import SpecError

# What parsing foreign YAML and looking into it can raise.
FOREIGN_ERRORS = (SpecError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)
# As DVC writes it: two spaces before a stage's name and more before all that belongs to it.
_HEAD = b"schema: '2.0'\nstages:\n"
_STAGE = re.compile(rb"^(?=  [^ \t#\r\n])", re.MULTILINE)
_OUTDENTED = re.compile(rb"^ ?[^ \r\n]", re.MULTILINE)


class LockReader:
    """Reads lock files as read_lock does, and remembers each stage by its text."""

    def __init__(self) -> None:
        self._stages: dict[tuple[bytes, str], dict[str, LockedStage]] = {}

    def read(self, text: bytes, folder: str, where: str) -> dict[str, LockedStage]:
        """Return the stages of a lock file that lies in `folder`. Raises what read_lock raises."""
        if not text.startswith(_HEAD) or _OUTDENTED.search(text, len(_HEAD)):
            return read_lock(text, folder, where)
        found: dict[str, LockedStage] = {}
        parts = _STAGE.split(text[len(_HEAD) :])
        try:
            for part in parts:
                if part.strip():
                    self._add(part, folder, found)
        except FOREIGN_ERRORS:
            return read_lock(text, folder, where)  # says what is wrong, with the line in the whole file
        return found

    def _add(self, part: bytes, folder: str, found: dict[str, LockedStage]) -> None:
        stages = self._stages.get((part, folder))
        if stages is None:
            stages = self._stages[part, folder] = read_lock(_HEAD + part, folder, "")
        if len(stages) != 1 or not found.keys().isdisjoint(stages):
            raise ValueError("not one stage")
        found.update(stages)
