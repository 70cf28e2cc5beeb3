from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts import run_history
from mlops_kit.artifacts.run_history import (
    FILE,
    RunSummary,
    StageRun,
    append_records,
    decode_record,
    durations,
    encode_record,
    peaks,
    read_records,
)

if TYPE_CHECKING:
    import pytest

SECONDS = st.integers(0, 10**12).map(lambda value: value / 1000)
RUNS = st.builds(
    StageRun,
    stage=st.text(),
    result=st.sampled_from(["ran", "cached", "failed", "cancelled"]),
    at=SECONDS,
    seconds=SECONDS,
    peak_bytes=st.integers(0, 10**15),
    warm=st.booleans(),
    commit=st.text(),
)


def ran(stage: str, seconds: float, peak: int = 0) -> StageRun:
    return StageRun(stage, "ran", 1.0, seconds, peak_bytes=peak)


def test_what_was_appended_comes_back_in_order(tmp_path: Path) -> None:
    summary = RunSummary("r1", 1.0, 4.5, ran=2, cached=1, jobs=8, machine="2 x CPU")
    assert append_records(tmp_path, [ran("a", 1.5), summary])
    assert append_records(tmp_path, [ran("b", 3.0)])
    assert read_records(tmp_path) == ((ran("a", 1.5), ran("b", 3.0)), (summary,))


def test_durations_are_the_median_of_the_last_five_that_succeeded(tmp_path: Path) -> None:
    append_records(tmp_path, [ran("a", seconds) for seconds in (99, 99, 1, 2, 3, 4, 50)])
    append_records(tmp_path, [StageRun("a", "failed", 1.0, 700.0), StageRun("b", "cached", 1.0, 2.0)])
    assert durations(tmp_path) == {"a": 3}


def test_peaks_are_the_most_of_the_last_five_where_they_are_known(tmp_path: Path) -> None:
    append_records(tmp_path, [ran("a", 1, peak) for peak in (900, 10, 20, 40, 30, 20)] + [ran("b", 1)])
    assert peaks(tmp_path) == {"a": 40}


def test_a_half_written_line_loses_itself_alone(tmp_path: Path) -> None:
    append_records(tmp_path, [ran("a", 1.0), ran("b", 2.0)])
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-9])
    append_records(tmp_path, [ran("c", 3.0)])
    assert set(durations(tmp_path)) == {"a", "c"}


def test_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    append_records(tmp_path, [ran("a", 1.0)])
    with (tmp_path / FILE).open("a", encoding="utf-8") as file:
        file.write('[]\n7\n{"kind":"stage"}\n\x00\n{"kind":"other","stage":"b"}\n')
        file.write('{"kind":"stage","stage":"b","result":"ran","at":1,"seconds":NaN}\n')
        file.write('{"kind":"stage","stage":"b","result":"ran","at":1,"seconds":true}\n')
        file.write('{"kind":"stage","stage":"c","result":"ran","at":1,"seconds":5,"later":[1]}\n')
    assert durations(tmp_path) == {"a": 1.0, "c": 5}


def test_a_long_history_keeps_its_newer_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_history, "LIMIT", 4000)
    for number in range(300):
        append_records(tmp_path, [ran(f"stage-{number}", 1.0)])
    stages = list(durations(tmp_path))
    assert stages == [f"stage-{number}" for number in range(300 - len(stages), 300)]
    assert (tmp_path / FILE).stat().st_size <= 4000
    assert len(stages) > 20


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_text("a file", encoding="utf-8")
    assert not append_records(tmp_path, [ran("a", 1.0)])
    assert durations(tmp_path) == {}


@given(RUNS)
def test_a_record_survives_json(record: StageRun) -> None:
    assert decode_record(StageRun, json.loads(json.dumps(encode_record(record)))) == record
