from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from mlops_kit.data.rules.parsing import DATES, MONTHS, SIGNS
from mlops_kit.spec.model import Column, Schema
from tests.support.cleaning import clean_table, texts


def parsed(cells: list[str], rule: str, kind: Any, **options: Any) -> list[Any]:
    """Return what the rule makes of each text: the value, or `quarantine`."""
    schema = Schema({"id": Column("integer"), "x": Column(kind)}, max_quarantine=1.0)
    table = texts(id=list(map(str, range(len(cells)))), x=cells)
    made = clean_table(table, [{rule: {"columns": ["x"], **options}}], schema=schema).clean
    found = dict(zip(made["id"].to_pylist(), made["x"].to_pylist(), strict=True))
    return [found.get(number, "quarantine") for number in range(len(cells))]


@pytest.mark.parametrize(
    ("locale", "cells"),
    [
        ("en", {"1,234.5": 1234.5, "1234.5": 1234.5, "1.234,5": "quarantine", "12,34.5": "quarantine", "1e3": 1000.0}),
        ("de", {"1.234,50": 1234.5, "-0,5": -0.5, ",5": 0.5, "1.5": "quarantine", "1.234.567": 1234567.0, "\u22121,5": -1.5, "+7": 7.0, " 7\t": 7.0,
                "": None, "NA": None, "7 €": "quarantine", "1,5,5": "quarantine", "-": "quarantine", ".": "quarantine"}),
        ("fr", {"1 234,5": 1234.5, "1\u202f234,5": 1234.5, "1\u00a0234": 1234.0}), ("ch", {"1'234.5": 1234.5, "1’234.5": 1234.5}), ("de-CH", {"1'234.5": 1234.5}),
    ],
)  # fmt: skip
def test_numbers_are_read_as_their_country_writes_them(locale: str, cells: dict[str, Any]) -> None:
    assert parsed(list(cells), "parse_number", "number", locale=locale) == list(cells.values())


def test_whole_numbers_keep_every_digit() -> None:
    cells = ["123.456.789.012.345.678", "7,0", "7,5", "9" * 30]
    made = parsed(cells, "parse_number", "integer", locale="de", type="integer")
    assert made == [123456789012345678, 7, "quarantine", "quarantine"]


def test_signs_can_be_given() -> None:
    assert parsed(["1_234|5"], "parse_number", "number", decimal="|", grouping="_") == [1234.5]
    assert parsed(["1234.5"], "parse_number", "number", grouping="") == [1234.5]


@pytest.mark.parametrize(
    ("cell", "options", "value"),
    [
        ("31.01.2025", {"locale": "de"}, "2025-01-31T00:00:00+00:00"), ("1.2.2025 7:05", {"locale": "de"}, "2025-02-01T07:05:00+00:00"),
        ("01/02/2025", {}, "2025-01-02T00:00:00+00:00"), ("01/02/2025", {"locale": "en-GB"}, "2025-02-01T00:00:00+00:00"),
        ("31.02.2025", {"locale": "de"}, "quarantine"), ("2025", {"locale": "de"}, "quarantine"), ("", {"locale": "de"}, None),
        ("3. März 2025", {"locale": "de", "format": "%d. %B %Y"}, "2025-03-03T00:00:00+00:00"),
        ("3 déc. 2025", {"locale": "fr", "format": "%d %b %Y"}, "2025-12-03T00:00:00+00:00"),
        ("31.01.2025", {"locale": "de", "timezone": "Europe/Berlin"}, "2025-01-30T23:00:00+00:00"),
        ("30.03.2025 02:30", {"locale": "de", "timezone": "Europe/Berlin"}, "quarantine"),
        ("26.10.2025 02:30", {"locale": "de", "timezone": "Europe/Berlin"}, "2025-10-26T01:30:00+00:00"),
        ("2025-01-31 12:00 +0200", {"format": "%Y-%m-%d %H:%M %z"}, "2025-01-31T10:00:00+00:00"),
        ("31-Jan-25", {"format": ["%Y-%m-%d", "%d-%b-%y"]}, "2025-01-31T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_times_are_read_as_their_country_writes_them(
    cell: str, options: dict[str, Any], value: str | None
) -> None:
    found = parsed([cell], "parse_time", "timestamp", **options)[0]
    assert (found.isoformat() if isinstance(found, datetime) else found) == value


@pytest.mark.parametrize("language", sorted(MONTHS))
def test_all_months_of_a_language_are_known(language: str) -> None:
    assert len(MONTHS[language].split()) == 12
    assert language in DATES
    assert language in SIGNS
