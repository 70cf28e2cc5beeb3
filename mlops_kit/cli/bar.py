"""A bar over bytes, on a terminal; elsewhere nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ByteBar:
    """Counts bytes, and files where they are told."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._files = (0, 0)
        self._total = 0

    def expect(self, size: int, files: int = 0) -> None:
        """Add bytes, and files, to what is to come."""
        self._total += size
        self._files = (self._files[0], self._files[1] + files)
        self._bar.update(self._task, total=self._total, files=self._shown())

    def advance(self, size: int) -> None:
        """Count bytes that are done."""
        self._bar.advance(self._task, size)

    def file_done(self, size: int) -> None:
        """Count a file that is done, with its bytes."""
        self._files = (self._files[0] + 1, self._files[1])
        self._bar.update(self._task, advance=size, files=self._shown())

    def _shown(self) -> str:
        done, total = self._files
        return f"{done}/{total} files" if total else ""


@contextmanager
def byte_bar(title: str) -> Iterator[ByteBar]:
    """Show a bar on standard error while the block works, if that is a terminal; it is gone afterwards."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    files = TextColumn("{task.fields[files]}")
    columns = (TextColumn(title), BarColumn(), files, DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield ByteBar(bar, bar.add_task("", total=0, files=""))
