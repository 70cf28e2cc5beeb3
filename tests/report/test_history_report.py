"""The renderings of a history: the same numbers, within the width, and strangers' names as text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.compare.history import Cell, History, HistoryRow, LostMetrics, Series
from mlops_kit.report import history_html, history_json
from mlops_kit.report.history_text import BARS, Line, cells_of, fit, join, sparklines, table

HOSTILE = '<script>alert(1)</script> \x1b[31m \u202e "x" & [a](b) @team'
WIDE = "模型更好了 😀 " * 20


def history(*columns: list[float | None], names: tuple[str, ...] = (), subject: str = "a change") -> History:
    """Return a history with these values, newest first."""
    count = len(columns[0])
    rows = tuple(
        HistoryRow(
            f"{index:x}".rjust(12, "a").ljust(40, "0"), "2026-01-02T03:04:05+00:00", ("refs/heads/main",) if index == 0 else (), subject,
            index + 1 if index < count - 1 else None, tuple(_cell(column, index) for column in columns),
        )
        for index in range(count)
    )  # fmt: skip
    series = tuple(
        Series(names[i] if names else f"metric_{i}", "higher" if i % 2 == 0 else "lower", ("m.json",))
        for i in range(len(columns))
    )
    return History("p", "main", count, True, series, rows)


def _cell(column: list[float | None], index: int) -> Cell:
    value = column[index]
    before = column[index + 1] if index + 1 < len(column) else None
    change = value - before if value is not None and before is not None else None
    return Cell(
        value,
        change,
        value == max((v for v in column if v is not None), default=None),
        "" if value is not None else "gone",
    )


def text(lines: list[Line]) -> str:
    return join(lines)


def rows_of(made: str) -> list[str]:
    return [line for line in made.splitlines() if re.match(r"[0-9a-f]{9}  ", line)]


VALUES = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=30)


@given(st.integers(50, 200), st.lists(VALUES, min_size=1, max_size=6), st.sampled_from([HOSTILE, WIDE, ""]))
def test_table_and_sparklines_fit_the_width(
    width: int, columns: list[list[float | None]], subject: str
) -> None:
    shortest = min(map(len, columns))
    made = history(*(column[:shortest] for column in columns), subject=subject)
    for lines in (table(made, width), table(made, width, every=True)):
        assert all(cells_of(row) <= width for row in rows_of(join(lines)))
    bars = [line for line in join(sparklines(made, width)).splitlines() if set(line) & set(BARS)]
    assert all(cells_of(line) <= max(width, 80) for line in bars)


def test_every_metric_is_shown_or_counted() -> None:
    made = history(*([0.5, 0.25],) * 12)
    narrow = text(table(made, 80))
    shown = len(re.findall(r"metric_\d+ [↑↓]", narrow.splitlines()[2]))
    assert f"{12 - shown} more: " in narrow
    assert all(f"metric_{index}" in text(table(made, 80, every=True)) for index in range(12))


def test_unreadable_empty_and_best_have_signs() -> None:
    made = history([0.75, None, 0.5])
    lines = rows_of(text(table(made, 100)))
    assert ["0.75*" in line for line in lines] == [True, False, False]
    assert " ? " in lines[1]
    assert "▁" in text(sparklines(made, 100))
    assert "?" in text(sparklines(made, 100))
    assert "1?8" in text(sparklines(made, 100, plain=True))


def test_many_commits_share_a_mark() -> None:
    made = history([float(number) for number in range(500)])
    assert "a mark is the mean of" in text(sparklines(made, 80))


@pytest.mark.parametrize("width", [-1, 0, 1, 5])
def test_text_is_cut_by_the_columns_that_it_takes(width: int) -> None:
    assert cells_of(fit(WIDE, width)) <= max(width, 0)
    assert fit("abc", 3) == "abc"
    assert fit("abcd", 3) == "ab…"


def test_renderings_state_the_same_values() -> None:
    made = history([0.75, 0.5], [1234567.0, 2.0])
    tree = json.loads(history_json.dumps(made))
    page, shown = history_html.render(made), text(table(made, 120))
    assert [commit["values"] for commit in tree["commits"]] == [
        {"metric_0": 0.75, "metric_1": 1234567.0}, {"metric_0": 0.5, "metric_1": 2.0}
    ]  # fmt: skip
    for number in ("0.75", "0.5", "1,234,567", "+0.25"):
        assert number in page
        assert number in shown


class Page(HTMLParser):
    """Collects what would run or load, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bad: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.targets += [given["href"] or ""] if "href" in given else []
        self.bad += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.bad += [name for name, value in attrs if name.startswith("on") or "//" in (value or "")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_and_runs_and_loads_nothing() -> None:
    made = history([0.75, None, 0.5], names=(HOSTILE,), subject=HOSTILE)
    lost = LostMetrics(HOSTILE, HOSTILE, HOSTILE, 3)
    made = History(HOSTILE, HOSTILE, 3, False, made.series, made.rows, (lost,), (HOSTILE,))
    page = Page()
    page.feed(history_html.render(made))
    assert (page.open, page.bad) == ([], [])
    assert {target.removeprefix("#") for target in page.targets} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_hostile_text_is_visible_in_the_table() -> None:
    made = text(table(history([1.0], names=(HOSTILE,), subject=HOSTILE), 300))
    assert "\x1b" not in made
    assert "\u202e" not in made
    assert "\\u001b" in made


def test_page_without_values_says_so() -> None:
    assert "No commit here has a value" in history_html.render(history([None, None]))
    nothing = History("p", "main", 3, True, (), ())
    assert "No metric changed" in history_html.render(nothing)
    assert "no metric changed in 3 commits" in text(table(nothing, 80))


def test_names_that_are_not_utf8_become_escapes_in_json() -> None:
    made = history([1.0], names=("a\udcff",))
    assert json.loads(history_json.dumps(made))["metrics"][0]["name"] == "a\udcff"
