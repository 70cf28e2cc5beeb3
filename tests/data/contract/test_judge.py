from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.contract.judge import Judged, judge
from mlops_kit.data.contract.rules import compile_contract, numbered, stored_columns
from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.spec.model import Column, Schema


def judged(
    tmp_path: Path,
    columns: Mapping[str, Sequence[Any]],
    schema: Mapping[str, Column],
    key: tuple[str, ...] = (),
    tables: Mapping[str, str] | None = None,
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], Judged]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(dict(columns)), path)
    duck = open_duck(threads=2)
    relation = numbered(TableFiles((path,)))
    contract = compile_contract(Schema(schema), key=key, stored=stored_columns(duck, relation), tables=tables)
    found = judge(duck, contract, relation)
    good = duck.connection.sql(
        f"SELECT * EXCLUDE (__row) FROM ({found.good_sql(keep_row=True)}) ORDER BY __row"
    )
    rows = [tuple(row.values()) for row in good.to_arrow_table().to_pylist()]
    return rows, duck.run(found.bad_sql()).fetchall(), found


def test_judge_of_texts_casts_the_good_and_names_the_first_rule_that_a_row_breaks(tmp_path: Path) -> None:
    schema = {"id": Column("string", nullable=False), "n": Column("integer", min=0, max=9)}
    good, bad, found = judged(
        tmp_path, {"id": ["a", " b ", "NA", "d"], "n": ["1", "", "x", "12"]}, schema, ("id",)
    )
    assert good == [("a", 1), ("b", None)]
    assert bad == [("NA", "not missing", "id", "NA"), ("d", "max 9", "n", "12")]
    assert (found.rows, found.bad) == (4, 2)


def test_judge_of_repeated_keys_keeps_the_first_good_row(tmp_path: Path) -> None:
    schema = {"id": Column("integer"), "n": Column("integer", min=0)}
    good, bad, _ = judged(tmp_path, {"id": [1, 1, 1, 2], "n": [-1, 5, 6, 7]}, schema, ("id",))
    assert good == [(1, 5), (2, 7)]
    assert bad == [("1", "min 0", "n", "-1"), ("1", "unique key", "id", "1")]


def test_judge_of_a_unique_column_lets_missing_values_repeat(tmp_path: Path) -> None:
    schema = {"id": Column("integer"), "code": Column("string", unique=True)}
    data = {"id": [1, 2, 3, 4], "code": ["a", None, None, "a"]}
    good, bad, _ = judged(tmp_path, data, schema, ("id",))
    assert [row[0] for row in good] == [1, 2, 3]
    assert bad == [("4", "unique", "code", "a")]


def test_judge_of_values_patterns_and_references(tmp_path: Path) -> None:
    schema = {
        "v": Column("string", values=("x", "y")),
        "p": Column("string", pattern="[A-Z]{2}"),
        "f": Column("integer", references="planes.id"),
    }
    data = {"v": ["x", "z", None, "y"], "p": ["AB", "AB", "ABC", None], "f": [1, 1, 1, 3]}
    good, bad, _ = judged(tmp_path, data, schema, tables={"planes": "(VALUES (1), (2), (NULL)) p(id)"})
    assert good == [("x", "AB", 1)]
    assert [row[:2] for row in bad] == [
        ("allowed values", "v"),
        ("pattern [A-Z]{2}", "p"),
        ("references planes.id", "f"),
    ]


def test_judge_of_times_compares_with_bounds_in_utc(tmp_path: Path) -> None:
    schema = {"t": Column("timestamp", min="2013-01-01", max="2013-12-31T23:59:59Z")}
    _, bad, _ = judged(tmp_path, {"t": ["2012-12-31 23:59", "2013-06-01T05:00:00Z", "2014-01-01"]}, schema)
    assert [row[0] for row in bad] == ["max 2013-12-31T23:59:59Z", "min 2013-01-01"]


def test_compile_contract_without_a_column_of_the_schema_names_the_close_one(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"carier \(it has carrier\)"):
        judged(tmp_path, {"carrier": ["a"]}, {"carier": Column("string")})


