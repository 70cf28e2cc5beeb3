"""Files that come back: whole, damaged, and as spreadsheets save them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import BadDataError
from mlops_kit.labels.delivery.csv_form import read_csv, write_csv
from mlops_kit.labels.delivery.json_form import read_json, write_json
from mlops_kit.labels.delivery.model import Delivery, OutBatch, OutItem
from mlops_kit.spec.labels import LabelTask

TASK = LabelTask("class", classes=("late", "on_time"))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def _csv(text: str, encoding: str = "utf-8") -> Delivery:
    return read_csv(text.encode(encoding), TASK, name="back.csv")


@given(st.lists(TEXTS, unique=True, max_size=5), TEXTS)
def test_items_of_any_name_go_out_as_csv_and_come_back(names: list[str], shown: str) -> None:
    items = tuple(OutItem(name, "c", {"value": shown}) for name in names)
    content = write_csv(OutBatch("b", "late", "1", items), ["value"], TASK)
    back = read_csv(content, TASK, name="b.csv")
    assert (back.empty, back.bad, back.answers) == (len(names), (), ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_csv_is_read_as_spreadsheets_of_all_countries_save_it(encoding: str, between: str) -> None:
    rows = [
        ["Item", "Value", "Annotator", "Seconds"],
        ["'=1", "Late", "a1", "2.5"],
        ["-2", "?", "ä", ""],
        ["3", "", "", ""],
    ]
    back = _csv("\r\n".join(between.join(row) for row in rows), encoding)
    assert [(each.item, each.value, each.annotator, each.seconds) for each in back.answers] == [
        ("=1", "late", "a1", 2.5),
        ("-2", None, "ä", None),
    ]
    assert back.empty == 1


def test_csv_with_rows_that_cannot_be_read_tells_them_with_their_lines_and_keeps_the_rest() -> None:
    back = _csv(
        'item,value,seconds,time\n1,late,x,\n2,late,-1,\n3,late,1,soon\n4,late\n,late,1,\n5,late,1,\n6,"la'
    )
    assert [each.item for each in back.answers] == ["5"]
    assert [each.place for each in back.bad] == ["line 2", "line 3", "line 4", "line 5", "line 6", "line 8"]
    assert "cut off" in back.bad[-1].reason


def test_csv_without_the_columns_of_answers_is_no_delivery() -> None:
    with pytest.raises(BadDataError, match="no column `value`"):
        _csv("item,answer\n1,late\n")


def test_text_of_a_bad_row_shows_no_address() -> None:
    (bad,) = _csv("item,value,annotator\n1,late,ann@example.org,more\n").bad
    assert "ann@" not in bad.text


def test_json_goes_out_with_room_for_answers_and_comes_back_in_all_its_forms() -> None:
    content = write_json(OutBatch("b", "late", "2", (OutItem("1", "c", {"x": 1}, "late", 0.75),)), TASK)
    whole = json.loads(content)
    assert whole["items"][0]["suggestion"] == {"value": "late", "probability": 0.75}
    whole["items"][0]["answers"] = [{"value": "late", "annotator": "a1"}, {"value": None, "annotator": "a2"}]
    nested = read_json(json.dumps(whole).encode(), TASK, name="b.json")
    flat = [
        {"item": "1", "content": "c", "guideline": "2", "batch": "b", **each}
        for each in whole["items"][0]["answers"]
    ]
    listed = read_json(json.dumps(flat).encode(), TASK, name="b.json")
    lines = read_json("\n".join(map(json.dumps, flat)).encode(), TASK, name="b.jsonl")
    assert [(each.item, each.value, each.content, each.guideline) for each in nested.answers] == [
        ("1", "late", "c", "2"),
        ("1", None, "c", "2"),
    ]
    assert (nested.batch, listed.batch, lines.batch) == ("b", "b", "b")
    assert [each.value for each in listed.answers] == [each.value for each in lines.answers] == ["late", None]


def test_json_lines_that_are_cut_off_keep_what_is_whole() -> None:
    back = read_json(b'{"item": "1", "value": "late"}\n{"item": "2", "val', TASK, name="b.jsonl")
    assert (len(back.answers), [each.place for each in back.bad]) == (1, ["line 2"])


def test_json_that_is_cut_off_is_no_delivery() -> None:
    with pytest.raises(BadDataError, match="cut off"):
        read_json(b'{"items": [{"item"', TASK, name="b.json")
