"""Hashes of files that have not changed since they were hashed, by what the file system says of them.

Size and modification time alone can be kept by an edit, and DVC looks no further; the time of the last change of the inode (ctime)
cannot be set by a program, so it is part of the key.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from mlops_kit.artifacts.hashing import FileHash, hash_file, hash_files
from mlops_kit.outside.whole_files import unfinished

WORKPLACE = Path(".dvc/tmp/mlops-kit")
# A file changed twice within one tick of the file system's clock looks the same: what is younger than this when it is hashed is
# not remembered. Ext4 and XFS tick with the kernel's timer (4 to 10 ms), network file systems more slowly.
_TICK_NS = 100_000_000
_VERSION = 1


class Stamp(NamedTuple):
    """What the file system says of a file."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file, None if there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - ten thousand of these are a second with Path
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class StatCache:
    """Remembers hashes; `save` keeps them for the next process. Losing it costs time only."""

    def __init__(self, root: Path) -> None:
        self._prefix = os.path.join(str(root), "")  # noqa: PTH118 - with the separator
        self._file = root / WORKPLACE / "hashes.json"
        self._entries, self._earlier = _load(self._file)
        self._changed = False

    def recall(self, path: Path) -> tuple[Stamp, FileHash] | None:
        """Return what was last known of a file, whether or not it still holds; None if nothing."""
        return self._entries.get(self._key(path))

    def earlier(self, path: Path) -> tuple[int, int] | None:
        """Return size and modification time with which a file was last seen to have another content; None if it never was."""
        return self._earlier.get(self._key(path))

    def lookup(self, path: Path) -> FileHash | None:
        """Return the hashes of a file that has not changed since they were taken, else None."""
        known = self._entries.get(self._key(path))
        return known[1] if known and known[0] == stamp_of(path) else None

    def hash(self, path: Path) -> FileHash:
        """Return the hashes of a file, from memory when it has not changed. Raises OSError."""
        found = self.lookup(path)
        if found is None:
            before, now = stamp_of(path), time.time_ns()
            found = hash_file(path)
            self._remember(path, before, found, now)
        return found

    def warm(self, paths: Iterable[Path], *, on_bytes: Callable[[int], None] = lambda count: None) -> None:
        """Hash those of `paths` that are not known, several at once; what cannot be read is left out."""
        unknown = {path: stamp_of(path) for path in paths if self.lookup(path) is None}
        now = time.time_ns()
        for path, found in hash_files([path for path, stamp in unknown.items() if stamp], on_bytes=on_bytes):
            if isinstance(found, FileHash):
                self._remember(path, unknown[path], found, now)

    def learn(self, path: Path, stamp: Stamp | None, found: FileHash, now: int) -> None:
        """Take over hashes that were taken elsewhere: `stamp` from before the reading, which began at `now` (ns)."""
        self._remember(path, stamp, found, now)

    def save(self) -> None:
        """Write what changed; a cache that cannot be written is no error."""
        if not self._changed:
            return
        rows = {
            key: [*stamp, *_fields(found), *self._earlier.get(key, ())]
            for key, (stamp, found) in sorted(self._entries.items())
        }
        text = json.dumps({"version": _VERSION, "files": rows}, separators=(",", ":"))
        try:
            replace_text(self._file, text)
            self._changed = False
        except OSError:
            return

    def _remember(self, path: Path, before: Stamp | None, found: FileHash, now: int) -> None:
        if before is None or before != stamp_of(path):
            return
        if max(before.ctime_ns, before.mtime_ns) + _TICK_NS > now and os.name != "nt":
            return
        key = self._key(path)
        known = self._entries.get(key)
        if known and known[1].md5 != found.md5:
            self._earlier[key] = (known[0].size, known[0].mtime_ns)
        self._entries[key] = (before, found)
        self._changed = True

    def _key(self, path: Path) -> str:
        # Path.relative_to takes ten times as long, and there are many of these.
        text = str(path)
        inside = text.startswith(self._prefix)
        plain = text[len(self._prefix) :] if inside else text
        return plain if os.sep == "/" else plain.replace(os.sep, "/")


def replace_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write `text` to `path` in one step: whoever reads sees the old text or the new one, `durable` also after a power loss.

    In a DVC repository a process that is killed meanwhile leaves nothing beside the file; the next run sweeps what it leaves.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path) as fresh:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows


def _load(file: Path) -> tuple[dict[str, tuple[Stamp, FileHash]], dict[str, tuple[int, int]]]:
    """Return what is known of each file, and what is known from when it had another content."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        if value["version"] != _VERSION:
            return {}, {}
        rows = value["files"].items()
        return (
            {key: (Stamp(*row[:4]), FileHash(row[4], row[5], row[0])) for key, row in rows},
            {key: (row[6], row[7]) for key, row in rows if len(row) > 6},
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}, {}


def _fields(found: FileHash) -> tuple[str, str]:
    return found.md5, found.sha256
