from __future__ import annotations

import pytest

from mlops_kit.errors import SpecError
from mlops_kit.spec.load import load_schema


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("{type: integer, min: 2013-01-01}", "a number"),
        ("{type: integer, min: .inf}", "a number"),
        ("{type: number, min: 2, max: 1}", "at most `max`"),
        ("{type: string, min: 1}", "left out of a string column"),
        ("{type: timestamp, max: 5}", "a time such as"),
        ("{type: timestamp, max: 2013-02-30}", "a time such as"),
        ("{type: timestamp, min: 2014-01-01, max: 2013-01-01T05:00:00Z}", "at most `max`"),
        ("{type: string, values: [' a']}", "without white space"),
        ("{type: integer, values: ['1', '1.5']}", "a whole number, quoted"),
        ("{type: number, values: ['1']}", "give `min` and `max`"),
        ("{type: string, pattern: '('}", "a regular expression"),
        ("{type: string, pattern: '(?=a)b'}", "which RE2 does not have"),
        ("{type: string, pattern: '(a)\\1'}", "which RE2 does not have"),
        ("{type: string, references: planes}", "`table.column`"),
    ],
)
def test_load_schema_with_a_promise_that_cannot_be_kept_names_the_line(column: str, words: str) -> None:
    with pytest.raises(SpecError, match=r"schema\.yaml:2") as caught:
        load_schema(f"columns:\n  a: {column}\n")
    assert words in caught.value.fix


@pytest.mark.parametrize(
    "column",
    [
        "{type: timestamp, min: 2013-01-01, max: 2013-12-31 23:59:59.5}",
        "{type: integer, min: 0, max: 0, values: ['0', '-1']}",
        "{type: string, pattern: '\\\\1(?:a|b)+?', references: planes.tailnum}",
        "{type: boolean, values: ['true']}",
    ],
)
def test_load_schema_with_promises_that_fit_takes_them(column: str) -> None:
    assert load_schema(f"columns:\n  a: {column}\n").columns["a"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("columns:\n  a: {type: string}\n  A: {type: string}\n", 3),
        ("columns:\n  a: {type: string}\nfreshness: {column: a, max_age_days: 1}\n", 3),
        ("columns:\n  a: {type: string}\nrows: {min: 5, max: 4}\n", 3),
    ],
)
def test_load_schema_with_a_bad_promise_about_the_table_names_the_line(text: str, line: int) -> None:
    with pytest.raises(SpecError, match=rf"schema\.yaml:{line}"):
        load_schema(text)
