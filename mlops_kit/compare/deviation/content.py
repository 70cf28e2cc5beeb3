"""One version of an output, on disk or inside an archive."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlops_kit.compare.deviation.findings import TooMuchError

MOST_BYTES = 256 * 2**20
"""Bytes that a comparison holds of one content; Parquet, arrays and folders are read in parts and may be larger."""
BLOCK = 2**20


@dataclass(frozen=True)
class Content:
    """One version of a file: its name says what it holds."""

    name: str
    """File name, with the suffix."""
    path: Path | None = None
    """Where it is."""
    data: bytes = b""
    """What it holds, where it is no file of its own."""

    def open(self) -> BinaryIO:
        """Return the content as an open file."""
        return self.path.open("rb") if self.path is not None else io.BytesIO(self.data)

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return self.path.stat().st_size if self.path is not None else len(self.data)

    def head(self, size: int = 16) -> bytes:
        """Return the first bytes."""
        with self.open() as file:
            return file.read(size)

    def read(self) -> bytes:
        """Return all bytes. Raises TooMuchError beyond MOST_BYTES."""
        with self.open() as file:
            return read_bounded(file)


def read_bounded(file: BinaryIO, most: int = MOST_BYTES) -> bytes:
    """Return what is left in `file`. Raises TooMuchError when that is more than `most` bytes (a decompressor may never end)."""
    data = file.read(most + 1)
    if len(data) > most:
        raise TooMuchError(f"more than {most // 2**20:,} MiB")
    return data


def blocks(old: BinaryIO, new: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield both files in blocks of equal place, until both are at their end."""
    while True:
        pair = (old.read(BLOCK), new.read(BLOCK))
        if pair == (b"", b""):
            return
        yield pair


def same_bytes(old: Content, new: Content) -> bool:
    """Return whether both hold the same bytes."""
    if old.size != new.size:
        return False
    with old.open() as one, new.open() as other:
        return all(a == b for a, b in blocks(one, other))
