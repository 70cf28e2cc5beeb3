"""The data steps, called as functions on small tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit import BadDataError, PartitionSet
from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.artifacts.tables import read_partitions
from mlops_kit.steps.data.acquire_file import AcquireParams, acquire
from mlops_kit.steps.data.features_calendar import FeaturesParams, features
from mlops_kit.steps.data.split_time import SplitParams, split
from mlops_kit.steps.labels.label_column import LabelParams, label

TASK = Task("classification", "late", ("id",), "when")
START = datetime(2025, 1, 1, tzinfo=UTC)


def daily(count: int, **columns: list[Any]) -> pa.Table:
    moments = pa.array([START + timedelta(days=day) for day in range(count)], pa.timestamp("us", tz="UTC"))
    return pa.table({"id": [f"r{number:04}" for number in range(count)], "when": moments, **columns})


def acquired(params: AcquireParams) -> PartitionSet:
    save_artifact("PartitionRows", acquire(task=TASK, params=params).raw, Path("raw"))
    return read_partitions(Path("raw"))


def test_acquire_parts_by_month_and_stops_where_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text(
        "id,when,x\n1,2025-01-31T23:00:00Z,a\n2,2025-02-01T00:00:00Z,\n3,2025-03-01T00:00:00Z,c\n"
    )
    made = acquired(AcquireParams("d.csv", through="2025-02"))
    assert list(made.tables) == ["2025-01", "2025-02"]
    assert made.tables["2025-02"].to_pylist() == [{"id": "2", "when": "2025-02-01T00:00:00Z", "x": None}]
    assert [line["rows"] for line in made.manifest] == [1, 1]


def test_sample_never_moves_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = []
    for count in (500, 1000):
        Path("d.csv").write_text("id,when\n" + "".join(f"{n},2025-01-01T00:00:00Z\n" for n in range(count)))
        made = acquired(AcquireParams("d.csv", sample=0.2)).tables["2025-01"]
        kept.append([row for row in made["id"].to_pylist() if int(row) < 500])
    assert kept[0] == kept[1]
    assert 60 < len(kept[0]) < 140


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,when\n", "no rows"),
        ("id,wen\n1,2025-01-01\n", "did you mean wen"),
        ("id,when\n1,01/02/2025\n", "does not start with year"),
        ("id,when\n1,2026-01-01\n", "no rows up to"),
    ],
)
def test_acquire_describes_a_source_it_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text(text)
    with pytest.raises(BadDataError) as caught:
        acquired(AcquireParams("d.csv", through="2025-12"))
    assert message in f"{caught.value.message} {caught.value.fix}"


def test_calendar_is_added_once() -> None:
    made = features(daily(2), task=TASK, params=FeaturesParams())
    assert made.select(["month", "weekday", "hour"]).to_pylist()[1] == {"month": 1, "weekday": 3, "hour": 0}
    assert features(made, task=TASK, params=FeaturesParams()).num_columns == made.num_columns


def test_labels_wait_until_they_are_known() -> None:
    table = daily(10, delay=[20.0, None, *[5.0] * 8])
    made = label(table, task=TASK, params=LabelParams("delay", at_least=15, known_after_days=3))
    assert made.labels["late"].to_pylist() == [1, 0, 0, 0, 0, 0]
    assert (made.labelling["unlabelled_missing"], made.labelling["unlabelled_not_yet"]) == (1, 3)
    with pytest.raises(BadDataError, match="a label is 0 or 1"):
        label(table, task=TASK, params=LabelParams("delay"))


def test_split_keeps_the_future_out_and_sets_unlabelled_rows_aside() -> None:
    table = daily(100, x=list(range(100)), secret=[number % 2 for number in range(100)])
    labels = (
        table.select(["id"])
        .append_column("late", pa.array([n % 2 for n in range(100)], pa.int8()))
        .slice(0, 80)
    )
    schema = Schema({"secret": Column("integer", "ignore")})
    made = split(table, labels, task=TASK, schema=schema, params=SplitParams(0.25))
    assert (made.train.num_rows, made.test.num_rows, made.live.num_rows) == (60, 20, 20)
    assert max(made.train["when"].to_pylist()) < min(made.test["when"].to_pylist())
    assert "secret" not in made.train.column_names
    assert made.leakage["time_overlap"] is False


def test_column_that_gives_the_label_away_is_named() -> None:
    table = daily(200, leak=[float(n % 2) for n in range(200)])
    labels = table.select(["id"]).append_column("late", pa.array([n % 2 for n in range(200)], pa.int8()))
    made = split(table, labels, task=TASK, schema=Schema({}), params=SplitParams(0.25))
    assert list(made.leakage["telling_columns"]) == ["leak"]


def test_split_without_time_never_moves_old_rows() -> None:
    timeless = Task("classification", "late", ("id",))
    tests = []
    for count in (300, 600):
        table = daily(count)
        labels = table.select(["id"]).append_column(
            "late", pa.array([n % 2 for n in range(count)], pa.int8())
        )
        made = split(table, labels, task=timeless, schema=Schema({}), params=SplitParams(0.3))
        tests.append({row for row in made.test["id"].to_pylist() if row < "r0300"})
    assert tests[0] == tests[1]
