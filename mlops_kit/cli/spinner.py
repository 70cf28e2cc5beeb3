"""A spinner with a line of text, on a terminal; elsewhere nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


@contextmanager
def spinning(console: Console) -> Iterator[Status | None]:
    """Spin while the block works; yield what takes another text, None where there is no terminal."""
    if not console.is_terminal:
        yield None
        return
    with console.status("starting", spinner="dots") as status:
        yield status
