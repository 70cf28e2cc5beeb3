"""The planted faults and the clean pipelines, all run again by the real `reproduce`."""

from __future__ import annotations

import pytest

from tests.support.faults.clean import PIPELINES
from tests.support.faults.corpus import Outcome, run_corpus
from tests.support.faults.plain import FAULTS


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    made = run_corpus(tmp_path_factory.mktemp("faults"))
    print(f"\n{made.table()}")
    return made


@pytest.mark.slow
def test_every_planted_fault_is_found(outcome: Outcome) -> None:
    assert len(FAULTS) >= 45
    assert [one.fault.name for one in outcome.findings if not one.found] == []


@pytest.mark.slow
def test_stage_and_cause_are_named_right(outcome: Outcome) -> None:
    wrong = [f"{one.fault.name}: {sorted(one.named)}" for one in outcome.findings if not one.right]
    assert outcome.right >= 0.95 * len(outcome.findings), wrong


@pytest.mark.slow
def test_clean_pipelines_raise_no_alarm(outcome: Outcome) -> None:
    assert len(PIPELINES) >= 10
    assert outcome.alarms == ()
