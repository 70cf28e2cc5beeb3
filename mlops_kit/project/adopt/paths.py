"""Where the paths of a source lie: relative to the DVC root, or outside, in which case that is said."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.project.adopt.calls import Touch
from mlops_kit.project.adopt.flow import Record
from mlops_kit.project.adopt.values import ROOT, slashed

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Files:
    """What a script reads and writes, relative to the DVC root; each path with the line that says so."""

    reads: Mapping[str, Record] = field(default_factory=dict)
    lists: Mapping[str, Record] = field(default_factory=dict)
    """Folders that are looked into."""
    writes: Mapping[str, Record] = field(default_factory=dict)
    changes: Mapping[str, Record] = field(default_factory=dict)
    """Files that are appended to or moved."""
    fills: Mapping[str, Record] = field(default_factory=dict)
    """Folders that get files of unknown names."""
    notes: tuple[str, ...] = ()


def locate(root: Path, wdir: str, records: Iterable[Record]) -> Files:
    """Return what `records` touch as paths relative to the DVC root, for a script that is started in `wdir`."""
    groups: dict[Touch, dict[str, Record]] = {touch: {} for touch in Touch}
    notes: list[str] = []
    own: set[str] = set()  # written before it was read
    for record in records:
        path, note = _resolve(root, wdir, record)
        if note:
            notes.append(f"{record.file}:{record.line}: {note}")
        if path is None:
            continue
        touch = record.touch
        if record.partial:
            touch = Touch.FILL if touch is Touch.WRITE else Touch.LIST
        if touch is Touch.REMOVE:
            gone = [one for one in groups[Touch.WRITE] if one == path or one.startswith(f"{path}/")]
            for one in gone:  # a file of its own that it tidies up
                del groups[Touch.WRITE][one]
            continue
        earlier = groups[Touch.READ].get(path)
        if touch is Touch.WRITE and earlier and earlier.conditional:
            del groups[Touch.READ][path]  # loaded if it is there from the last run, then written
        elif touch is Touch.WRITE and earlier:
            touch = Touch.APPEND
        own |= {path} if touch is Touch.WRITE else set()
        if touch is not Touch.READ or path not in own:
            kept = groups[touch].setdefault(path, record)
            groups[touch][path] = record if kept.conditional and not record.conditional else kept
    return Files(
        groups[Touch.READ],
        groups[Touch.LIST],
        groups[Touch.WRITE],
        groups[Touch.APPEND],
        groups[Touch.FILL],
        tuple(dict.fromkeys(notes)),
    )


def _resolve(root: Path, wdir: str, record: Record) -> tuple[str | None, str]:
    """Return a recorded path relative to the DVC root (None when it is not inside), and what to say about it."""
    path = record.path
    if _SCHEME.match(path):
        return None, f"{record.touch}s {path.split('?')[0][:100]}, which is not a file of the repository"
    if path.startswith(ROOT):
        path, note = posixpath.normpath(f".{path[len(ROOT) :]}"), ""
    elif is_absolute(path):
        inside = _below(root, path)
        if inside is None:
            return None, f"{record.touch}s {path[:100]}, outside of the repository"
        path, note = inside, f"the absolute path {path[:100]} exists on this machine only"
    else:
        note = (
            f"{path[:100]} has Windows separators, which mean a folder on Windows only"
            if "\\" in path
            else ""
        )
        path = posixpath.normpath(posixpath.join(wdir, slashed(path)))
    if record.partial:
        whole = record.path.endswith("/") and path != "."
        path = path if whole else posixpath.dirname(path)
    if path in ("", ".") or path.startswith("..") or path == "/dev/null":
        what = (
            "names are made at run time"
            if record.partial or path in ("", ".")
            else f"{record.path[:100]} is outside of the repository"
        )
        return None, what.replace(ROOT, "")
    return path, note


def _below(root: Path, path: str) -> str | None:
    if _DRIVE.match(path) and os.name != "nt":
        return None
    try:
        return Path(path).resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError, RuntimeError):
        return None


def is_absolute(path: str) -> bool:
    """Return whether a path of a source does not depend on the working directory."""
    return path.startswith((ROOT, "/", "~")) or bool(_SCHEME.match(path) or _DRIVE.match(path))
