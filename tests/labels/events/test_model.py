"""An event has an id by what it says, and one line of JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from mlops_kit.labels.events.model import COLUMNS, LabelEvent, event_line, event_schema

EVENT = LabelEvent("UA|1", "late", "on_time", "fox", "2026-11-21T09:30:00.000Z", seconds=2.5, batch="b1")


def test_id_is_by_what_the_event_says_not_by_its_file() -> None:
    assert replace(EVENT, batch="b2").id == EVENT.id
    assert len({EVENT.id, replace(EVENT, value="late").id, replace(EVENT, annotator="owl").id}) == 3


def test_line_has_what_is_said_in_the_order_of_the_columns() -> None:
    keys = list(json.loads(event_line(EVENT)))
    assert keys == [name for name in COLUMNS if name in keys]
    assert "confidence" not in keys
    assert event_line(EVENT).endswith("\n")


def test_line_of_an_answer_that_cannot_tell_keeps_its_missing_value() -> None:
    assert json.loads(event_line(replace(EVENT, value=None)))["value"] is None


def test_columns_of_parquet_are_the_keys_of_the_lines() -> None:
    assert tuple(event_schema().names) == COLUMNS
