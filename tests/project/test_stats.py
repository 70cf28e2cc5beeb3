from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mlops_kit.artifacts.costs import cost_key, keep_cost
from mlops_kit.artifacts.declared import DeclaredPipelines, read_pipelines
from mlops_kit.artifacts.run_history import RunSummary, StageRun, append_records
from mlops_kit.cli.stats import bars, print_statistics
from mlops_kit.errors import UsageError
from mlops_kit.project.stats import critical_path, pipeline_statistics, stage_statistics, trend_of
from tests.support.shapes import write
from tests.support.world import git, run_kit

FILES = {
    ".dvc/config": "",
    "dvc.yaml": """\
stages:
  load: {cmd: load, deps: [raw.csv], outs: [table]}
  fast: {cmd: fast, deps: [table], outs: [a]}
  slow: {cmd: slow, deps: [table], outs: [b]}
  join: {cmd: join, deps: [a, b], outs: [c]}
""",
    "dvc.lock": """\
schema: '2.0'
stages:
  load:
    cmd: load
    deps:
    - {path: raw.csv, hash: md5, md5: 0cc175b9c0f1b6a831c399e269772661, size: 1}
    outs:
    - {path: table, hash: md5, md5: 0cc175b9c0f1b6a831c399e269772661, size: 1}
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    return tmp_path


def ran(stage: str, seconds: float, peak: int = 0) -> StageRun:
    return StageRun(stage, "ran", 5.0, seconds, seconds / 2, peak)


def remember(root: Path) -> None:
    append_records(root, [ran("load", 1), ran("fast", 2), ran("slow", 8, 3 << 30), ran("join", 1)])
    append_records(root, [StageRun("fast", "cached", 6.0, 0.1), StageRun("slow", "failed", 7.0, 3.0)])
    append_records(
        root, [RunSummary("r", 7.0, 12.0, ran=4, cached=1, unchanged=2, failed=1, jobs=4, saved=2.0)]
    )


def printed(root: Path, width: int) -> str:
    file = io.StringIO()
    print_statistics(Console(width=width, color_system=None, file=file), pipeline_statistics(root))
    return file.getvalue()


def test_the_critical_path_goes_over_the_slowest(root: Path) -> None:
    remember(root)
    found = pipeline_statistics(root)
    assert (found.critical, found.critical_seconds, found.work_seconds) == (("load", "slow", "join"), 10, 12)
    assert [one.stage for one in found.stages if one.critical] == ["load", "slow", "join"]


def test_runs_hits_and_failures_are_counted(root: Path) -> None:
    remember(root)
    found = pipeline_statistics(root, ["fast", "slow"])
    assert [(one.stage, one.runs, one.cached, one.failed) for one in found.stages] == [
        ("fast", 1, 1, 0),
        ("slow", 1, 0, 1),
    ]
    assert (found.recorded, found.ran, found.hits, found.saved) == (1, 4, 1, 2.0)


def test_a_stage_that_never_ran_here_has_the_cost_of_its_recorded_state(root: Path) -> None:
    key = cost_key(read_pipelines(root).locked["load"].entry)
    keep_cost(root / ".dvc/cache", StageRun("load", "ran", 1.0, 42.0, key=key))
    found = pipeline_statistics(root)
    assert (found.stages[0].seconds, found.stages[0].elsewhere) == (42.0, True)
    assert found.unknown == ("fast", "slow", "join")
    assert "(42 s)" in printed(root, 80)


def test_an_unknown_stage_is_a_usage_error(root: Path) -> None:
    with pytest.raises(UsageError, match="no stage `fats`"):
        pipeline_statistics(root, ["fats"])


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit_the_terminal(root: Path, width: int) -> None:
    remember(root)
    text = printed(root, width)
    assert max(map(len, text.splitlines())) <= width
    assert "critical path, 10 s: load → slow → join" in text
    assert "slow *" in text
    assert "3.22 GB" in text


def test_json_has_everything(root: Path) -> None:
    remember(root)
    value = json.loads(run_kit("stats", "--json", "--last", "1", cwd=root).stdout)
    assert value["critical"] == ["load", "slow", "join"]
    assert value["runs"][0]["jobs"] == 4
    assert {one["stage"]: one["peak_bytes"] for one in value["stages"]}["slow"] == 3 << 30


def test_without_a_run_it_says_so(root: Path) -> None:
    assert "no run is recorded here yet" in printed(root, 80)


@pytest.mark.parametrize(
    ("seconds", "trend"),
    [([10, 10, 20], None), ([10, 10, 20, 20], 1.0), ([10, 10.4, 10.2, 10.9], 0.0), ([0.1, 0.1, 0.3, 0.3], 0.0), ([9, 9, 9, 6, 6, 6], -1 / 3)],
)  # fmt: skip
def test_a_trend_is_more_than_noise(seconds: list[float], trend: float | None) -> None:
    assert trend_of(seconds) == (trend if trend is None else pytest.approx(trend))


def test_a_series_is_drawn_where_the_terminal_can() -> None:
    assert bars((1.0, 2.0, 4.0), "utf-8") == "▃▅█"
    assert bars((1.0, 2.0), "cp1252") == bars((1.0,), "utf-8") == bars((0.0, 0.0), "utf-8") == ""


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_the_median_lies_within_the_last_runs(seconds: list[float]) -> None:
    found = stage_statistics("a", [ran("a", one) for one in seconds], None)
    assert found.seconds is not None
    assert min(seconds[-5:]) <= found.seconds <= max(seconds[-5:])


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=8))
def test_the_critical_path_of_a_chain_is_the_chain(seconds: list[float]) -> None:
    names = [f"s{number}" for number in range(len(seconds))]
    inputs = {name: ((before, "x"),) for before, name in itertools.pairwise(names)}
    pipelines = DeclaredPipelines({}, {}, {names[0]: (), **inputs})
    assert critical_path(pipelines, names, dict(zip(names, seconds, strict=True))) == tuple(names)
