from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_kit.compare.spending import PipelineCost, StageCost
from mlops_kit.report import html, json, markdown
from mlops_kit.report.cost_text import change_text, cost_words
from tests.report.examples import improved, terminal_text

COSTLY = replace(
    improved(),
    cost=PipelineCost(7, 2, 12.0, 75.0, 512_000_000, 2_100_000_000, 2),
    costs=(StageCost("train|<b>", 8.0, 71.0, 512_000_000, 2_100_000_000), StageCost("new", None, 0.2)),
)


def test_the_sentence_says_what_counts_and_what_does_not() -> None:
    assert cost_words(COSTLY) == (
        "12 s → 1:15 min (+1:03 min), most memory 512 MB → 2.1 GB; without 2 of 9 stages, whose cost is not known on both sides; "
        "measured on 2 kinds of machines"
    )
    assert cost_words(improved()) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [(10, 10.9, "about the same"), (0.1, 0.5, "about the same"), (10, 12, "+2.0 s"), (90, 30, "-1:00 min"), (None, 3, "new"), (3, None, "gone")],
)  # fmt: skip
def test_a_change_is_more_than_noise(old: float | None, new: float | None, said: str) -> None:
    assert change_text(old, new) == said


def test_every_rendering_has_the_cost_and_nothing_comes_to_life() -> None:
    assert "<summary>Cost: 12 s → 1&#58;15 min" in markdown.render(COSTLY)
    assert "| train&#124;&#60;b&#62; | 8.0 s | 1&#58;11 min |" in markdown.render(COSTLY)
    assert "train|&lt;b&gt;" in html.render(COSTLY)
    assert "    train|<b>: 8.0 s → 1:11 min (+1:03 min)" in terminal_text(COSTLY)


def test_json_keeps_the_cost() -> None:
    assert json.loads(json.dumps(COSTLY)).cost == COSTLY.cost
    assert json.loads(json.dumps(COSTLY)).costs == COSTLY.costs
