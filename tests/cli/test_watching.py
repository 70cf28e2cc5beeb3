from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from mlops_kit.cli import run_table
from mlops_kit.cli.run_lines import MOST, RunLines
from mlops_kit.cli.run_table import render_standing
from mlops_kit.cli.watching import can_animate, watching
from mlops_kit.engines._base import StageLine, StageUsage
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.errors import UsageError
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.run_board import RunningStage, Standing

if TYPE_CHECKING:
    from pathlib import Path


def standing(count: int, *, name: str = "shard@{}", waiting: int = 0) -> Standing:
    rows = tuple(
        RunningStage(name.format(i), 65.0, 5.0, 2 << 30, "epoch 3 [bold] of 9" * 9) for i in range(count)
    )
    left = tuple(f"later-{i}" for i in range(waiting))
    return Standing(rows, left, {StageState.RAN: 3}, count + waiting + 3, 90.0, 200.0, certain=True)


def shown(what: Standing, width: int, height: int = 24) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, color_system=None)
    console.print(render_standing(what, width, height))
    return file.getvalue().splitlines()


def plain_console() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=80, color_system=None), file


def test_all_columns_fit_into_80() -> None:
    lines = shown(standing(2), 80)
    assert lines[0] == "3 of 5 stages done, 2 running, 1:30 min, about 3:20 min left"
    assert lines[1].split() == ["stage", "state", "time", "left", "memory", "last", "line"]
    assert lines[2].startswith("shard@0  running   1:05 min      5.0 s  2.15 GB  epoch 3 [bold] of 9")


@pytest.mark.parametrize("width", [120, 80, 72, 60, 40, 20])
@pytest.mark.parametrize(
    "name", ["shard@{}", "a-very-long-name-of-a-stage-that-fits-nowhere@{}", "日本語の長い名前{}"]
)
def test_no_line_is_wider_than_the_terminal(width: int, name: str) -> None:
    from rich.cells import cell_len

    lines = shown(standing(3, name=name, waiting=9), width)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) == 1 + 1 + 3 + 3 + 1


@pytest.mark.parametrize("height", [24, 10, 5])
def test_a_hundred_stages_never_fill_more_than_the_terminal(height: int) -> None:
    lines = shown(standing(100, waiting=400), 80, height)
    assert len(lines) < height
    assert lines[-1].startswith("and ")
    assert lines[-1].endswith(" running, 400 waiting")


def test_what_is_unchanged_gets_no_line_and_what_is_done_gets_one() -> None:
    console, file = plain_console()
    lines = RunLines(console)
    lines.begin(RunStart(("a", "b")))
    lines.change(StageNews("a", StageState.SKIPPED))
    lines.change(StageNews("b", StageState.RUNNING))
    lines.line(StageLine("b", "not shown"))
    lines.change(StageNews("b", StageState.RAN, StageUsage(2.5, peak_bytes=3_000_000)))
    assert file.getvalue() == "running    b\nran        b  2.5 s, 3 MB\n"


def test_many_stages_get_few_lines_but_failures_and_long_ones_get_theirs() -> None:
    console, file = plain_console()
    lines = RunLines(console, table=True)
    for number in range(500):
        lines.change(StageNews(f"s{number}", StageState.RAN, StageUsage(0.1)))
    lines.change(StageNews("long", StageState.RAN, StageUsage(61)))
    lines.change(StageNews("bad", StageState.FAILED, StageUsage(0.1)))
    text = file.getvalue().splitlines()
    assert len(text) == MOST + 3
    assert text[-2:] == ["ran        long  1:01 min", "FAILED     bad  0.1 s"]


def test_a_log_of_many_stages_says_now_and_then_how_far_it_is() -> None:
    now = [0.0]
    console, file = plain_console()
    lines = RunLines(console, clock=lambda: now[0])
    lines.begin(RunStart(tuple(f"s{number}" for number in range(100))))
    for number in range(100):
        now[0] += 1
        lines.change(StageNews(f"s{number}", StageState.CACHED))
    assert file.getvalue().splitlines()[MOST + 1 :] == [
        f"{done} of 100 stages done, {duration}"
        for done, duration in ((50, "50 s"), (60, "1:00 min"), (70, "1:10 min"), (80, "1:20 min"), (90, "1:30 min"), (100, "1:40 min"))
    ]  # fmt: skip


