"""One comparison, four renderings: the same numbers, inert text, bounded size."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mlops_kit.compare.model import (
    Comparison,
    DataChange,
    LabelChange,
    PicturePair,
    SideInfo,
    Unreadable,
    ValueChange,
    Verdict,
)
from mlops_kit.errors import UnreadableSideError
from mlops_kit.report import html as as_html
from mlops_kit.report import json as as_json
from mlops_kit.report import markdown, mermaid
from mlops_kit.report.limits import MAX_BYTES
from mlops_kit.report.text import interval, number, signed, verdict_sentence, visible
from tests.report.examples import EXAMPLES, GOLDEN, RENDERERS, filled, improved, metric, terminal_text
from tests.report.hostile import HOSTILE
from tests.report.strategies import comparisons

CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What a host makes live in finished text: mentions, mail addresses, references to issues, addresses of pages, emoji.
LIVE = re.compile(r"@[\w-]|(?<![\w&])#\d|\bGH-\d|://|\bwww\.\w|:[\w+-]+:", re.IGNORECASE)
COMMENT_TAGS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "sub", "ul", "li", "strong", "pre", "code"}  # fmt: skip
COMMENT_ATTRIBUTES = {"style", "class"}  # of aligned cells and of fenced code, set by the Markdown parser


class Tags(HTMLParser):
    """Tags, attributes and texts of a page; `open` is what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.texts.append(data)


def rendered(comment: str) -> Tags:
    """Return a comment as a host shows it: links are made of addresses, of `www.` and of mail addresses, not of `train.py`."""
    parser = MarkdownIt("commonmark", {"html": True, "linkify": True})
    assert parser.linkify is not None
    parser.linkify.set({"fuzzy_link": False})
    parser.linkify.add("www.", {"validate": lambda _, text, start: len(re.match(r"\S*", text[start:])[0])})
    return Tags(parser.enable(["table", "strikethrough", "linkify"]).render(comment))


def assert_inert(comment: str) -> None:
    """Check that a comment, once rendered, has only our own tags, all closed, and nothing that a host would bring to life."""
    page = rendered(comment)
    assert page.seen <= COMMENT_TAGS
    assert page.attributes <= COMMENT_ATTRIBUTES
    assert page.open == []
    assert not CONTROL.search(comment)
    assert [found for words in page.texts if (found := LIVE.search(words))] == []


def told(words: str) -> str:
    """Return a text without anything that a line break or a table could add."""
    return re.sub(r"[\s\u00a0]", "", html.unescape(words))


def numbers_of(value: Comparison) -> set[str]:
    """Return every number that all renderings for people must state."""
    stated: set[str] = set()
    for diff in (*value.metrics, *(part.diff for part in value.slices)):
        stated |= {number(diff.old), number(diff.new), interval(diff)}
        stated |= {signed(diff.change)} if diff.low is not None or diff.change else set()
    stated |= {number(kpi.value) for kpi in value.kpis}
    return stated | {f"{seconds:,.1f}" for seconds in dict(value.ran).values()}


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_json_gives_the_comparison_back(value: Comparison) -> None:
    assert as_json.loads(as_json.dumps(value)) == value


@settings(max_examples=80, deadline=None)
@given(comparisons())
def test_four_renderings_state_the_same_numbers(value: Comparison) -> None:
    again = as_json.loads(as_json.dumps(value))
    for text in (markdown.render(again), as_html.render(again), terminal_text(again, width=400)):
        shown = told(text)
        assert [words for words in numbers_of(value) if told(words) not in shown] == []


@settings(max_examples=40, deadline=None)
@given(comparisons())
def test_page_states_every_point_and_cell(value: Comparison) -> None:
    shown = told(as_html.render(value))
    drawn = [plot for plot in value.plots if plot.kind in ("line", "points")]
    points = [
        y for plot in drawn for line in plot.series for x, y in line.points if max(abs(x), abs(y)) < 1e100
    ]
    bars = [cell for plot in value.plots if plot.kind == "bar" for cell in plot.cells]
    for value_ in (*points, *(side for cell in bars for side in (cell.old, cell.new))):
        assert told(number(value_)) in shown


@pytest.mark.parametrize(
    ("text", "link"),
    [("see www.a.org", True), ("see http://a.b", True), ("a@b.org", True), ("train.py 0.AL", False)],
)
def test_reader_of_comments_makes_the_links_that_a_host_makes(text: str, link: bool) -> None:
    assert ("a" in rendered(text).seen) is link


UNSHRUNK = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # a smaller comparison is minutes away and says no more


@settings(max_examples=80, deadline=None, phases=UNSHRUNK)
@given(comparisons())
def test_comment_is_inert(value: Comparison) -> None:
    assert_inert(markdown.render(value))


