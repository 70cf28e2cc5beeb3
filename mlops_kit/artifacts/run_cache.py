"""DVC's run cache: what a stage wrote the last time that command, dependencies and parameters were the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.artifacts.lock_text import document_text
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError

_LEFT_OUT = ("size", "nfiles")


def can_be_remembered(stage: DeclaredStage, entry: Mapping[str, Any]) -> bool:
    """Return whether DVC keeps an entry of the stage: something goes in, something comes out, and nothing is left in place."""
    return bool(
        stage.commands
        and not stage.always
        and (stage.deps or stage.params)
        and stage.outs
        and all(dep.get("md5") for dep in entry.get("deps", []))
        and all(entry.get("params", {}).values())
        and not any(out.persist for out in stage.outs)
    )


def stage_key(entry: Mapping[str, Any]) -> str:
    """Return the key of what goes into a stage: of an entry of dvc.lock without what came out but its names."""
    return _digest({**entry, "outs": [out["path"] for out in entry.get("outs") or []]})


def entry_key(entry: Mapping[str, Any]) -> str:
    """Return the key of a whole entry."""
    return _digest(entry)


class RunCache:
    """The entries that the cache of a repository holds."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.folder = objects.folder / "runs"
        """Where the entries are: `runs/ab/<stage key>/<entry key>`."""

    def place(self, key: str) -> Path:
        """Return the folder of the entries of a stage key."""
        return self.folder / key[:2] / key

    def newest(self, key: str) -> Mapping[str, Any] | None:
        """Return the entry that was written last, None if there is none or it cannot be read."""
        try:
            files = [path for path in self.place(key).iterdir() if not path.name.startswith(".")]
            newest = max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
            value = None if newest is None else load_foreign_yaml(newest.read_bytes(), str(newest))
        except (OSError, SpecError):
            return None
        whole = isinstance(value, dict) and "cmd" in value and isinstance(value.get("outs"), list)
        return value if whole else None

    def save(self, entry: Mapping[str, Any]) -> str:
        """Keep an entry, unless it is there already; return its stage key. Raises OSError."""
        key = stage_key(entry)
        path = self.place(key) / entry_key(entry)
        if not path.exists():
            self._objects.make_folder(path.parent.parent)
            self._objects.write(path, document_text(entry).encode())
        return key


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(_without_sizes(value), sort_keys=True, default=str)  # dates, at which DVC gives up
    return hashlib.sha256(text.encode(), usedforsecurity=False).hexdigest()


def _without_sizes(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_sizes(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _without_sizes(item) for key, item in value.items() if key not in _LEFT_OUT}
    return value
