"""Linux's inotify through ctypes: which files below some folders any process opens and writes, at no cost and without privilege."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_MODIFY, _CLOSE_WRITE, _OPEN = 0x2, 0x8, 0x20
_MOVED_TO, _CREATE, _DELETE, _MOVED_FROM = 0x80, 0x100, 0x200, 0x40
_OVERFLOW, _ISDIR, _ONLYDIR = 0x4000, 0x4000_0000, 0x0100_0000
# Neither access nor modify: a file read in small pieces would give an event for each.
_FOLDER_MASK = _OPEN | _CLOSE_WRITE | _MOVED_TO | _CREATE | _ONLYDIR
_FILE_MASK = _OPEN | _CLOSE_WRITE
_HEADER = struct.Struct("iIII")


@dataclass(frozen=True)
class TreeEvent:
    """Something happened to a path."""

    path: str
    """Absolute path."""
    folder: bool
    """Whether it is a folder."""
    written: bool
    """Whether it was created, moved here or closed after writing; otherwise it was opened."""


class InotifyWatch:
    """Watches folders (their direct entries) and single files from its creation until `close`.

    `folders` and `files` map a path to the path under which its events are told, which matters for links. `incomplete` says in
    words what could not be watched.
    """

    def __init__(self, folders: Mapping[str, str], files: Mapping[str, str]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._names: dict[int, str] = {}
        self._files: set[int] = set()
        self.incomplete = ""
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            self.incomplete = f"inotify could not be started ({os.strerror(ctypes.get_errno())})"
            return
        for path, name in folders.items():
            self._add(path, name, _FOLDER_MASK)
        for path, name in files.items():
            self._files.add(self._add(path, name, _FILE_MASK))

    def drain(self) -> Iterator[TreeEvent]:
        """Yield what happened since the last call, in order."""
        while self._fd >= 0:
            try:
                block = os.read(self._fd, 1 << 18)
            except BlockingIOError:
                return
            yield from self._events(block)

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _add(self, path: str, name: str, mask: int) -> int:
        watch = int(self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask))
        if watch >= 0:
            self._names[watch] = name
        elif ctypes.get_errno() in (errno.ENOSPC, errno.ENOMEM):
            self.incomplete = (
                f"only {len(self._names)} folders could be watched (see fs.inotify.max_user_watches)"
            )
        return watch

    def _events(self, block: bytes) -> Iterator[TreeEvent]:
        offset = 0
        while offset < len(block):
            watch, mask, _, length = _HEADER.unpack_from(block, offset)
            start = offset + _HEADER.size
            offset = start + length
            if mask & _OVERFLOW:
                self.incomplete = "more files were opened at once than the kernel keeps events of"
            if watch not in self._names or not mask & (_FOLDER_MASK & ~_ONLYDIR):
                continue
            name = os.fsdecode(block[start:offset].rstrip(b"\0"))
            folder = bool(mask & _ISDIR) or (not name and watch not in self._files)
            path = f"{self._names[watch]}/{name}" if name else self._names[watch]
            yield TreeEvent(path, folder, bool(mask & (_CLOSE_WRITE | _MOVED_TO | _CREATE)))


def inotify_works() -> bool:
    """Return whether this system has inotify."""
    return sys.platform == "linux"
