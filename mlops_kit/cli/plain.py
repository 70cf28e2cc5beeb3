"""Printing where no terminal is: the same words without colours, in lines of any length, and without loading what draws."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

    Printer: TypeAlias = "Console | PlainConsole"

_MARKUP = re.compile(r"\[/?[a-z ]*\]")


class PlainConsole:
    """What a pipe or a file gets; takes the arguments of rich's console."""

    is_terminal = False
    is_dumb_terminal = False

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def print(self, text: object = "", *, markup: bool = True, **_: object) -> None:
        """Print one text and a line end; `markup` says that it has marks for colours, which are left out."""
        words = str(text)
        self.file.write((_MARKUP.sub("", words) if markup else words) + "\n")
        self.file.flush()


def open_console(*, stderr: bool) -> Printer:
    """Return what prints on standard output or error: with colours on a terminal or where FORCE_COLOR asks for them."""
    file = sys.stderr if stderr else sys.stdout
    if not file.isatty() and not any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE")):
        return PlainConsole(file)
    from rich.console import Console

    return Console(stderr=stderr)


def print_pairs(console: Printer, head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> None:
    """Print a table of names and values, the values at the right."""
    if isinstance(console, PlainConsole):
        left, right = (max(len(row[place]) for row in (head, *rows)) for place in (0, 1))
        for name, value in (head, *rows):
            console.print(f"{name:<{left}}  {value:>{right}}", markup=False)
        return
    from rich.table import Table

    table = Table(*head, box=None, pad_edge=False, header_style="dim")
    table.columns[1].justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)