@settings(max_examples=15, deadline=None, phases=UNSHRUNK)
@given(comparisons(), st.sampled_from([65_000, 8_000, 2_000]))
def test_large_comment_is_inert_and_within_its_limit(value: Comparison, limit: int) -> None:
    many = {
        name: getattr(value, name) * 120 for name in ("params", "metrics", "kpis", "notes", "slices", "plots")
    }
    made = markdown.render(replace(value, **many), limit=limit)
    assert len(made) <= limit
    assert_inert(made)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    value = filled(text)
    assert_inert(markdown.render(value))
    assert_inert(markdown.render(replace(value, failure="", unreadable=())))


def test_mention_is_broken_and_still_read() -> None:
    comment = markdown.render(replace(improved(), notes=("ask @acme/ops about #12",)))
    assert "&#64;&#8203;acme/ops" in comment
    assert "ask @acme/ops about #12" in "".join(rendered(comment).texts).replace("\u200b", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_html(text: str) -> None:
    clean, page = Tags(as_html.render(filled("x"))), as_html.render(filled(text))
    dirty, picture = Tags(page), {"img", "src", "alt"}  # a text that is no base64 gives no picture
    assert (dirty.seen - picture, dirty.attributes - picture) == (
        clean.seen - picture,
        clean.attributes - picture,
    )
    assert dirty.open == []
    assert {value for value in dirty.values if not value.startswith("data:image/")} == {"#main"}
    assert not CONTROL.search(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_the_terminal(text: str) -> None:
    assert not CONTROL.search(terminal_text(filled(text), width=200))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_mermaid_label(text: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9 /,]|#\d+;)*", mermaid.label(text))
    assert html.unescape(mermaid.label(text).replace("#", "&#")).replace("\u200b", "") == visible(
        text, longest=60
    )


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("ending", ["md", "txt"])
def test_report_is_as_in_its_golden_file(name: str, ending: str) -> None:
    """After a wanted change: python -m tests.report.examples, then look at the difference."""
    assert RENDERERS[ending](EXAMPLES[name]()) == (GOLDEN / f"{name}.{ending}").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", EXAMPLES)
def test_terminal_report_keeps_to_the_width(name: str, width: int) -> None:
    assert max(map(len, terminal_text(EXAMPLES[name](), width).splitlines())) <= width


def test_comment_never_exceeds_its_limit_and_keeps_the_verdict() -> None:
    params = tuple(ValueChange(f"p{i}" * 20, "a" * 100, "b" * 100, "changed") for i in range(1500))
    many = replace(improved(), params=params)
    for limit in (65_000, 5_000, 1_500):
        made = markdown.render(many, limit=limit)
        assert len(made) <= limit
        assert "### 🟢 Better" in made
    assert "more |" in markdown.render(many)


def test_edit_of_the_contract_stands_above_the_folds_with_its_owner() -> None:
    edit = ValueChange("roc_auc.min", 0.7, 0.65, "changed", "@acme/ops")
    body = markdown.render(replace(improved(), kpi_changes=(edit,)))
    above = "".join(rendered(body[: body.index("<details>")]).texts)
    assert "it needs the owner's review" in above
    assert re.search(r"roc_auc\.min\s+0\.7\s+0\.65\s+@\u200bacme/ops", above)


BAD_REPORTS: list[tuple[str, Any]] = [
    ("version", 2), ("project", 7), ("project", "x" * 5000), ("unknown", 1), ("metrics", [{"name": "x"}]), ("metrics", {}), ("confidence", "high"),
    ("notes", ["x"] * 3000), ("base", []), ("confidence", True), ("ran", [["a", 1, 2]]), ("params", [{"name": "a", "old": 1, "new": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}, "kind": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD_REPORTS)
def test_report_of_a_stranger_is_checked(key: str, value: Any) -> None:
    report = json.loads(as_json.dumps(improved()))
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
        as_json.dumps(improved()).replace("0.68561", "NaN").encode(),
    ],
)
def test_anything_else_is_no_report(content: bytes) -> None:
    with pytest.raises(UnreadableSideError):
        as_json.loads(content)


def test_unreadable_side_stands_on_top_and_is_not_folded() -> None:
    lost = Unreadable("base", "metrics.json", "is gone", "dvc pull metrics.json")
    body = markdown.render(replace(improved(), unreadable=(lost,)))
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


def test_report_of_an_older_version_is_read() -> None:
    report = json.loads(as_json.dumps(improved()))
    for name in ("pipeline", "plots", "pictures"):
        del report[name]
    assert as_json.loads(json.dumps(report)) == replace(improved(), pipeline=(), plots=(), pictures=())


def test_report_with_many_plots_stays_within_the_limits_of_its_reader() -> None:
    points = tuple((n / 3, n / 7) for n in range(200))
    lines = tuple(replace(improved().plots[1].series[0], label=str(n), points=points) for n in range(8))
    many = replace(
        improved(), plots=tuple(replace(improved().plots[1], name=f"p{n}", series=lines) for n in range(40))
    )
    text = as_json.dumps(many)
    assert len(text.encode()) <= MAX_BYTES
    again = as_json.loads(text)
    assert len(again.plots) == 40
    assert again.plots[0].series[0].points[-1] == points[-1]
    assert markdown.render(again)


def test_pictures_are_no_part_of_the_json() -> None:
    picture = PicturePair("a.png", "image/png", "changed", "aGk=", "aG8=")
    again = as_json.loads(as_json.dumps(replace(improved(), pictures=(picture,))))
    assert again.pictures == (replace(picture, old="", new=""),)
    report = json.loads(as_json.dumps(again))
    report["pictures"][0]["new"] = "aGk="
    with pytest.raises(UnreadableSideError):
        as_json.loads(json.dumps(report))


def test_numbers_that_no_picture_can_show_are_given_as_numbers_only() -> None:
    (line, *_), huge = improved().plots[1].series, 1e308
    wild = replace(line, points=((0.0, -huge), (1.0, huge)))
    diff = metric(low=-huge, high=huge, new=huge, old=-huge)
    value = replace(improved(), metrics=(diff,), plots=(replace(improved().plots[1], series=(wild,)),))
    assert "xychart" not in markdown.render(value)
    assert not re.search(r'="(nan|-?inf)', as_html.render(value))


def test_no_change_is_better_while_another_metric_is_worse() -> None:
    worse = metric("accuracy", new=0.7, verdict=Verdict.WORSE, low=-0.1, high=-0.08)
    made = replace(improved(), metrics=(*improved().metrics, worse))
    title, sentence = verdict_sentence(made)
    assert title == "Mixed: some metrics are worse"
    assert "worse: accuracy" in sentence
    assert markdown.render(made).startswith("### 🟡 Mixed")


def test_worse_slices_are_counted_in_the_verdict_line() -> None:
    (part,) = improved().slices
    made = replace(improved(), slices=(replace(part, diff=replace(part.diff, verdict=Verdict.WORSE)),))
    assert "worse on 1 slice" in verdict_sentence(made)[1]


def test_data_and_labels_are_said_in_every_rendering() -> None:
    data = DataChange(
        "data/raw.parquet",
        "changed",
        1_500_000,
        1_600_000,
        old_rows=10,
        new_rows=12,
        columns=("added x (int64)",),
    )
    made = replace(improved(), data=(data,), labels=LabelChange("data/labels.parquet", 10, 12, 2, 0, 1))
    for words in ("10 rows, 1.5 MB", "12 rows, 1.6 MB", "added x", "2 added, 1 changed"):
        for shown in (
            terminal_text(made, 120),
            as_html.render(made),
            html.unescape(markdown.render(made)).replace("\xa0", " "),
        ):
            assert words in shown
    assert as_json.loads(as_json.dumps(made)) == replace(made, pictures=())


def test_report_of_a_large_section_on_data_is_within_its_limits() -> None:
    section = EXAMPLES["data"]().data_section
    assert section is not None
    table = section.tables[0]
    long = replace(table.columns[0], reason="x" * 5000, examples=table.columns[0].examples * 3)
    many = replace(
        section, partitions=section.partitions * 3000, tables=(replace(table, columns=(long,) * 300),)
    )
    text = as_json.dumps(replace(improved(), data_section=many))
    assert len(text.encode()) <= MAX_BYTES
    again = as_json.loads(text)
    assert again.data_section is not None
    assert 0 < len(again.data_section.partitions) < 3000
    assert again.notes[0].startswith("the section on data is shortened")
    assert len(markdown.render_data(again)) <= 65_000
    assert_inert(markdown.render_data(again, limit=9_000))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_a_proposal(text: str) -> None:
    assert_inert(markdown.render_data(filled(text)))


def test_words_on_data_stand_above_the_folds_and_nothing_about_persons_is_shown() -> None:
    body = markdown.render(EXAMPLES["data"]())
    above = "".join(rendered(body[: body.index("<details>")]).texts)
    assert "data/raw: 1 partition added (2013-10, 28,889 rows)" in above
    assert "13 rows in quarantine instead of 4" in above
    assert "not shown: about persons" in "".join(rendered(body).texts).replace("\u00a0", " ")


def test_terminal_tells_figures_that_only_this_side_has_in_one_line() -> None:
    fresh = metric("coverage", old=None, direction=None, verdict=Verdict.CANNOT_TELL, low=None, high=None)
    said = terminal_text(replace(EXAMPLES["better"](), metrics=(metric(), fresh)), 200)
    assert "\nnew: coverage 0.70482\n" in said
    gone = replace(fresh, old=0.5, new=None)
    assert "cannot tell" in terminal_text(replace(EXAMPLES["better"](), metrics=(metric(), gone)), 200)
