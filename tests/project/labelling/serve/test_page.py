"""The page in a real browser: by keyboard, through a crash, for everybody."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import MODULES, open_browser, require
from tests.support.label_page import Served, events_of, make_project, served, served_here

pytestmark = pytest.mark.slow
TEXT = "Dear 🙂 team, Zoë Müller of ACME asks for a refund."
TASKS = """\
version: 1
tasks:
  tone: {type: class, question: How does it sound?, classes: [good, bad], shortcuts: {bad: u}, show: [note]}
  why: {type: classes, question: Which apply?, classes: [rude, long, wrong], show: [note]}
  minutes: {type: number, question: How many minutes?, min: 0, max: 90, show: [note]}
  names: {type: spans, question: Who and what?, classes: [person, firm], text: note, show: [note]}
  things: {type: boxes, question: Where is what?, classes: [car, tree], image: picture, show: [id]}
  free: {type: json, question: What do you see?, json_schema: labels/free.json, show: [note]}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    drawn = io.BytesIO()
    Image.new("RGB", (60, 40), "#4080c0").save(drawn, "PNG")
    rows = pa.table({"id": ["a", "b"], "note": [TEXT, "x" * 400], "picture": pa.array([drawn.getvalue()] * 2, pa.binary())})  # fmt: skip
    root = make_project(tmp_path_factory.mktemp("kinds"), TASKS, rows)
    (root / "labels/queue").mkdir()
    for task in ("tone", "why", "minutes", "names", "things", "free"):
        lines = '{"item": "a", "content": "", "strategy": "random"}\n{"item": "b", "content": "", "strategy": "random"}\n'
        (root / f"labels/queue/{task}.jsonl").write_text(lines)
    return root


def opened(browser: Browser, running: Served, width: int = 1280, scheme: str = "light") -> Page:
    """Return the page of the first annotator, which complains about nothing."""
    context = browser.new_context(viewport={"width": width, "height": 720}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith(("http://127.0.0.1", "blob:")) or pytest.fail(request.url),
    )
    page.goto(next(iter(running.ready["links"].values())))
    page.wait_for_selector("#main:not([hidden])")
    return page


def test_twenty_items_by_keyboard_with_a_kill_in_between(browser: Browser, tmp_path: Path) -> None:
    root = make_project(tmp_path, count=20)
    answers = ["1", "2", "3", "1", "x"] * 4
    with served(root, "--annotator", "anna") as running:
        page = opened(browser, running)
        for done, key in enumerate(answers[:11], 1):
            page.keyboard.press(key)
            expect(page.locator("#told")).to_contain_text(f"{done} by you")
        assert running.process
        running.process.kill()  # -9
        running.process.wait()
        page.keyboard.press(answers[11])  # nobody takes this answer now; the page keeps it
        expect(page.locator("#trouble")).to_contain_text("not saved yet")
    with served(root, "--annotator", "anna"):
        expect(page.locator("#trouble")).to_be_hidden()
        for done, key in enumerate(answers[12:], 2):  # the kept one is the first of this server
            expect(page.locator("#told")).to_contain_text(f"{done - 1} by you")
            page.keyboard.press(key)
        expect(page.locator("#end")).to_be_visible()
    page.context.close()
    events = events_of(root)
    assert len({event["item"] for event in events}) == len(events) == 20
    words = {"1": "good", "2": "bad", "3": "neither", "x": None}
    assert [event["value"] for event in events] == [words[key] for key in answers]
    assert len(list((root / "labels/events").iterdir())) == 1


def test_undo_later_and_comment_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    root = make_project(tmp_path, count=3)
    with served_here(root) as running:
        page = opened(browser, running)
        first = page.locator("#cells dd").first.inner_text()
        page.keyboard.press("s")
        expect(page.locator("#cells dd").first).not_to_have_text(first)
        page.keyboard.press("1")
        expect(page.locator("#told")).to_contain_text("1 by you")
        page.keyboard.press("u")
        expect(page.locator(".said")).to_contain_text("good")
        page.keyboard.press("c")
        page.keyboard.type("It says u, x and 1")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        expect(page.locator("#told")).to_contain_text("1 by you")
        expect(page.locator("#comment")).to_have_value("")
        page.context.close()
    assert [event["value"] for event in events_of(root)] == ["good", None, "bad"]
    assert events_of(root)[-1]["reason"] == "It says u, x and 1"


def answered(browser: Browser, home: Path, task: str, *keys: str) -> Any:
    """Answer the first item of `task` by `keys` and return the value."""
    with served_here(home, task) as running:
        page = opened(browser, running)
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator("#told")).to_contain_text("1 by you")
        page.context.close()
    return next(event["value"] for event in events_of(home) if event["task"] == task)


def test_several_classes_by_keyboard(browser: Browser, home: Path) -> None:
    assert answered(browser, home, "why", "3", "1", "2", "2", "Enter") == ["rude", "wrong"]


def test_a_number_by_keyboard_is_held_to_its_bounds(browser: Browser, home: Path) -> None:
    assert answered(browser, home, "minutes", "9", "1", "Enter", "Backspace", "0", "Enter") == 90


