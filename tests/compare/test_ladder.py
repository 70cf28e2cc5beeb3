"""The ladder: the rung that everything allows, what stopped the next one, and the exit code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.compare.ladder import (
    MEANINGS,
    AxisResult,
    OutputLevel,
    OutputResult,
    Rung,
    StageOutcome,
    StageResult,
    climb,
    exit_code,
)
from mlops_kit.errors import ExitCode

levels = st.sampled_from(OutputLevel)
axes = st.builds(
    AxisResult, st.just(("zone",)), st.sampled_from([(), ("m.json",)]), st.sampled_from(["", "died"])
)
stages = st.builds(
    StageResult,
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from([StageOutcome.RAN] * 6 + list(StageOutcome)),
    st.lists(st.builds(OutputResult, st.just("m.json"), levels), max_size=2).map(tuple),
    swept=st.lists(axes, max_size=2).map(tuple),
)


def ran(level: OutputLevel = OutputLevel.IDENTICAL, *swept: AxisResult) -> StageResult:
    return StageResult("train", StageOutcome.RAN, (OutputResult("m.json", level, 0.25),), swept=swept)


@pytest.mark.parametrize(
    ("level", "rung"),
    [
        (OutputLevel.IDENTICAL, Rung.R3),
        (OutputLevel.EQUAL, Rung.R2),
        (OutputLevel.INTERVAL, Rung.R1),
        (OutputLevel.DIFFERENT, Rung.R0),
        (OutputLevel.UNKNOWN, Rung.R0),
        (OutputLevel.MISSING, Rung.NONE),
    ],
)
def test_worst_output_decides_the_rung(level: OutputLevel, rung: Rung) -> None:
    found = climb([ran(), ran(level)], swept=False, untried={})
    assert found.rung is rung
    assert found.stopped
    assert found.meaning == MEANINGS[rung]


def test_sweep_that_nothing_breaks_is_the_fourth_rung_and_a_second_builder_the_fifth() -> None:
    clean = [ran(OutputLevel.IDENTICAL, AxisResult(("zone",)))]
    assert climb(clean, swept=True, untried={}).rung is Rung.R4
    assert climb(clean, swept=True, untried={}, confirmed=True).rung is Rung.R5
    assert climb(clean, swept=True, untried={"zone": "no reason"}).stopped == (
        "zone was not perturbed: no reason",
    )


def test_broken_axis_names_stage_axis_and_output() -> None:
    broken = [ran(OutputLevel.IDENTICAL, AxisResult(("zone",), ("m.json",), detail=("line 1: 1 -> 2",)))]
    found = climb(broken, swept=True, untried={})
    assert found.rung is Rung.R3
    assert found.stopped == ("train depends on zone: m.json (line 1: 1 -> 2)",)


def test_largest_deviation_is_said() -> None:
    assert "by at most 0.25" in climb([ran(OutputLevel.EQUAL)], swept=False, untried={}).stopped[0]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (StageOutcome.FAILED, ExitCode.OUTSIDE),
        (StageOutcome.NOT_RUN, ExitCode.UNREADABLE),
        (StageOutcome.ENVIRONMENT, ExitCode.STALE),
        (StageOutcome.STALE, ExitCode.STALE),
    ],
)
def test_exit_code_says_what_stopped_it(outcome: StageOutcome, code: ExitCode) -> None:
    made = [ran(), StageResult("x", outcome, problem="why")]
    assert exit_code(made, climb(made, swept=False, untried={}), Rung.R0) is code


def test_lower_demand_is_met_by_a_lower_rung() -> None:
    made = [ran(OutputLevel.EQUAL)]
    ladder = climb(made, swept=False, untried={})
    assert exit_code(made, ladder, Rung.R2) is ExitCode.OK
    assert exit_code(made, ladder, Rung.R3) is ExitCode.BAD_DATA


@given(st.lists(stages, max_size=4), stages, st.booleans())
def test_one_more_stage_never_lifts_the_rung(some: list[StageResult], more: StageResult, swept: bool) -> None:
    before = climb(some, swept=swept, untried={})
    after = climb([*some, more], swept=swept, untried={})
    assert after.rung <= before.rung or not some
    assert after.rung is Rung.R5 or after.stopped


@given(st.lists(stages, min_size=1, max_size=4))
def test_identical_stages_alone_reach_the_third_rung(some: list[StageResult]) -> None:
    assert (climb(some, swept=False, untried={}).rung >= Rung.R3) == all(one.identical for one in some)
