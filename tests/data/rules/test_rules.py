from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit.data.rules.model import read_rules
from mlops_kit.errors import SpecError
from tests.support.cleaning import clean_table, texts

ONE = texts(id=["1"], a=[" x "], n=["5"])


def values(table: pa.Table, name: str, *rules: dict[str, Any]) -> list[Any]:
    return clean_table(table, rules).clean[name].to_pylist()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"trimm": ["a"]}], r"clean rule 1: unknown rule `trimm`.*did you mean `trim`"),
        ([{"trim": ["a"]}, {"trim": ["b"], "drop": ["a"]}], r"clean rule 2: a rule has one key.*trim, drop"),
        ([{"trim": ["aa"]}], r"clean rule 1 \(trim\): no column `aa`.*did you mean `a`"),
        ([{"deduplicate": {"bye": ["a"]}}], r"clean rule 1 \(deduplicate\).*unknown key `bye`.*did you mean `by`"),
        ([{"fill": {"n": 1}}, {"cast": {"n": "integr"}}], r"clean rule 2 \(cast\).*'integr'"),
        ([{"rename": {"a": "n"}}], r"clean rule 1 \(rename\).*two columns would be called `n`"),
        ([{"clip": {"n": {"min": 1}}}], r"is VARCHAR at this point, the rule takes numbers.*cast"),
        ([{"cast": {"n": "integer"}}, {"fill": {"n": "many"}}], r"'many' is no value for column `n`, which is BIGINT"),
        ([{"cast": {"n": "integer"}}, {"clip": {"n": {"min": 0.5}}}], r"0\.5 is no value for column `n`"),
        ([{"parse_time": {"columns": ["a"], "timezone": "Europe/Berln"}}], r"unknown time zone.*Europe/Berlin"),
        ([{"parse_number": {"columns": ["n"], "locale": "xx"}}], r"unknown locale `xx`"),
        ([{"parse_time": {"columns": ["a"], "format": "%Q"}}], r"`format` cannot be used"),
        ([{"apply": "steps/none.py:f"}], r"there is no file steps/none\.py"),
        ([{"drop": ["id", "a", "n"]}], r"no column would be left"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_work_is_named_by_its_number(rules: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        clean_table(ONE, rules)
    assert re.search(message, f"{caught.value.message} {caught.value.fix}"), caught.value.message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("random()", "`random`.*does not depend on the row alone"), ("now()", "`now`"), ("upper(aa)", "no column `aa`.*did you mean `a`"),
        ("(SELECT 1)", "a subquery"), ("sum(n) OVER ()", "a window function"), ("max(n)", "`max`"), ("1, 2", "more than one"),
        ("1 FROM x", "more than one"), ("current_date", "no column `current_date`"), ("a +", "is no SQL expression"), ("nonsense(a)", "does not fit"),
        ("age(n::TIMESTAMP)", "`age`"), ("getvariable('x')", "`getvariable`"), ("n + [1]", "does not fit"),
    ],
)  # fmt: skip
def test_an_expression_that_is_more_than_the_row_is_refused(expression: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        clean_table(ONE, [{"derive": {"x": expression}}])
    assert re.search(message, f"{caught.value.message} {caught.value.fix}"), caught.value.message


@pytest.mark.parametrize(
    ("expression", "result"),
    [("upper(trim(a))", "X"), ("n::INT * 2 + 1", "11"), ("CASE WHEN a = ' x ' THEN 'y' END", "y"), ("list_transform([1, 2], lambda i: i + 1)[2]", "3"),
     ("split_part('p-q', '-', 2)", "q"), ("NULL::VARCHAR", None), ("n -- a comment", "5")],
)  # fmt: skip
def test_derive_computes_of_the_row(expression: str, result: str | None) -> None:
    assert values(ONE, "x", {"derive": {"x": expression}}) == [result]


def test_a_row_for_which_derive_fails_goes_to_quarantine() -> None:
    made = clean_table(texts(id=["1", "2", "3"], n=["4", "x", None]), [{"derive": {"m": "n::INT * 2"}}])
    assert made.clean["m"].to_pylist() == ["8", None]
    assert made.quarantine.select(["id", "rule", "column"]).to_pylist() == [
        {"id": "2", "rule": "derive m", "column": "m"}
    ]


def test_rules_run_in_their_order() -> None:
    table = texts(id=["1"], a=["x"])
    rename, derive = {"rename": {"a": "b"}}, {"derive": {"a": "'new'"}}
    assert clean_table(table, [rename, derive]).clean.to_pylist() == [{"id": "1", "b": "x", "a": "new"}]
    assert clean_table(table, [derive, rename]).clean.to_pylist() == [{"id": "1", "b": "new"}]


def test_names_can_be_swapped() -> None:
    made = clean_table(texts(id=["1"], a=["x"], b=["y"]), [{"rename": {"a": "b", "b": "a"}}])
    assert made.clean.to_pylist() == [{"id": "1", "b": "x", "a": "y"}]


def test_each_rule_says_how_many_rows_it_touched() -> None:
    table = texts(id=["1", "2", "3"], a=[" x", "y", ""], n=["1", "", "900"])
    rules = [
        {"trim": ["*"]}, {"fill": {"a": "none"}}, {"cast": {"n": "integer"}}, {"clip": {"n": {"max": 10}}}, {"replace": {"a": {"x": "z"}}},
        {"filter": "n IS NOT NULL"}, {"drop": ["n"]},
    ]  # fmt: skip
    made = clean_table(table, rules)
    assert [(rule["rule"], rule["touched"]) for rule in made.rules["rules"]] == [
        ("trim", 1), ("fill", 1), ("cast", 2), ("clip", 1), ("replace", 1), ("filter", 1), ("drop", 2),
    ]  # fmt: skip
    assert made.clean.to_pylist() == [{"id": "1", "a": "z"}, {"id": "3", "a": "none"}]
    assert (made.metrics["set_aside"], made.metrics["quarantine_share"]) == (1, 0.0)


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({}, "b"),
        ({"keep": "last"}, "d"),
        ({"order_by": "at"}, "c"),
        ({"keep": "last", "order_by": "at"}, "d"),
    ],
)
def test_deduplicate_keeps_the_stated_winner(how: dict[str, str], kept: str) -> None:
    table = texts(id=["a", "b", "c", "d", "e"], k=["1", "2", "2", "2", None], at=["1", "2", "1", "2", None])
    made = clean_table(table, [{"deduplicate": {"by": ["k"], **how}}])
    assert made.clean["id"].to_pylist() == ["a", kept, "e"]
    assert made.quarantine["rule"].to_pylist()[0].startswith("deduplicate by k, keep ")
    assert made.metrics["quarantine_share"] == 0.0