def test_judge_of_hostile_column_names_judges_them(tmp_path: Path) -> None:
    names = ['a"b', "r0", "__row_", "select", "c0 '", "file_index"]
    schema = {name: Column("integer", max=1) for name in names}
    good, bad, _ = judged(tmp_path, {name: [1, 2] for name in names}, schema, ('a"b',))
    assert good == [(1,) * 6]
    assert bad == [("2", "max 1", 'a"b', "2")]


def test_judge_of_nan_in_parquet_takes_it_for_missing(tmp_path: Path) -> None:
    schema = {
        "x": Column("number", nullable=False, min=0),
        "y": Column("number", max=5),
        "z": Column("integer"),
    }
    data = {"x": [1.0, float("nan"), 2.0], "y": [float("nan"), 1.0, 6.0], "z": [1.0, 2.0, float("nan")]}
    good, bad, _ = judged(tmp_path, data, schema)
    assert good == [(1.0, None, 1)]
    assert [row[:2] for row in bad] == [("max 5", "y"), ("not missing", "x")]


def test_judge_of_references_to_a_table_of_texts_leaves_out_what_is_no_value(tmp_path: Path) -> None:
    tables = {"planes": "(VALUES ('1'), ('x'), (NULL)) p(id)"}
    schema = {"f": Column("integer", references="planes.id")}
    good, bad, _ = judged(tmp_path, {"f": [1, 2, None]}, schema, tables=tables)
    assert good == [(1,), (None,)]
    assert bad == [("references planes.id", "f", "2")]


def test_compile_contract_with_a_pattern_that_re2_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="pattern"):
        judged(tmp_path, {"a": ["x"]}, {"a": Column("string", pattern="a{5000}")})


def test_judge_of_typed_parquet_doubts_what_is_odd_and_keeps_what_is_good(tmp_path: Path) -> None:
    schema = {
        "f": Column("integer", nullable=False, min=0),
        "w": Column("integer", pattern="[0-9]"),
        "t": Column("string", pattern="[A-Z]*"),
    }
    data = {
        "f": [1.0, 1.5, float("nan"), float("inf"), None, 1e16, -1.0],
        "w": [1, 2, 3, 4, 5, None, 7],
        "t": ["", "A", "A", "A", "A", " A", "A"],
    }
    good, bad, _ = judged(tmp_path, data, schema)
    assert good == [(1, 1, None), (10**16, None, "A")]
    assert [row[:2] for row in bad] == [
        ("min 0", "f"),
        *[("not missing", "f")] * 2,
        *[("type integer", "f")] * 2,
    ]


def test_judge_of_a_pattern_that_quotes_signs_matches_the_whole_value(tmp_path: Path) -> None:
    good, bad, _ = judged(
        tmp_path, {"a": ["a.b", "axb", "a.bc"]}, {"a": Column("string", pattern=r"\Qa.b\E")}
    )
    assert good == [("a.b",)]
    assert [row[2] for row in bad] == ["axb", "a.bc"]


@pytest.mark.parametrize("many", [1, 8, 40])
def test_judge_of_few_and_of_many_doubtful_rows_says_the_same(tmp_path: Path, many: int) -> None:
    texts = [f" {n}" if n < many else str(n) for n in range(64)] + ["0", "63", "x"]
    good, bad, found = judged(tmp_path, {"n": texts}, {"n": Column("integer")}, ("n",))
    assert good == [(n,) for n in range(64)]
    assert [row[1] for row in bad] == ["unique key", "unique key", "type integer"]
    assert found.bad == 3


def test_judge_of_a_column_without_any_value_gives_it_its_type(tmp_path: Path) -> None:
    import pyarrow as pa

    columns = {"a": pa.nulls(2), "b": pa.nulls(2, pa.string()), "c": pa.nulls(2, pa.bool_())}
    schema = {"a": Column("timestamp"), "b": Column("integer"), "c": Column("number")}
    _, _, found = judged(tmp_path, columns, schema)
    with open_duck() as duck:
        described = duck.run(
            f"DESCRIBE {found.good_sql()}".replace(found.bad_table, "(SELECT 0 AS __row)")
        ).fetchall()
    assert [row[1] for row in described] == ["TIMESTAMP WITH TIME ZONE", "BIGINT", "DOUBLE"]
