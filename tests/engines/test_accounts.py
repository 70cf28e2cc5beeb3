from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_kit.artifacts.costs import keep_cost, read_costs
from mlops_kit.artifacts.run_history import StageRun, durations, peaks, read_records
from mlops_kit.engines._base import StageUsage
from mlops_kit.engines.accounts import Accounts
from mlops_kit.engines.watching import Overheard, RunStart, StageNews, Watchers
from mlops_kit.outside.dvc import StageEvent, StageState

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0f" * 32


def test_a_stage_that_ran_is_in_the_history_and_has_a_cost(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    accounts.begin(RunStart(("train",), jobs=4))
    accounts.change(StageNews("train", StageState.RUNNING))
    accounts.change(StageNews("train", StageState.RAN, StageUsage(2.0, 1.5, 900, 10, 20, warm=True), KEY))
    accounts.finish()
    assert (durations(tmp_path), peaks(tmp_path)) == ({"train": 2.0}, {"train": 900})
    (summary,) = read_records(tmp_path)[1]
    assert (summary.ran, summary.cached, summary.jobs, " x " in summary.machine) == (1, 0, 4, True)
    assert read_costs(tmp_path, [KEY])[KEY].cpu_seconds == 1.5


def test_a_restored_stage_counts_what_it_saved(tmp_path: Path) -> None:
    keep_cost(tmp_path / ".dvc/cache", StageRun("train", "ran", 1.0, 60.0, key=KEY))
    accounts = Accounts(tmp_path)
    accounts.begin(RunStart(("train", "test")))
    accounts.change(StageNews("train", StageState.CACHED, StageUsage(0.5), KEY))
    accounts.change(StageNews("test", StageState.SKIPPED))
    accounts.finish()
    stages, (summary,) = read_records(tmp_path)
    assert [(one.stage, one.result, one.seconds) for one in stages] == [("train", "cached", 0.5)]
    assert (summary.cached, summary.unchanged, summary.saved) == (1, 1, 60.0)


def test_what_dvc_says_is_told_to_all_watchers(tmp_path: Path) -> None:
    both = Watchers([Accounts(tmp_path), Accounts(tmp_path)])
    heard = Overheard(both)
    heard.event(StageEvent("train", StageState.RUNNING))
    heard.line("epoch 1")
    heard.event(StageEvent("train", StageState.FAILED, 3.0))
    heard.finish()
    stages, summaries = read_records(tmp_path)
    assert [one.result for one in stages] == ["failed", "failed"]
    assert [one.failed for one in summaries] == [1, 1]


def test_a_run_that_was_refused_leaves_no_trace(tmp_path: Path) -> None:
    Accounts(tmp_path).finish()
    assert read_records(tmp_path) == ((), ())
