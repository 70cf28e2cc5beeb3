"""The HTML page and the comment in a real Chromium: keyboard, contrast, widths, print, accessibility, nothing asked of any host."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.compare.model import (
    Comparison,
    KpiStatus,
    PicturePair,
    PipelineNode,
    PlotCell,
    PlotPair,
    ValueChange,
)
from mlops_kit.report import html, markdown
from mlops_kit.report.text import visible
from tests.report.examples import EXAMPLES, filled, improved, metric, worsened
from tests.report.hostile import HOSTILE
from tests.support.browser import MODULES, Browser, Page, comment_page, require, show

SVG = base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"><script>alert(2)</script>'
    b'<image href="http://127.0.0.1/x.png"/></svg>'
).decode()
FOCUS = """() => { const e = document.activeElement, d = e.parentElement;
  return {tag: e.tagName, id: e.id, cls: e.className, open: d && d.open, outline: getComputedStyle(e).outlineStyle,
          shown: e.getBoundingClientRect().left >= 0} }"""
# Text and the colours behind it, from the text outwards; an SVG label lies on the box of its group.
COLOURS = r"""() => { const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility() || e.closest('title, desc, style')) continue;
    const svg = e.closest('svg'), box = e.closest('g.box'), behind = [];
    if (box) behind.push(getComputedStyle(box.querySelector('rect')).fill);
    for (let p = svg || e; p; p = p.parentElement) behind.push(getComputedStyle(p).backgroundColor);
    found.push([n.data.trim().slice(0, 40), svg ? getComputedStyle(e).fill : getComputedStyle(e).color, behind]);
  } return found }"""


def everything() -> Comparison:
    """Return a comparison with every section that the page has."""
    bars = PlotPair("importance", "name", "gain", "bar", "changed", (), (PlotCell("age", "", 1.0, 2.0), PlotCell("sex", "", None, 1.0)))  # fmt: skip
    pictures = (PicturePair("a.svg", "image/svg+xml", "changed", SVG, SVG), PicturePair("b.png", "image/png", "added"))  # fmt: skip
    return replace(
        improved(), plots=(*improved().plots, bars), pictures=pictures, kpi_changes=worsened().kpi_changes
    )


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """Return the page with every section as a file."""
    path = tmp_path / "report.html"
    path.write_text(html.render(everything()), encoding="utf-8")
    return path


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


def test_tab_reaches_every_fold_and_enter_unfolds_it(browser: Browser, page_file: Path) -> None:
    with show(browser, page_file) as watched:
        page, unfolded = watched.page, 0
        for _ in range(300):
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus["tag"] == "BODY":
                break
            assert focus["outline"] != "none", f"focus cannot be seen on {focus}"
            if focus["tag"] == "SUMMARY":
                assert not focus["open"]
                page.keyboard.press("Enter")
                assert page.evaluate(FOCUS)["open"]
                unfolded += 1
        assert unfolded == page.locator("summary").count() >= 5
        assert page.locator("details:not([open])").count() == 0


def test_first_stop_of_the_keyboard_leads_to_the_result(browser: Browser, page_file: Path) -> None:
    with show(browser, page_file) as watched:
        watched.page.keyboard.press("Tab")
        focus = watched.page.evaluate(FOCUS)
        assert (focus["cls"], focus["shown"]) == ("skip-link", True)
        watched.page.keyboard.press("Enter")
        assert watched.page.evaluate(FOCUS)["id"] == "main"


@pytest.mark.parametrize("width", [375, 1280])
def test_page_never_scrolls_sideways(browser: Browser, page_file: Path, width: int) -> None:
    with show(browser, page_file, width=width) as watched:
        for _ in range(2):
            assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
            unfold(watched.page)


def colours(page: Page) -> list[tuple[str, float]]:
    """Return the contrast of every visible text against what is behind it, after WCAG 2.2."""
    return [(text, contrast(ink, behind)) for text, ink, behind in page.evaluate(COLOURS)]


def contrast(ink: str, behind: list[str]) -> float:
    """Return (L1 + 0.05) / (L2 + 0.05), https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    paper = (255.0, 255.0, 255.0)
    for colour in reversed(behind):
        *over, alpha = parts(colour)
        paper = tuple(alpha * o + (1 - alpha) * p for o, p in zip(over, paper, strict=True))  # type: ignore[assignment]
    light, dark = sorted((luminance(parts(ink)[:3]), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def parts(colour: str) -> tuple[float, ...]:
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].replace("/", ",").split(",")]
    return (*numbers, 1.0) if len(numbers) == 3 else tuple(numbers)


