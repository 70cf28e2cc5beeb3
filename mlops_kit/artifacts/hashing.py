"""Hashes of files: MD5, which is DVC's name for content, and SHA-256, which nobody can forge, in one read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 20
LISTING = ".dir"
_SMALL = 1 << 22  # below this in total, starting threads costs more than it saves


@dataclass(frozen=True)
class FileHash:
    """What a file's content is."""

    md5: str
    """MD5 in hex; of a folder DVC's hash of its listing, `….dir`."""
    sha256: str
    """SHA-256 in hex; of a folder over its sorted `path\\0sha256\\n` lines."""
    size: int
    """Bytes."""


def hash_file(path: Path, *, on_bytes: Callable[[int], None] = lambda count: None) -> FileHash:
    """Return the hashes of a file, read once in blocks; `on_bytes` hears how many bytes each block had. Raises OSError."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha256 = hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(BLOCK))
        while count := file.readinto(buffer):
            block = buffer[:count]
            md5.update(block)
            sha256.update(block)
            size += count
            on_bytes(count)
    return FileHash(md5.hexdigest(), sha256.hexdigest(), size)


def file_md5(path: Path) -> str:
    """Return the MD5 of a file, which is all that a transfer has to know of it. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def hash_files(
    paths: Iterable[Path], *, on_bytes: Callable[[int], None] = lambda count: None
) -> Iterator[tuple[Path, FileHash | OSError]]:
    """Yield each path with its hashes, or with the error of reading it; several at once where that pays.

    hashlib releases the interpreter while it works, so threads are enough.
    """

    def hashed(path: Path) -> tuple[Path, FileHash | OSError]:
        try:
            return path, hash_file(path, on_bytes=on_bytes)
        except OSError as error:
            return path, error

    wanted = list(dict.fromkeys(paths))
    workers = min(os.cpu_count() or 1, 8, len(wanted))
    if workers < 2 or sum(_size(path) for path in wanted) < _SMALL:
        yield from map(hashed, wanted)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(hashed, wanted)


def fold_folder(members: Mapping[str, FileHash]) -> FileHash:
    """Return the hashes of a folder from those of its files, by their paths in it; the MD5 is what DVC names the folder by."""
    names = sorted(members)
    listing = json.dumps(
        [{"md5": members[name].md5, "relpath": name} for name in names], sort_keys=True
    ).encode()
    lines = "".join(f"{name}\0{members[name].sha256}\n" for name in names).encode("utf-8", "surrogateescape")
    return FileHash(
        hashlib.md5(listing, usedforsecurity=False).hexdigest() + LISTING,
        hashlib.sha256(lines).hexdigest(),
        sum(found.size for found in members.values()),
    )


def read_listing(content: bytes) -> dict[str, str]:
    """Return path -> MD5 of the files that DVC's listing of a folder names. Raises ValueError when it is none."""
    value = json.loads(content)
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - one kind of error for all that is no listing
    return {str(entry["relpath"]): str(entry["md5"]) for entry in value if "md5" in entry}


def text_md5(path: Path) -> str:
    """Return the MD5 of a file with Unix line ends, by which DVC before 3 named texts. Raises OSError."""
    content = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
