"""What is wrong with a dvc.lock that something else has damaged, and the command that mends it.

A killed `dvc repro` leaves an empty or half-written lock (it writes in place), a merge its marks. Half a lock may still be a valid one,
which says that less has run than has.
"""

from __future__ import annotations

import re
from pathlib import Path

from mlops_kit.errors import SpecError
from mlops_kit.outside import git

_MARK = re.compile(rb"^(?:<{7}|>{7}|\|{7})(?: |$)", re.MULTILINE)
_ITEM = re.compile(rb"^ *- path: ", re.MULTILINE)
_KEY = re.compile(rb"^ *(?:- )?([a-z_]+):", re.MULTILINE)


def find_damage(content: bytes) -> str:
    """Return what is wrong with the content of a dvc.lock, in words with the line; empty when nothing is to be seen.

    That a lock was cut off between two of its entries cannot be seen.
    """
    if not content.strip():
        return "is empty: a DVC command was ended while it wrote it"
    if (mark := _MARK.search(content)) is not None:
        line = content[: mark.start()].count(b"\n") + 1
        return f"has the marks of a merge conflict (line {line})"
    if b"\0" in content:
        return "holds bytes that no DVC command writes: the disk, or a power loss"
    lines = content.rstrip().split(b"\n")
    if not content.endswith(b"\n") or lines[-1].endswith(b":") or _ends_in_item(content):
        return f"ends in the middle (line {len(lines)}): a DVC command was ended while it wrote it"
    return ""


def refuse_damaged_lock(root: Path, path: str, content: bytes) -> None:
    """Raise SpecError when the lock file `path` (relative to `root`) is damaged, with the command that brings back the last good one."""
    damage = find_damage(content)
    if not damage:
        return
    if "conflict" in damage:
        fix = "mlops-kit merge resolve, or take one side: git checkout --ours -- " + path
    elif path in git.tracked_files(root):
        fix = f"git checkout -- {path}"
    else:
        fix = f"rm {path}"
    raise SpecError(
        damage, where=path, fix=f"{fix}; then mlops-kit run: what has run since comes from the run cache"
    )


def _ends_in_item(content: bytes) -> bool:
    """Return whether the last dependency or output has a path and no hash yet."""
    *_, start = [0, *(found.start() for found in _ITEM.finditer(content))]
    return bool(start) and set(_KEY.findall(content[start:])) <= {b"path", b"hash"}
