"""The clean step, called as a function on small tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit import BadDataError
from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.artifacts.tables import read_parquet, read_partition_rows, write_parquet
from mlops_kit.spec.model import Column, RowBounds, Schema, Task
from mlops_kit.steps.data.clean_rules import CleanParams, clean
from tests.support.cleaning import clean_table, texts

TASK = Task("classification", "late", ("id",), "when")
SCHEMA = Schema(
    {"id": Column("string", "key", nullable=False), "when": Column("timestamp", "time", nullable=False), "n": Column("integer", min=0, max=9),
     "c": Column("string", values=("a", "b"), pattern="[a-z]")}, max_quarantine=1.0,
)  # fmt: skip
NOON = "2025-01-01T12:00:00Z"


def test_the_step_writes_what_its_signature_says(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_parquet(
        texts(id=["1", "2"], when=[NOON, "x"], n=["1", "1"], c=["a ", "b"]), tmp_path / "raw/all.parquet"
    )
    made = clean(
        read_partition_rows(tmp_path / "raw"),
        schema=SCHEMA,
        task=TASK,
        params=CleanParams(rules=({"rename": {"c": "d"}}, {"rename": {"d": "c"}})),
    )
    save_artifact("Rows", made.clean, tmp_path / "clean.parquet")
    assert read_parquet(tmp_path / "clean.parquet")["c"].to_pylist() == ["a"]
    assert (made.cleaning["rows_in"], made.cleaning["rows_out"], made.cleaning["quarantined"]) == (2, 1, 1)
    assert [rule["rule"] for rule in made.rules["rules"]] == ["rename", "rename"]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({}, None), ({"n": ""}, None), ({"n": " 7 "}, None), ({"n": "7.0"}, None), ({"c": None}, None),
        ({"n": "seven"}, "type integer"), ({"n": "10"}, "max 9"), ({"n": "-1"}, "min 0"), ({"n": "9" * 30}, "type integer"),
        ({"c": "z"}, "allowed values"), ({"when": "soon"}, "type timestamp"), ({"when": "2025-02-30"}, "type timestamp"), ({"when": ""}, "not missing"),
    ],
)  # fmt: skip
def test_clean_keeps_or_quarantines_with_the_reason(row: dict[str, Any], rule: str | None) -> None:
    values = {"id": "1", "when": NOON, "n": "1", "c": "a", **row}
    made = clean_table(texts(**{name: [value] for name, value in values.items()}), schema=SCHEMA, task=TASK)
    assert made.quarantine["rule"].to_pylist() == ([rule] if rule else [])
    assert made.clean.num_rows == (0 if rule else 1)


def test_too_many_bad_rows_fail_with_the_worst_rules() -> None:
    strict = Schema(SCHEMA.columns, max_quarantine=0.1)
    table = texts(id=["1", "2"], when=[NOON, NOON], n=["x", "1"], c=["a", "a"])
    with pytest.raises(BadDataError, match=r"n: type integer \(1 rows\)"):
        clean_table(table, schema=strict, task=TASK)
    with pytest.raises(BadDataError, match=r"lacks columns of schema\.yaml: c"):
        clean_table(table.drop_columns(["c"]), schema=strict, task=TASK)


def test_quarantine_says_where_a_row_stands_in_the_raw_data() -> None:
    parts = [texts(id=["1", "2"], n=["1", "x"]), texts(id=[], n=[]), texts(id=["3"], n=["y"])]
    schema = Schema({"id": Column("string"), "n": Column("integer")}, max_quarantine=1.0)
    made = clean_table(parts, schema=schema).quarantine.to_pylist()
    assert [(row["id"], row["value"], row["partition"], row["row"]) for row in made] == [
        ("2", "x", "p000", 2),
        ("3", "y", "p002", 1),
    ]


def test_lines_that_are_no_rows_are_counted_and_quarantined() -> None:
    lines = '{"source":"a.csv","line":7,"rule":"ragged","text":"1,2,3"}\n'
    made = clean_table(texts(id=["1"]), rejects=lines)
    assert made.metrics["rows_in"] == 2
    assert made.quarantine.to_pylist() == [
        {"id": None, "rule": "unreadable row", "column": None, "value": "1,2,3", "partition": "p000", "row": 7, "reason": "ragged"}
    ]  # fmt: skip
    with pytest.raises(BadDataError, match=r"p000\.rejects\.jsonl:1"):
        clean_table(texts(id=["1"]), rejects="half a li")


def test_a_repeated_key_goes_to_quarantine_or_fails() -> None:
    table = texts(id=["2", "1", "2"], x=["first", "other", "second"])
    made = clean_table(table)
    assert made.clean.to_pylist() == [{"id": "1", "x": "other"}, {"id": "2", "x": "first"}]
    assert made.quarantine["rule"].to_pylist() == ["unique key"]
    with pytest.raises(BadDataError, match="1 rows repeat a key"):
        clean_table(table, dedupe=False)


def test_a_mended_rule_brings_bad_rows_back() -> None:
    table = texts(id=["1", "2"], n=["1,5", "2"])
    schema = Schema({"id": Column("string"), "n": Column("number")}, max_quarantine=1.0)
    assert clean_table(table, schema=schema).quarantine["value"].to_pylist() == ["1,5"]
    mended = clean_table(table, [{"parse_number": {"columns": ["n"], "locale": "de"}}], schema=schema)
    assert mended.clean["n"].to_pylist() == [1.5, 2.0]


def test_a_key_named_like_a_column_of_quarantine_is_told_apart() -> None:
    schema = Schema({"value": Column("integer")}, max_quarantine=1.0)
    made = clean_table(texts(value=["x"]), schema=schema, task=Task("classification", "y", ("value",)))
    assert made.quarantine.column_names[:4] == ["value_", "rule", "column", "value"]


def test_too_few_rows_fail() -> None:
    schema = Schema({"id": Column("string")}, rows=RowBounds(min=3, max=9))
    with pytest.raises(BadDataError, match="2 rows; at least 3 and at most 9"):
        clean_table(texts(id=["1", "2"]), schema=schema)
    none = texts(id=[])
    with pytest.raises(BadDataError, match="0 rows; at least 1"):
        clean_table(none)
    made = clean_table(none, schema=Schema({"id": Column("string")}, rows=RowBounds(min=0)))
    assert (made.clean.num_rows, made.metrics["quarantine_share"]) == (0, 0.0)


def test_columns_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(BadDataError, match="`id` and `ID` differ in case alone"):
        clean_table(pa.table({"id": ["1"], "ID": ["2"]}))


def test_a_foreign_key_is_looked_up_in_the_table_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    schema = Schema(
        {"id": Column("string"), "tail": Column("string", references="planes.tailnum")}, max_quarantine=1.0
    )
    table = texts(id=["1", "2", "3"], tail=["N1", "N9", None])
    with pytest.raises(BadDataError, match="there is no table `planes`"):
        clean_table(table, schema=schema)
    Path("data").mkdir()
    write_parquet(texts(tailnum=["N1", "N2"]), Path("data/planes.parquet"))
    made = clean_table(table, schema=schema)
    assert (made.clean["id"].to_pylist(), made.quarantine["value"].to_pylist()) == (["1", "3"], ["N9"])