def test_verbose_shows_output_with_its_stage_where_several_run() -> None:
    console, file = plain_console()
    lines = RunLines(console, verbose=True)
    lines.begin(RunStart(("a",), jobs=4))
    lines.line(StageLine("a", "[red]loss[/] 0.5"))
    lines.line(StageLine("", "from DVC"))
    assert file.getvalue() == "a: [red]loss[/] 0.5\nfrom DVC\n"


def test_what_a_run_waits_for_is_always_said() -> None:
    console, file = plain_console()
    lines = RunLines(console)
    lines.line(StageLine("", "waiting for process 7, which runs this project"))
    lines.begin(RunStart(("a",), jobs=1))
    lines.line(StageLine("a", "waits for process 8, which works on the same paths"))
    lines.change(StageNews("a", StageState.RUNNING))
    lines.line(StageLine("a", "waits for nothing"))
    assert [line.split()[0] for line in file.getvalue().splitlines()] == ["waiting", "a:", "running"]


def test_events_go_to_a_file_while_lines_go_to_the_console(tmp_path: Path) -> None:
    console, file = plain_console()
    with watching(console, events=str(tmp_path / "events.jsonl")) as watcher:
        watcher.begin(RunStart(("a",)))
        watcher.change(StageNews("a", StageState.CACHED))
        watcher.finish()
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["run_started", "stage_finished", "run_finished"]
    assert file.getvalue() == "from cache a\n"


@pytest.mark.parametrize(("events", "as_json"), [("-", True), ("no/such/folder/x", False), ("", False)])
def test_events_that_cannot_be_written_are_refused(tmp_path: Path, events: str, as_json: bool) -> None:
    place = events if events == "-" else str(tmp_path / events)
    with pytest.raises(UsageError), watching(plain_console()[0], events=place, as_json=as_json):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo terminals")
class TestTerminal:
    def run(self, monkeypatch: pytest.MonkeyPatch, patience: float) -> str:
        """Return all that a terminal gets of a run of one stage that prints a line; the table is drawn by its own thread."""
        monkeypatch.setattr(run_table, "PATIENCE", patience)
        ours, theirs = os.openpty()
        with os.fdopen(theirs, "w", encoding="utf-8") as file:
            console = Console(file=file, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm"})
            assert can_animate(console)
            seen = b""
            with suppress(KeyboardInterrupt), watching(console) as watcher:
                watcher.begin(RunStart(("train",)))
                watcher.change(StageNews("train", StageState.RUNNING))
                watcher.line(StageLine("train", "epoch\x1b[2J 7"))
                while patience < 1 and b"epoch 7" not in seen:
                    seen += os.read(ours, 4096)
                raise KeyboardInterrupt
            file.write("after\n")
            file.flush()
            while b"after" not in seen:
                seen += os.read(ours, 4096)
        os.close(ours)
        return seen.decode()

    def test_the_table_goes_away_when_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = self.run(monkeypatch, 0.0)
        assert "\x1b[?25l" in text
        assert text.rindex("\x1b[?25h") > text.rindex("epoch 7")
        assert text.endswith("\x1b[2Kafter\r\n")

    def test_a_run_that_is_over_at_once_draws_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.run(monkeypatch, 60.0) == "after\r\n"


def test_a_dumb_terminal_and_a_pipe_get_no_table() -> None:
    dumb = Console(force_terminal=True, file=io.StringIO(), _environ={"TERM": "dumb"})
    forced = Console(force_terminal=True, file=io.StringIO(), _environ={"TERM": "xterm", "FORCE_COLOR": "1"})
    assert not can_animate(dumb)
    assert not can_animate(forced)
