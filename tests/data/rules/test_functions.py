from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit.errors import BadDataError, MlopsKitError
from mlops_kit.spec.model import Column, Schema
from tests.support.cleaning import Made, anything, clean_table, texts

FUNCTIONS = """
from __future__ import annotations
import pyarrow.compute as pc

def upper(rows):
    assert type(rows).__module__.startswith("pandas")
    rows["a"] = rows["a"].str.upper()
    return rows

def plain(rows: Arrow):
    assert type(rows).__module__.startswith("pyarrow")
    return rows

def sizes(rows: Arrow):
    import pyarrow as pa
    return rows.append_column("size", pa.array([str(rows.num_rows)] * rows.num_rows))

def half(rows):
    return rows[rows["_row"] % 2 == 0]

def backwards(rows):
    return rows.iloc[::-1]

def shorter(rows):
    return rows.iloc[1:]

def twice(rows):
    import pandas
    return pandas.concat([rows, rows])

def forgetful(rows):
    return rows[["id", "a"]]

def nothing(rows):
    return None

def moody(rows: Arrow):
    import pyarrow as pa
    first = rows["id"][0].as_py() == "0"
    return rows.append_column("x", pa.array([1 if first else "one"] * rows.num_rows))

def later(rows: Arrow):
    import pyarrow as pa
    first = rows["id"][0].as_py() == "0"
    return rows.append_column("x", pa.nulls(rows.num_rows) if first else pa.array(["one"] * rows.num_rows))

def doubled(rows):
    rows["n"] = rows["n"] * 2
    return rows
"""
TEN = texts(id=[str(number) for number in range(10)], a=["x"] * 10)


@pytest.fixture(autouse=True)
def _functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(FUNCTIONS, encoding="utf-8")


def applied(name: str, table: pa.Table = TEN, *, before: Any = (), **options: Any) -> Made:
    return clean_table(table, [*before, {"apply": {"function": f"mine.py:{name}", **options}}])


def test_a_function_gets_pandas_or_what_it_is_annotated_with() -> None:
    assert set(applied("upper").clean["a"].to_pylist()) == {"X"}
    assert applied("upper").rules["rules"][0]["touched"] == 10
    assert applied("plain").rules["rules"][0]["touched"] == 0


def test_batches_have_the_declared_size_and_the_order_of_the_data() -> None:
    made = applied("sizes", batch_rows=4)
    assert made.clean["size"].to_pylist() == ["4"] * 8 + ["2"] * 2


def test_rows_that_do_not_come_back_are_set_aside() -> None:
    made = applied("half", keeps_rows=False)
    assert made.clean["id"].to_pylist() == ["0", "2", "4", "6", "8"]
    assert made.quarantine["rule"].to_pylist() == ["apply mine.py:half"] * 5
    assert (made.metrics["set_aside"], made.metrics["quarantine_share"]) == (5, 0.0)
    assert applied("backwards", keeps_rows=False).clean == TEN


def test_rows_that_are_bad_already_wait_aside() -> None:
    made = applied(
        "upper", texts(id=["1", "2"], a=["x", "y"], n=["7", "x"]), before=[{"cast": {"n": "integer"}}]
    )
    assert made.clean["a"].to_pylist() == ["X"]
    assert made.quarantine.select(["id", "rule", "row"]).to_pylist() == [
        {"id": "2", "rule": "cast integer", "row": 2}
    ]
    assert [rule["touched"] for rule in made.rules["rules"]] == [1, 1]


def test_whole_numbers_with_missing_values_keep_every_digit() -> None:
    schema = Schema({"id": Column("string"), "n": Column("integer")})
    table = pa.table({"id": ["1", "2"], "n": pa.array([2**60 + 1, None], pa.int64())})
    made = clean_table(table, [{"apply": "mine.py:doubled"}], schema=schema)
    assert made.clean["n"].to_pylist() == [2**61 + 2, None]


def test_a_column_may_be_missing_in_early_batches() -> None:
    assert applied("later", batch_rows=5).clean["x"].to_pylist() == [None] * 5 + ["one"] * 5


def test_no_rows_at_all_reach_the_function_as_an_empty_table() -> None:
    made = clean_table(
        texts(id=["1"], n=["x"]),
        [{"cast": {"n": "integer"}}, {"apply": "mine.py:plain"}],
        schema=anything("id", "n"),
    )
    assert (made.clean.num_rows, made.quarantine.num_rows) == (0, 1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("shorter", {}, "clean rule 1 .*mine.py:shorter gave back 9 rows of 10"), ("nothing", {}, "gave back no table"),
        ("twice", {"keeps_rows": False}, "gave back a `_row` twice"), ("forgetful", {"keeps_rows": False}, "gave back no column `_row`"),
        ("moody", {"batch_rows": 5}, "the type of a column changes from batch to batch"), ("absent", {}, "mine.py has no function `absent`"),
        ("upper", {"batch_rows": 0}, "`batch_rows` must be 1 or more"),
    ],
)  # fmt: skip
def test_a_function_that_breaks_its_promise_is_named(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MlopsKitError, match=message):
        applied(name, **options)


def test_an_error_of_the_function_is_its_own() -> None:
    Path("mine.py").write_text("def f(rows):\n    raise KeyError('mine')\n", encoding="utf-8")
    with pytest.raises(KeyError, match="mine"):
        applied("f")
    Path("mine.py").write_text("def f(rows):\n    return [rows]\n", encoding="utf-8")
    with pytest.raises(BadDataError, match="a list is no table"):
        applied("f")


def test_a_value_that_does_not_fit_is_not_shown() -> None:
    text = "def f(rows):\n    rows['a'] = [1, 'Ada Lovelace'] * 5\n    return rows\n"
    Path("mine.py").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError, match="column `a` holds values of several types") as caught:
        applied("f")
    assert "Lovelace" not in caught.value.message
    assert caught.value.__suppress_context__


def test_a_function_may_use_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rules_here").mkdir()
    (tmp_path / "rules_here/words.py").write_text("WORD = 'y'\n", encoding="utf-8")
    text = "from . import words\nfrom rules_here.words import WORD\ndef f(rows):\n    return rows.assign(a=words.WORD + WORD)\n"
    (tmp_path / "rules_here/f.py").write_text(text, encoding="utf-8")
    made = clean_table(TEN, [{"apply": "./rules_here/f.py:f"}])
    assert set(made.clean["a"].to_pylist()) == {"yy"}
    with pytest.raises(MlopsKitError, match=r"\.\./f\.py leaves the project"):
        clean_table(TEN, [{"apply": "../f.py:f"}])
