"""The data steps, called as functions on small tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit import BadDataError, PartitionSet
from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.artifacts.tables import read_partitions
from mlops_kit.spec.model import Task
from mlops_kit.steps.data.acquire_file import AcquireParams, acquire

TASK = Task("classification", "late", ("id",), "when")


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