def luminance(colour: tuple[float, ...]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["everything", *EXAMPLES])
def test_text_can_be_read_in_light_and_dark(browser: Browser, tmp_path: Path, name: str) -> None:
    made = everything() if name == "everything" else EXAMPLES[name]()
    (tmp_path / "report.html").write_text(html.render(made), encoding="utf-8")
    papers = set()
    for scheme in ("light", "dark"):
        with show(browser, tmp_path / "report.html", scheme=scheme) as watched:
            unfold(watched.page)
            measured = colours(watched.page)
            papers.add(watched.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(measured) > 10
        assert [(text, round(ratio, 2)) for text, ratio in measured if ratio < 4.5] == []
    assert len(papers) == 2, "dark and light are the same"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_a_chart_stand_out(browser: Browser, page_file: Path, scheme: str) -> None:
    with show(browser, page_file, scheme=scheme) as watched:
        script = "[...document.querySelectorAll('polyline')].map(e => [getComputedStyle(e).stroke, getComputedStyle(document.body).backgroundColor])"
        drawn = watched.page.evaluate(script)
    assert len({ink for ink, _ in drawn}) == 2
    assert min(contrast(ink, [paper]) for ink, paper in drawn) >= 3


def test_paper_shows_what_is_folded(browser: Browser, page_file: Path) -> None:
    with show(browser, page_file, scheme="dark") as watched:
        folded = watched.page.locator("main > details table").first
        assert not folded.is_visible()
        watched.page.emulate_media(media="print")
        assert folded.is_visible()
        assert (
            watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_axe_finds_nothing(browser: Browser, page_file: Path, width: int, scheme: str) -> None:
    script = MODULES / "axe-core" / "axe.min.js"
    require(script.is_file(), "axe-core", "make tools")
    with show(browser, page_file, width=width, scheme=scheme) as watched:
        unfold(watched.page)
        watched.page.evaluate(script.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = watched.page.evaluate("axe.run().then(r => r.violations)")
    assert [(v["id"], [node["html"][:200] for node in v["nodes"]][:3]) for v in found] == []


def test_headings_go_down_one_level_at_a_time(browser: Browser, page_file: Path) -> None:
    with show(browser, page_file) as watched:
        levels = [int(tag[1]) for tag in watched.page.locator("h1,h2,h3,h4").evaluate_all("all => all.map(e => e.tagName)")]  # fmt: skip
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "x" * 3000]
)
def test_hostile_text_runs_nothing_and_keeps_the_layout(browser: Browser, tmp_path: Path, text: str) -> None:
    (tmp_path / "report.html").write_text(html.render(filled(text)), encoding="utf-8")
    with show(browser, tmp_path / "report.html", width=375) as watched:
        unfold(watched.page)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 375
        assert watched.page.locator("script").count() == 0


def crowded() -> Comparison:
    """Return a comparison with more rows than a screen has in every table above the folds."""
    broken = tuple(
        replace(kpi, status=KpiStatus.FAIL, on_breach="Do not merge; look at the slices, then at the labels.")
        for kpi in worsened().kpis * 5
    )
    edits = tuple(
        ValueChange(f"roc_auc [origin={n}].min", 0.7, 0.6, "changed", "@acme/ops") for n in range(9)
    )
    metrics = tuple(metric(f"metric_{n}", rows_needed=26_200) for n in range(20))
    return replace(worsened(), kpis=broken, kpi_changes=edits, metrics=metrics)


@pytest.mark.parametrize("made", [everything, crowded, *EXAMPLES.values()])
def test_comment_is_one_screen_before_anything_unfolds(browser: Browser, tmp_path: Path, made: Any) -> None:
    (tmp_path / "comment.html").write_text(comment_page(markdown.render(made())), encoding="utf-8")
    with show(browser, tmp_path / "comment.html", width=860) as watched:
        end = watched.page.evaluate(
            "(document.querySelector('details') || document.querySelector('sub')).getBoundingClientRect().top"
        )
    assert end <= 900


FENCE = re.compile(r"```mermaid\n(.*?)\n```", re.DOTALL)
DRAW = """async ([source, index]) => { mermaid.initialize({startOnLoad: false, securityLevel: 'strict'});
  const {svg} = await mermaid.render('m' + index, source), box = document.createElement('div');
  box.innerHTML = svg; document.body.append(box);
  return [[...box.querySelectorAll('.nodeLabel')].map(e => e.innerText.split('\\n')[0]), box.querySelectorAll('.line-plot-0, .line-plot-1').length,
          box.querySelectorAll('script, a, img, math').length] }"""


@pytest.fixture
def mermaid_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Return a page that has Mermaid, as GitHub has it."""
    script = MODULES / "mermaid" / "dist" / "mermaid.min.js"
    require(script.is_file(), "Mermaid", "make tools")
    (tmp_path / "empty.html").write_text('<!doctype html><meta charset="utf-8"><body>', encoding="utf-8")
    with show(browser, tmp_path / "empty.html") as watched:
        watched.page.add_script_tag(path=script)
        yield watched.page


@pytest.mark.parametrize("name", ["better", "worse"])
def test_pictures_of_the_comment_are_drawn_by_mermaid(mermaid_page: Page, name: str) -> None:
    graph, chart = FENCE.findall(markdown.render(EXAMPLES[name]()))
    names, _, strange = mermaid_page.evaluate(DRAW, [graph, 0])
    assert names == [node.name for node in improved().pipeline]
    _, lines, more = mermaid_page.evaluate(DRAW, [chart, 1])
    assert (lines, strange + more) == (2, 0)


def test_hostile_names_are_labels_and_nothing_else(mermaid_page: Page) -> None:
    curve = improved().plots[1]
    for start in range(0, len(HOSTILE), 10):
        some = HOSTILE[start : start + 10]
        nodes = tuple(PipelineNode(name, (), "added") for name in some)
        hostile = replace(curve, name=some[0], x_label=some[1], y_label=some[2])
        made = replace(improved(), pipeline=nodes, plots=(hostile,))
        graph, chart = FENCE.findall(markdown.render(made))
        names, _, strange = mermaid_page.evaluate(DRAW, [graph, start])
        assert [said.replace("\u200b", "") for said in names] == [
            visible(name, longest=60).strip() for name in some
        ]
        assert strange + mermaid_page.evaluate(DRAW, [chart, start + 1])[2] == 0


def test_crowded_pipeline_is_drawn_with_few_boxes(mermaid_page: Page) -> None:
    states = ["same", "rerun", "same", "added"]
    nodes = tuple(PipelineNode(f"s{n}", (f"s{n - 1}",) if n else (), states[n % 4]) for n in range(200))  # type: ignore[arg-type]
    (graph,) = FENCE.findall(markdown.render(replace(improved(), pipeline=nodes, plots=())))
    names, _, _ = mermaid_page.evaluate(DRAW, [graph, 0])
    assert names[0] == "100 unchanged stages"
    assert names[-1] == "70 more changed stages"
    assert len(names) == 32