def test_quarantine_names_a_column_as_it_is_in_the_end() -> None:
    rules = [
        {"cast": {"n": "integer"}},
        {"rename": {"n": "m", "a": "n"}},
        {"rename": {"m": "age"}},
        {"cast": {"n": "number"}},
    ]
    made = clean_table(texts(id=["1", "2"], n=["x", "5"], a=["1", "y"]), rules)
    assert made.quarantine.select(["id", "column", "value"]).to_pylist() == [
        {"id": "1", "column": "age", "value": "x"},
        {"id": "2", "column": "n", "value": "y"},
    ]


def test_a_bad_row_wins_no_deduplication() -> None:
    table = texts(id=["a", "b"], k=["1", "1"], n=["x", "5"])
    made = clean_table(table, [{"cast": {"n": "integer"}}, {"deduplicate": {"by": ["k"]}}])
    assert made.clean["id"].to_pylist() == ["b"]
    assert made.quarantine["rule"].to_pylist() == ["cast integer"]


def test_the_first_thing_that_is_wrong_is_what_quarantine_says() -> None:
    made = clean_table(texts(id=["1"], n=["x"]), [{"cast": {"n": "integer"}}, {"filter": "n > 0"}])
    assert made.quarantine.select(["rule", "column", "value"]).to_pylist() == [
        {"rule": "cast integer", "column": "n", "value": "x"}
    ]
    assert made.metrics["quarantine_share"] == 1.0


def test_read_rules_gives_numbers_from_one() -> None:
    assert [(one.number, one.name) for one in read_rules([{"trim": ["a"]}, {"drop": ["b"]}])] == [
        (1, "trim"),
        (2, "drop"),
    ]


def test_nan_is_a_missing_value_for_rules_too() -> None:
    nan = float("nan")
    table = pa.table(
        {"id": ["1", "2", "3"], "k": ["a", "a", "b"], "x": [nan, 7.0, nan], "y": [nan, 9.0, 1.0]}
    )
    made = clean_table(
        table,
        [
            {"deduplicate": {"by": ["k"], "keep": "last", "order_by": "x"}},
            {"clip": {"y": {"max": 5}}},
            {"fill": {"x": 0}},
        ],
    )
    assert made.clean.to_pylist() == [
        {"id": "2", "k": "a", "x": "7", "y": "5"},
        {"id": "3", "k": "b", "x": "0", "y": "1"},
    ]
    assert clean_table(table, [{"clip": {"y": {"max": 5}}}]).clean["y"].to_pylist() == [None, "5", "1"]
