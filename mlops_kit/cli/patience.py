"""A word to whoever waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 2.0


@contextmanager
def told_when_slow(what: str, *, seconds: float = SECONDS) -> Iterator[None]:
    """Say `what` on standard error when the block takes longer than `seconds`; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer  # a quick answer does not pay for it elsewhere

    timer = Timer(seconds, sys.stderr.write, [f"{what}\n"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
