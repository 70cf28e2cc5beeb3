"""Plain lines of a run: one for each stage that did something, few for very many; the same in a terminal and in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlops_kit.cli.plain import PlainConsole
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.inert import visible
from mlops_kit.report.run_board import Board
from mlops_kit.report.sizes import duration_text, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.text import Text

    from mlops_kit.cli.plain import Printer
    from mlops_kit.engines._base import StageLine

MOST = 40
"""Lines after which only what took long gets one."""
LONG = 5.0
"""Seconds that are long."""
PAUSE = 10.0
"""Seconds between two lines that say how far a run of many stages is."""
_SIGNS = {
    StageState.RUNNING: ("running", "dim"),
    StageState.RAN: ("ran", "green"),
    StageState.CACHED: ("from cache", "cyan"),
    StageState.SKIPPED: ("unchanged", "dim"),
    StageState.FAILED: ("FAILED", "bold red"),
}


class RunLines:
    """Prints what stages did; a watcher."""

    def __init__(
        self,
        console: Printer,
        *,
        verbose: bool = False,
        table: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._table = table
        self._clock = clock
        self._board = Board(clock)
        self._jobs = 1
        self._begun = False
        self._printed = 0
        self._last = clock()

    def begin(self, start: RunStart) -> None:
        """Take over how many stages there are."""
        self._board.begin(start)
        self._jobs, self._begun = start.jobs, True
        self._last = self._clock()

    def change(self, news: StageNews) -> None:
        """Print that a stage has begun (where no table shows it) or is done."""
        self._board.change(news)
        if self._worth(news):
            self._print(news)
        elif self._printed >= MOST and not self._table and self._clock() - self._last >= PAUSE:
            from mlops_kit.cli.run_table import summary_line

            self._say(summary_line(self._board.standing()))

    def line(self, line: StageLine) -> None:
        """Print what a stage printed, when asked to, with its name where several may run; always what a run has to wait for."""
        waits = not self._begun if not line.stage else not self._board.knows(line.stage)
        if self._verbose or (waits and not line.text.startswith("ERROR")):
            prefix = f"{line.stage}: " if line.stage and (self._jobs > 1 or waits) else ""
            self._say(f"{prefix}{line.text}")

    def memory(self, stage: str, size: int) -> None:
        """Print nothing."""

    def finish(self) -> None:
        """Print nothing; the closing table says what came out."""

    def _worth(self, news: StageNews) -> bool:
        if self._verbose or news.state is StageState.FAILED:
            return True
        if news.state is StageState.SKIPPED or (news.state is StageState.RUNNING and self._table):
            return False
        return self._printed < MOST or (news.state is not StageState.RUNNING and news.usage.seconds >= LONG)

    def _print(self, news: StageNews) -> None:
        sign, style = _SIGNS[news.state]
        usage = news.usage
        parts = [duration_text(usage.seconds)] if news.state in (StageState.RAN, StageState.FAILED) else []
        parts += [size_text(usage.peak_bytes)] if usage.peak_bytes else []
        said = f"  {', '.join(parts)}" if parts else ""
        self._printed += 1
        self._say((f"{sign:<10}", style), f" {visible(news.stage)}{said}")
        if self._printed == MOST and not self._verbose:
            self._say((f"from here on only stages of {LONG:.0f} s and more have a line", "dim"))

    def _say(self, *parts: str | tuple[str, str] | Text) -> None:
        """Print texts, or texts with a style, as one line."""
        self._last = self._clock()
        if isinstance(self._console, PlainConsole):
            self._console.print(
                "".join(part[0] if isinstance(part, tuple) else str(part) for part in parts), markup=False
            )
            return
        from rich.text import Text

        self._console.print(Text.assemble(*parts), markup=False, highlight=False, soft_wrap=True)
