"""Which partitions differ, by the manifests of both sides."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from mlops_kit.artifacts.datadocs import MANIFEST
from mlops_kit.compare.section import PartitionChange
from mlops_kit.errors import BadDataError

Lines = Mapping[str, Mapping[str, Any]]


def compare_manifests(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> tuple[PartitionChange, ...]:
    """Return the partitions that came, went, or have other content; `old` and `new` are path of a manifest -> its content.

    Raises BadDataError, naming the file, for a line that is none (a conflict marker).
    """
    changes: list[PartitionChange] = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        before, after = (_lines(path, side.get(path, b"")) for side in (old, new))
        folder = folder_of(path)
        for name in sorted(before.keys() | after.keys()):
            change = _change(folder, name, before.get(name), after.get(name))
            changes += [change] if change else []
    return tuple(changes)


def folder_of(manifest: str) -> str:
    """Return the folder that a manifest is about: the one it lies in, or the one of its name beside it."""
    if posixpath.basename(manifest) == MANIFEST.lstrip("."):
        return posixpath.dirname(manifest)
    return manifest.removesuffix(MANIFEST)


def _lines(path: str, content: bytes) -> Lines:
    found: dict[str, Mapping[str, Any]] = {}
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = json.loads(text)
            found[str(line["partition"])] = line
        except (ValueError, TypeError, KeyError):
            fix = f"git checkout -- {path}"
            raise BadDataError(f"{path}:{number}: not a line of a manifest", fix=fix) from None
    return found


def _change(
    folder: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> PartitionChange | None:
    if old is not None and new is not None and _content(old) == _content(new):
        return None
    line = new or old or {}
    cursor = (str(line.get("cursor_from", "")), str(line.get("cursor_to", "")))
    return PartitionChange(
        folder,
        name,
        "added" if old is None else "removed" if new is None else "rewritten",
        _count(old, "rows"),
        _count(new, "rows"),
        source=str(line.get("source", "")),
        cursor=cursor if any(cursor) else None,
        rejected=_count(new, "rejected") or 0,
    )


def _content(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what identifies the rows of a partition: the hash of its file, or of its rows."""
    return line.get("sha256"), line.get("content_sha256"), line.get("rejects_md5")


def _count(line: Mapping[str, Any] | None, name: str) -> int | None:
    value = line.get(name) if line else None
    return value if isinstance(value, int) else None
