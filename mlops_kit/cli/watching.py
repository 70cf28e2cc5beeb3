"""Who watches a run on the command line: a live table where there is a terminal, plain lines, events for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from mlops_kit.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mlops_kit.cli.plain import Printer
    from mlops_kit.engines.watching import Watcher


def can_animate(console: Printer) -> TypeGuard[Console]:
    """Return whether lines can be taken back: a real terminal, and no dumb one, whatever FORCE_COLOR says of colours."""
    file = console.file
    return console.is_terminal and not console.is_dumb_terminal and hasattr(file, "isatty") and file.isatty()


@contextmanager
def watching(
    console: Printer, *, verbose: bool = False, events: str = "", as_json: bool = False
) -> Iterator[Watcher]:
    """Yield what a run tells its news to; afterwards the terminal is as it was, also after an error.

    `events` is a file that gets them line by line, `-` for standard output. Raises UsageError when it cannot be written.
    """
    from mlops_kit.cli.run_lines import RunLines
    from mlops_kit.engines.watching import Watchers

    table = None
    if can_animate(console):
        from mlops_kit.cli.run_table import RunTable

        table = RunTable(console)
    watchers: list[Watcher] = [RunLines(console, verbose=verbose, table=table is not None)]
    watchers += [table] if table else []
    with _event_writers(events, as_json=as_json) as writers:
        if table:
            table.open()
        try:
            yield Watchers([*writers, *watchers])
        finally:
            if table:
                table.finish()


@contextmanager
def _event_writers(events: str, *, as_json: bool) -> Iterator[list[Watcher]]:
    if not events:
        yield []
        return
    from mlops_kit.report.run_events import EventWriter

    if events == "-" and as_json:
        raise UsageError(
            "--json and --events - would both write to standard output", fix="name a file: --events FILE"
        )
    if events == "-":
        yield [EventWriter(_print_line)]
        return
    try:
        file = Path(events).open("w", encoding="ascii", newline="\n", buffering=1)  # noqa: SIM115 - for longer than this block
    except OSError as error:
        raise UsageError(
            f"--events {events} cannot be written: {error.strerror}", fix="name another file"
        ) from None
    with file:
        yield [EventWriter(file.write)]


def _print_line(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
