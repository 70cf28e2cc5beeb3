from __future__ import annotations

import json

from mlops_kit.engines._base import StageLine, StageUsage
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.report.run_events import EVENTS, OPTIONAL, EventWriter, describe_events


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def whole_run() -> list[dict[str, object]]:
    lines: list[str] = []
    clock = Clock()
    writer = EventWriter(lines.append, clock)
    writer.begin(RunStart(("a", "b"), frozenset("a"), {"a": 2.0}, jobs=4))
    writer.change(StageNews("a", StageState.RUNNING, reason="params.yaml:a.x changed"))
    writer.line(StageLine("a", 'half "done"\u2028é'))
    for _ in range(5):
        clock.now += 0.3
        writer.memory("a", 700)
    writer.change(StageNews("a", StageState.RAN, StageUsage(1.5, 1.25, 800, 1, 2, warm=True), "ab" * 32))
    writer.change(StageNews("b", StageState.SKIPPED))
    writer.finish()
    assert all(line.endswith("\n") and line.count("\n") == 1 and line.isascii() for line in lines)
    return [json.loads(line) for line in lines]


def test_each_event_has_the_keys_that_are_documented() -> None:
    events = whole_run()
    assert {str(one["event"]) for one in events} == EVENTS.keys()
    for one in events:
        named = EVENTS[str(one["event"])].keys()
        assert named - OPTIONAL <= one.keys() - {"event", "at"} <= named


def test_events_come_in_the_order_of_what_happens() -> None:
    events = whole_run()
    assert [one["event"] for one in events][:3] == ["run_started", "stage_started", "stage_output"]
    last = {key: events[-1][key] for key in ("seconds", "ran", "cached", "unchanged", "failed")}
    assert last == {"seconds": 1.5, "ran": 1, "cached": 0, "unchanged": 1, "failed": 0}


def test_memory_is_said_once_a_second() -> None:
    assert [one["at"] for one in whole_run() if one["event"] == "stage_memory"] == [1000.3, 1001.5]


def test_the_reference_names_every_event() -> None:
    page = describe_events()
    assert all(f"## {event}\n" in page for event in EVENTS)
