"""Writing what arrives: errors of this machine's disk are told apart from those of the network, which are tried again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlops_kit.errors import OutsideError


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn errors of the file system round `path` into OutsideError, which nobody takes for one of the network."""
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"{path.parent}: {error.strerror or error}",
            fix="make room there, then run mlops-kit acquire again",
        ) from error


@contextmanager
def appending(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that appends bytes to `path`; what it was given is in the file even when the block ends with an error."""
    with disk(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))

    def write(content: bytes) -> None:
        rest = memoryview(content)
        with disk(path):
            while rest:
                rest = rest[os.write(descriptor, rest) :]

    try:
        yield write
        with disk(path):
            os.fsync(descriptor)
    finally:
        with suppress(OSError):
            os.close(descriptor)
