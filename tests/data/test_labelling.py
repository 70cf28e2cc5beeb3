from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit import BadDataError
from mlops_kit.artifacts import duck as engine
from mlops_kit.artifacts.tables import write_parquet
from mlops_kit.data.calendar import add_calendar
from mlops_kit.data.labelling import label_rows
from mlops_kit.spec.model import Task
from tests.support.rows import daily, rows, table_of, written

TIMED = Task("classification", "late", ("id",), "when")
KEYED = Task("classification", "late", ("id",))
NUMBER = Task("regression", "late", ("id",))


def test_labels_wait_until_they_are_known(tmp_path: Path) -> None:
    table = rows(tmp_path, daily(10, delay=[20.0, None, *[5.0] * 8]))
    made = label_rows(table, "delay", task=TIMED, at_least=15, known_after_days=3)
    found = table_of(made.labels)
    assert found["late"].to_pylist() == [1, 0, 0, 0, 0, 0]
    assert str(found.schema.field("late").type) == "int8"
    assert str(found.schema.field("known_at").type) == "timestamp[us, tz=UTC]"
    assert (made.labelling["unlabelled_missing"], made.labelling["unlabelled_not_yet"]) == (1, 3)


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([1, 0, None], {}, [1, 0]),
        ([True, False, None], {}, [1, 0]),
        ([1.0, 0.0, math.nan], {}, [1, 0]),
        (["b", "a", None], {"equals": "b"}, [1, 0]),
        ([2, 3, None], {"equals": "2"}, [1, 0]),
        ([2.0, 3.5, math.nan], {"equals": "2"}, [1, 0]),
        ([2.0, 3.5, None], {"equals": "two"}, [0, 0]),
        ([15, 14, None], {"at_least": 15}, [1, 0]),
        ([1e300, -1.5, math.nan], {"at_least": -1}, [1, 0]),
    ],
)
def test_a_label_is_made_as_told(
    tmp_path: Path, values: list[Any], options: dict[str, Any], expected: list[int]
) -> None:
    table = rows(tmp_path, pa.table({"id": ["a", "b", "c"], "v": pa.array(values)}))
    made = label_rows(table, "v", task=KEYED, **options)
    assert table_of(made.labels)["late"].to_pylist() == expected
    assert made.labelling["unlabelled_missing"] == 1


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        ([1, 2], "v", "holds 2; a label is 0 or 1"),
        (["yes", "no"], "v", "holds no, yes"),
        ([1, 0], "w", "no column `w`"),
        (pa.nulls(2, pa.int8()), "v", "no row has a known label"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, values: Any, column: str, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        label_rows(rows(tmp_path, pa.table({"id": ["a", "b"], "v": values})), column, task=KEYED)


def test_the_mean_of_numbers_does_not_depend_on_their_order(tmp_path: Path) -> None:
    values = [1e16, 1.0, -1e16, 1.0] * 500
    means = set()
    for given in (values, sorted(values)):
        table = pa.table({"id": list(range(2000)), "v": given})
        means.add(label_rows(rows(tmp_path, table), "v", task=NUMBER).labelling["mean_label"])
    assert means == {0.5}


def test_label_bytes_do_not_depend_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows(tmp_path, daily(3000, delay=[n * 7919 % 101 / 3 for n in range(3000)]))
    found = []
    for threads in (1, 2, 8):
        monkeypatch.setattr(engine, "usable_processors", lambda threads=threads: threads)
        made = label_rows(table, "delay", task=TIMED, at_least=15)
        calendar = add_calendar(table, "when")
        found.append(
            (written(made.labels, tmp_path / "l"), made.labelling, written(calendar, tmp_path / "c"))
        )
    assert found[0] == found[1] == found[2]


def test_the_calendar_is_added_once_and_keeps_the_order(tmp_path: Path) -> None:
    given = daily(200).take(list(reversed(range(200))))
    made = table_of(add_calendar(rows(tmp_path, given), "when"))
    assert made.select(["id", "month", "weekday", "hour"]).to_pylist()[-2] == {
        "id": "r0001", "month": 1, "weekday": 3, "hour": 0
    }  # fmt: skip
    assert made["id"].to_pylist() == given["id"].to_pylist()
    assert table_of(add_calendar(rows(tmp_path, made), "when")).schema == made.schema


def test_without_a_time_the_rows_pass_unchanged(tmp_path: Path) -> None:
    write_parquet(daily(50), tmp_path / "same.parquet")
    assert (
        written(add_calendar(rows(tmp_path, daily(50)), None), tmp_path / "o")
        == (tmp_path / "same.parquet").read_bytes()
    )
    with pytest.raises(BadDataError, match="`id` is no column of times, but string"):
        add_calendar(rows(tmp_path, daily(5)), "id")
