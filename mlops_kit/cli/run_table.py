"""The live table of a run on a terminal: what runs now, for how long, with how much memory, and what it said last."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.inert import visible
from mlops_kit.report.run_board import Board, RunningStage, Standing
from mlops_kit.report.sizes import duration_text, size_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table

    from mlops_kit.engines._base import StageLine

PATIENCE = 0.5  # seconds before the table appears: what is done by then needs none
MOST_ROWS = 12
MOST_WAITING = 3
# Width of the terminal -> the columns that fit; what a row says first matters most.
_COLUMNS = (
    (72, ("stage", "state", "time", "left", "memory", "last line")),
    (56, ("stage", "state", "time", "left", "memory")),
    (40, ("stage", "time", "left")),
    (0, ("stage", "time")),
)

_WIDTHS = {"state": 7, "time": 9, "left": 9, "memory": 7}


class RunTable:
    """Shows a run while it goes on and leaves nothing behind; a watcher."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = Board()
        self._live: Live | None = None
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._appear)
        self._timer.daemon = True

    def open(self) -> None:
        """Show the table in a moment, unless all is done by then."""
        self._timer.start()

    def begin(self, start: RunStart) -> None:
        """Show what is about to run."""
        self._board.begin(start)

    def change(self, news: StageNews) -> None:
        """Show that a stage has begun or is done."""
        self._board.change(news)

    def line(self, line: StageLine) -> None:
        """Show the last line of a stage."""
        self._board.line(line)

    def memory(self, stage: str, size: int) -> None:
        """Show the memory of a stage."""
        self._board.memory(stage, size)

    def finish(self) -> None:
        """Take the table away."""
        self._timer.cancel()
        self._board.finish()
        with self._lock:
            self._over = True
            if self._live:
                self._live.stop()

    def _appear(self) -> None:
        from rich.live import Live

        with self._lock:
            if not self._over:
                self._live = Live(
                    console=self._console,
                    get_renderable=self._render,
                    refresh_per_second=4,
                    transient=True,
                    # What a stage of DVC's own writes to our standard streams is none of the table's business.
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()

    def _render(self) -> RenderableType:
        return render_standing(self._board.standing(), self._console.width, self._console.height)


def render_standing(standing: Standing, width: int, height: int) -> RenderableType:
    """Return the table for a terminal of that size; it is never higher than the terminal, whatever the number of stages."""
    from rich.console import Group
    from rich.text import Text

    head = Text(summary_line(standing), style="bold", no_wrap=True, overflow="ellipsis")
    rows = standing.running[: max(1, min(MOST_ROWS, height - 6))]
    spare = max(0, min(MOST_WAITING, MOST_ROWS - len(rows), height - 6 - len(rows)))
    waiting = standing.waiting[:spare]
    parts: list[RenderableType] = [head]
    if rows or waiting:
        parts.append(_table(rows, waiting, width))
    rest = [(len(standing.running) - len(rows), "running"), (len(standing.waiting) - len(waiting), "waiting")]
    said = ", ".join(f"{count:,} {state}" for count, state in rest if count > 0)
    if said:
        parts.append(Text(f"and {said}", style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _table(rows: tuple[RunningStage, ...], waiting: tuple[str, ...], width: int) -> Table:
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    names = next(names for least, names in _COLUMNS if width >= least)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), expand=False)
    stages = [cell_len(visible(name)) for name in (*(row.stage for row in rows), *waiting)]
    widths = {**_WIDTHS, "stage": min(max(5, *stages), max(12, width // 3))}
    widths["last line"] = max(0, width - sum(widths[name] + 2 for name in names if name in widths))
    for name in names:
        table.add_column(
            name,
            justify="right" if name in ("time", "left", "memory") else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=widths.get(name),
        )
    for row in rows:
        cells = {
            "stage": Text(visible(row.stage), style="bold"),
            "state": Text("running", style="green"),
            "time": Text(duration_text(row.seconds)),
            "left": Text("" if row.left is None else duration_text(row.left)),
            "memory": Text(size_text(row.memory) if row.memory else ""),
            "last line": Text(row.line, style="dim"),
        }
        table.add_row(*(cells[name] for name in names))
    for stage in waiting:
        cells = {"stage": Text(visible(stage), style="dim"), "state": Text("waiting", style="dim")}
        table.add_row(*(cells.get(name, Text("")) for name in names))
    return table


def summary_line(standing: Standing) -> str:
    """Return in one line how far a run is: `3 of 12 stages done, 2 running, 14 s, about 1:05 min left`."""
    done = sum(standing.counts.values())
    if not standing.begun:
        return f"looking at what has changed, {duration_text(standing.seconds)}"
    failed = standing.counts.get(StageState.FAILED, 0)
    total = f" of {standing.total:,}" if standing.total else ""
    parts = [f"{done:,}{total} stages done"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{len(standing.running):,} running"] if standing.running else []
    parts += [duration_text(standing.seconds)]
    if standing.left >= 1:
        parts.append(f"{'about' if standing.certain else 'more than'} {duration_text(standing.left)} left")
    return ", ".join(parts)
