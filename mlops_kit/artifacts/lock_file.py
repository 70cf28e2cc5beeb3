"""Writing dvc.lock: entries replaced in place or added at the end, the rest of the text untouched, the file swapped in one step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.lock_damage import find_damage
from mlops_kit.artifacts.lock_text import UnusualError, dump, entry_text, is_canonical, load_for_update
from mlops_kit.artifacts.statcache import Stamp, replace_text, stamp_of
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError

_HEAD = "schema: '2.0'\nstages:\n"
_NAME = re.compile(r"  (\S.*):\n")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_@.-]*")


class LockFile:
    """One dvc.lock. What others write to it between two calls is read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: Stamp | None = None
        self._blocks: dict[str, str] | None = None
        """Stage -> its lines; None when the text is not as DVC would write it."""

    def write(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Put `entries` (stage -> what is recorded) into the file, one after another. Raises OSError, SpecError."""
        if not entries:
            return
        self._read()
        text = self._spliced(entries)
        replace_text(self._path, text, durable=True)
        self._stamp = stamp_of(self._path)

    def entry(self, name: str) -> Mapping[str, Any] | None:
        """Return what the file has for a stage, None if nothing. Raises OSError, SpecError."""
        self._read()
        text = (
            _HEAD + self._blocks.get(name, "") if self._blocks is not None else self._path.read_text("utf-8")
        )
        value = (load_foreign_yaml(text, str(self._path)) or {}).get("stages") or {}
        return value.get(name)

    def _read(self) -> None:
        stamp = stamp_of(self._path)
        if stamp != self._stamp or stamp is None:
            text = self._path.read_text(encoding="utf-8") if stamp else ""
            if stamp and (damage := find_damage(text.encode("utf-8"))):
                # A DVC command that was killed while ours ran: written over, what it has left of the other stages would be gone.
                raise SpecError(damage, where=str(self._path), fix="mlops-kit doctor")
            self._blocks = _split(text, self._path) if text else {}
            self._stamp = stamp

    def _spliced(self, entries: Mapping[str, Mapping[str, Any]]) -> str:
        if self._blocks is not None:
            try:
                fresh = {name: entry_text(name, entry) for name, entry in entries.items()}
            except UnusualError:
                pass
            else:
                self._blocks.update(fresh)
                return _HEAD + "".join(self._blocks.values())
        text = _HEAD + "".join(self._blocks.values()) if self._blocks else ""
        if self._blocks is None:
            text = self._path.read_text(encoding="utf-8")
        for name, entry in entries.items():
            text = _rewritten(text, name, entry)
        self._blocks = _split(text, self._path)
        return text


def _rewritten(text: str, name: str, entry: Mapping[str, Any]) -> str:
    """Return the whole text with one entry, as DVC writes it: read, changed and laid out anew."""
    value = load_for_update(text) or {}
    if not value:
        value.update({"schema": "2.0"})
    value["stages"] = value.get("stages", {})
    value["stages"].update({name: entry})
    return dump(value)


def _split(text: str, path: Path) -> dict[str, str] | None:
    """Return stage -> lines of a text that DVC would write again as it is, else None."""
    if not text.startswith(_HEAD) or not text.endswith("\n") or "\r" in text:
        return None
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text[len(_HEAD) :].splitlines(keepends=True):
        if line.startswith("   ") and lines:
            lines.append(line)
        elif (match := _NAME.fullmatch(line)) and not line.startswith("   "):
            lines = blocks.setdefault(_key(match[1], path), [])
            if lines:
                return None
            lines.append(line)
        else:
            return None
    found = {name: "".join(lines) for name, lines in blocks.items()}
    values = load_foreign_yaml(text, str(path)).get("stages") or {}
    if list(values) != list(found):
        return None
    return found if all(is_canonical(found[name], {name: values[name]}) for name in found) else None


def _key(text: str, path: Path) -> str:
    return text if _PLAIN.fullmatch(text) else str(next(iter(load_foreign_yaml(f"{text}:", str(path)))))
