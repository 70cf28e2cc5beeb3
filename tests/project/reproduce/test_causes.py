from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.compare.causes import MEANINGS, Cause, CauseKind
from mlops_kit.compare.ladder import StageOutcome, StageResult
from mlops_kit.project.reproduce.causes import OF_AXIS
from mlops_kit.project.reproduce.failing import explain_failure
from mlops_kit.project.reproduce.laboratory import FEWEST_RUNS, MOST_RUNS, affordable_runs
from mlops_kit.project.reproduce.lines import OF_RULE
from mlops_kit.project.reproduce.perturb import AXES
from mlops_kit.steps.lint import RULES


def failed(*tail: str) -> StageResult:
    return StageResult("train", StageOutcome.FAILED, problem="it failed", tail=tail)


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cfg/a.json'", CauseKind.HIDDEN_INPUT, "cfg/a.json"),
        ("cat: notes.txt: No such file or directory", CauseKind.HIDDEN_INPUT, "notes.txt"),
        ("ModuleNotFoundError: No module named 'lightgbm'", CauseKind.PACKAGE_VERSION, "lightgbm"),
        ("urllib.error.URLError: <urlopen error [Errno 111] Connection refused>", CauseKind.NETWORK, "connect"),
        ("UnicodeEncodeError: 'ascii' codec can't encode character", CauseKind.LOCALE, "Unicode"),
        ("ImportError: cannot import name 'f' from 'pandas'", CauseKind.PACKAGE_VERSION, "cannot import name"),
        ("ValueError: bad luck", CauseKind.UNKNOWN, "it failed"),
    ],
)  # fmt: skip
def test_last_lines_of_a_failure_name_its_cause(line: str, kind: CauseKind, words: str) -> None:
    made = explain_failure(failed("Traceback", line), None)
    assert made.kind is kind
    assert words in made.evidence


def test_missing_variable_is_named_with_its_line() -> None:
    made = explain_failure(
        failed('File "/w/train.py", line 7, in f', "os.environ['TOKEN']", "KeyError: 'TOKEN'"), None
    )
    assert (made.kind, made.evidence, made.source) == (
        CauseKind.ENVIRONMENT_VARIABLE,
        "TOKEN is not set",
        "train.py:7",
    )


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (StageOutcome.ENVIRONMENT, CauseKind.PACKAGE_VERSION),
        (StageOutcome.STALE, CauseKind.DAMAGED_RECORD),
        (StageOutcome.NOT_RUN, CauseKind.DAMAGED_RECORD),
    ],
)
def test_stage_that_does_not_start_has_a_cause(outcome: StageOutcome, kind: CauseKind) -> None:
    assert explain_failure(StageResult("a", outcome, problem="why"), None) == Cause(kind, "why")


def test_slow_stages_get_few_runs_and_never_fewer_than_a_second_and_two_pins() -> None:
    assert [affordable_runs(seconds) for seconds in (0, 1, 60, 7200)] == [
        MOST_RUNS,
        MOST_RUNS,
        10,
        FEWEST_RUNS,
    ]


def test_every_cause_axis_and_rule_is_known() -> None:
    assert set(MEANINGS) == set(CauseKind)
    assert set(OF_AXIS) == set(AXES)
    assert set(OF_RULE) <= set(RULES)


def test_cause_reads_as_one_line(tmp_path: Path) -> None:
    made = Cause(CauseKind.CLOCK, "two runs differ", "m.json", "at: 1 -> 2", "train.py:3")
    assert str(made) == "m.json: the clock: two runs differ (at: 1 -> 2), train.py:3"
