"""One comparison, four renderings: the same numbers, inert text, bounded size."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from mlops_kit.compare.model import (
    Comparison,
    KpiResult,
    KpiStatus,
    MetricDiff,
    SideInfo,
    SliceDiff,
    StageChange,
    Unreadable,
    ValueChange,
    Verdict,
)  # fmt: skip
from mlops_kit.errors import UnreadableSideError
from mlops_kit.report import html as as_html
from mlops_kit.report import json as as_json
from mlops_kit.report import markdown, terminal
from mlops_kit.report.text import number, signed

names = st.text(min_size=1, max_size=30)
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))
diffs = st.builds(
    MetricDiff, names, numbers, numbers, st.sampled_from(["higher", "lower", None]), st.sampled_from(list(Verdict)),
    low=numbers, high=numbers, rows=st.integers(1, 10**6), reason=names,
)  # fmt: skip
comparisons = st.builds(
    Comparison, names, st.builds(SideInfo, names, st.just("a" * 40), names), st.builds(SideInfo, names, st.just("")),
    st.lists(diffs, max_size=4, unique_by=lambda d: d.name).map(tuple),
    st.lists(st.builds(SliceDiff, names, names, diffs), max_size=2).map(tuple),
    st.lists(st.builds(KpiResult, names, names, numbers, st.sampled_from(list(KpiStatus)), names, names), max_size=3).map(tuple),
    st.just(()), st.lists(st.builds(ValueChange, names, numbers, names, st.just("changed")), max_size=2).map(tuple),
    st.lists(st.builds(StageChange, names, st.just("rerun"), st.lists(names, max_size=2).map(tuple)), max_size=2).map(tuple),
    st.lists(st.builds(Unreadable, st.just("base"), names, names, names), max_size=1).map(tuple),
)  # fmt: skip


def metric(name: str = "roc_auc") -> MetricDiff:
    return MetricDiff(
        name,
        0.6856,
        0.7048,
        "higher",
        Verdict.BETTER,
        0.0139,
        0.0245,
        7069,
        "the interval excludes zero",
        0.005,
    )


def comparison(text: str = "x", **changes: Any) -> Comparison:
    made = Comparison(
        text, SideInfo(text, "a" * 40, text), SideInfo(text, "b" * 40, text), (metric(text),), (SliceDiff(text, text, metric(text)),),
        (KpiResult(text, text, 0.5, KpiStatus.FAIL, text, text, text),), (ValueChange(text, text, text, "changed"),),
        (ValueChange(text, None, text, "added"),), (StageChange(text, "rerun", (text,)),), (), notes=(text,), ran=((text, 1.5),),
    )  # fmt: skip
    return replace(made, **changes)


def plain_terminal(value: Comparison) -> str:
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(terminal.render(value))
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(comparisons)
def test_json_gives_the_comparison_back(value: Comparison) -> None:
    assert as_json.loads(as_json.dumps(value)) == value


@settings(max_examples=40, deadline=None)
@given(comparisons)
def test_four_renderings_state_the_same_numbers(value: Comparison) -> None:
    shown = [
        html.unescape(markdown.render(value)),
        html.unescape(as_html.render(value)),
        plain_terminal(value).replace("\n", ""),
    ]
    for diff in value.metrics:
        for words in (
            number(diff.old),
            number(diff.new),
            signed(diff.change),
            f"{signed(diff.low)} to {signed(diff.high)}",
        ):
            assert all(words.replace(" ", "") in text.replace(" ", "") for text in shown), words
    assert json.loads(as_json.dumps(value))["metrics"] == [
        json.loads(json.dumps(vars(d))) for d in value.metrics
    ]


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><h1>x", "[a](javascript:alert(1))", "![a](http://127.0.0.1/a.png)",
    "@everyone", "@acme/team", "#123", "GH-7", "http://127.0.0.1/x", "https://127.0.0.1/x", "www.example.test", "a@b.example", "`code`", "```\nfence", "| cell | cell",
    "**bold**", "__bold__", "*i*", "_i_", "~~gone~~", "# head", "> quote", "- item", "1. item", "---", "$x^2$", "$$x$$", "<!-- comment -->", "&lt;b&gt;", "&#60;b&#62;",
    "\u202eright to left", "zero\u200bwidth", "\x1b[31mred", "bell\x07", "null\x00", "line\nbreak", "tab\tstop", "\ufeffbom", "<details open>", "\\`", "::: note", "[^1]", "[x]: http://127.0.0.1",
    "[bold red]markup[/]", "{{ x }}", "${{ secrets.X }}", "javascript:alert(1)", "\u2066isolate\u2069", "\U000e0041tag",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    rendered = (
        MarkdownIt("commonmark", {"html": True, "linkify": True})
        .enable(["table", "strikethrough", "linkify"])
        .render(markdown.render(comparison(text)))
    )
    tags = set(re.findall(r"<([a-z0-9]+)", rendered))
    assert tags <= {
        "h3",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "sub",
        "strong",
        "ul",
        "li",
    }
    assert "@" not in markdown.render(comparison(text)), "a mention"
    assert not re.search(r"(?<!&)#\d", markdown.render(comparison(text)).replace("### ", "")), "a reference"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_html(text: str) -> None:
    clean, dirty = Tags(), Tags()
    clean.feed(as_html.render(comparison("x")))
    page = as_html.render(comparison(text))
    dirty.feed(page)
    assert dirty.seen == clean.seen
    assert dirty.attributes == clean.attributes
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08\x1b]", page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_the_terminal(text: str) -> None:
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08\x1b]", plain_terminal(comparison(text)))


def test_comment_never_exceeds_its_limit_and_keeps_the_verdict() -> None:
    many = comparison(
        "x", params=tuple(ValueChange(f"p{i}" * 20, "a" * 100, "b" * 100, "changed") for i in range(1500))
    )
    for limit in (65_000, 5_000, 1_500):
        made = markdown.render(many, limit=limit)
        assert len(made) <= limit
        assert "A KPI is breached" in made or "a KPI is breached" in made
    assert "more |" in markdown.render(many)


BAD_REPORTS: list[tuple[str, Any]] = [
    ("version", 2), ("project", 7), ("project", "x" * 5000), ("unknown", 1), ("metrics", [{"name": "x"}]), ("metrics", {}), ("confidence", "high"),
    ("notes", ["x"] * 3000), ("base", []), ("confidence", True), ("ran", [["a", 1, 2]]), ("params", [{"name": "a", "old": 1, "new": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}, "kind": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD_REPORTS)
def test_report_of_a_stranger_is_checked(key: str, value: Any) -> None:
    report = json.loads(as_json.dumps(comparison()))
    report[key] = value
    with pytest.raises(UnreadableSideError):
        as_json.loads(json.dumps(report))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"version": 1}',
        b"[" * 100_000,
        b" " * 2_000_000,
        as_json.dumps(comparison()).replace("0.6856", "NaN").encode(),
    ],
)
def test_anything_else_is_no_report(content: bytes) -> None:
    with pytest.raises(UnreadableSideError):
        as_json.loads(content)


def test_unreadable_side_stands_on_top_and_is_not_folded() -> None:
    lost = Unreadable("base", "metrics.json", "is gone", "dvc pull metrics.json")
    body = markdown.render(comparison("x", unreadable=(lost,)))
    assert body.startswith("### 🟠 Could not be compared")
    assert body.index("dvc pull metrics") < (body.index("<details>") if "<details>" in body else len(body))


def test_failure_of_the_pipeline_is_said_with_its_output() -> None:
    body = markdown.render(
        Comparison(
            "p",
            None,
            SideInfo("this commit", "c" * 40),
            (),
            (),
            (),
            (),
            (),
            (),
            (),
            failure="stage train failed\nboom ``` <b>",
        )
    )
    assert "The pipeline failed" in body
    assert "boom ''' <b>" in body