def test_spans_by_keyboard_count_characters_not_code_units(browser: Browser, home: Path) -> None:
    keys = ["ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "1"]
    spans = answered(browser, home, "names", *keys, "ArrowRight", "ArrowRight", "2", "Enter")
    assert [(TEXT[span["start"] : span["end"]], span["label"]) for span in spans] == [("Zoë Müller", "person"), ("ACME", "firm")]  # fmt: skip


def test_a_span_selected_by_mouse_or_touch_is_marked(browser: Browser, tmp_path: Path) -> None:
    root = make_project(tmp_path, TASKS, pa.table({"id": ["a"], "note": [TEXT], "picture": [None]}))
    with served_here(root, "names") as running:
        page = opened(browser, running)
        page.evaluate("""() => { const walk = document.createTreeWalker(document.getElementById('text'), NodeFilter.SHOW_TEXT);
            const node = walk.nextNode(); const at = node.data.indexOf('ACME'); const range = document.createRange();
            range.setStart(node, at - 1); range.setEnd(node, at + 5); getSelection().removeAllRanges(); getSelection().addRange(range); }""")
        page.locator("button.class", has_text="firm").click()
        expect(page.locator("#text mark")).to_have_text("ACME")
        page.locator("button.save").click()
        expect(page.locator("#told")).to_contain_text("1 by you")
        page.context.close()
    (value,) = [event["value"] for event in events_of(root)]
    assert [TEXT[span["start"] : span["end"]] for span in value] == ["ACME"]


def test_a_second_tab_that_answers_otherwise_is_told_and_goes_on(browser: Browser, tmp_path: Path) -> None:
    root = make_project(tmp_path, count=3)
    with served_here(root) as running:
        first, second = opened(browser, running), opened(browser, running)
        first.keyboard.press("1")
        expect(first.locator("#told")).to_contain_text("1 by you")
        item = first.locator("#cells dd").first.inner_text()
        second.keyboard.press("2")
        expect(second.locator("#trouble")).to_contain_text("has answered this item already")
        expect(second.locator("#cells dd").first).to_have_text(item)
        for page in (first, second):
            page.context.close()
    assert [event["value"] for event in events_of(root)] == ["good"]


def test_boxes_by_keyboard_and_mouse(browser: Browser, home: Path) -> None:
    with served_here(home, "things") as running:
        page = opened(browser, running)
        area = page.locator(".frame").bounding_box()
        assert area is not None
        page.mouse.move(area["x"] + area["width"] / 4, area["y"] + area["height"] / 4)
        page.mouse.down()
        page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"])
        page.mouse.up()
        for key in ("2", "n", "ArrowLeft", "Shift+ArrowDown", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#told")).to_contain_text("1 by you")
        page.context.close()
    drawn, made = next(event["value"] for event in events_of(home) if event["task"] == "things")
    assert drawn == {"x": pytest.approx(0.25, abs=0.02), "y": pytest.approx(0.25, abs=0.02), "width": pytest.approx(0.25, abs=0.02), "height": pytest.approx(0.75, abs=0.02), "label": "tree"}  # fmt: skip
    assert made == {"x": 0.365, "y": 0.375, "width": 0.25, "height": 0.26, "label": "tree"}


@pytest.mark.parametrize(
    ("task", "width", "scheme"),
    [
        ("tone", 360, "light"),
        ("why", 1280, "dark"),
        ("minutes", 360, "dark"),
        ("names", 360, "light"),
        ("things", 1280, "light"),
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    browser: Browser, home: Path, task: str, width: int, scheme: str
) -> None:
    script = MODULES / "axe-core" / "axe.min.js"
    require(script.is_file(), "axe-core", "make tools")
    with served_here(home, task, "ben") as running:
        page = opened(browser, running, width, scheme)
        page.evaluate(script.read_text(encoding="utf-8"))
        for button in ("", "#open-help", "#open-guidelines") if task == "tone" else ("",):
            if button:
                page.keyboard.press("Escape")
                page.locator(button).click()
            found = page.evaluate("axe.run().then(r => r.violations)")
            assert [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


def test_a_class_that_has_the_key_of_a_command_moves_the_command(browser: Browser, home: Path) -> None:
    with served_here(home, "tone", "cleo") as running:
        page = opened(browser, running)
        page.keyboard.press("u")
        expect(page.locator("#told")).to_contain_text("1 by you")
        page.keyboard.press("Shift+U")
        expect(page.locator("#told")).to_contain_text("0 by you")
        page.context.close()
    assert [event["value"] for event in events_of(home) if event["annotator"] == "cleo"] == ["bad", None]


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'`${1}"
    rows = pa.table({"id": [evil, "b"], "note": [evil, evil], "email": ["x", "y"]})
    root = make_project(tmp_path, rows=rows)
    (root / "labels/guidelines.md").write_text(f"# {evil}\n\nVersion 1.\n\n- {evil}\n")
    with served_here(root) as running:
        page = opened(browser, running)
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        assert page.locator("#cells dd").last.inner_text() == evil
        page.keyboard.press("g")
        assert page.locator("#guidelines-text li").inner_text() == evil
        assert page.locator("img[src=x], body script").count() == 0
        page.context.close()
