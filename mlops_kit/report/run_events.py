"""What happens in a run as lines of JSON, one object each: for other programs, and for logs that are read later."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState

SCHEMA = 1
RESULTS = {
    StageState.RAN: "ran",
    StageState.CACHED: "cached",
    StageState.SKIPPED: "unchanged",
    StageState.FAILED: "failed",
}
# Every event, its keys and what they say: the reference page is made from this, and a test holds what is written against it.
EVENTS: dict[str, dict[str, str]] = {
    "run_started": {
        "schema": "Version of these events: 1. Keys and events may be added within a version.",
        "jobs": "How many stages may run side by side.",
        "stages": "All stages that are looked at, in DVC's order; empty when that is not known before.",
        "waiting": "Those of them that will run as far as can be said before.",
        "expected": "Stage -> seconds that it takes when it runs, where that is known from earlier runs.",
    },
    "stage_started": {
        "stage": "Its name, as DVC has it.",
        "reason": "Why it runs, in words. Left out where nobody says.",
    },
    "stage_output": {
        "stage": "Whose output it is; empty where that is not known.",
        "text": "One line, as it was printed.",
    },
    "stage_memory": {
        "stage": "Its name.",
        "bytes": "Resident memory of all its processes; at most one event a second and stage.",
    },
    "stage_finished": {
        "stage": "Its name.",
        "result": "`ran`, `cached` (outputs came from an earlier run), `unchanged` or `failed`.",
        "seconds": "Wall clock time; of a cached stage that of fetching.",
        "cpu_seconds": "Processor time of its commands; 0 when unknown.",
        "peak_bytes": "Largest resident memory of one process; 0 when unknown.",
        "bytes_in": "Size of its dependencies; 0 when unknown.",
        "bytes_out": "Size of its outputs; 0 when unknown.",
        "warm": "Whether it started in a process that had its libraries imported already.",
        "key": "Key of DVC's run cache. Left out where there is none.",
        "reason": "What went wrong, in words. Left out where nobody says.",
    },
    "run_finished": {
        "seconds": "How long all of it took.",
        "ran": "Number of stages.",
        "cached": "Number of stages.",
        "unchanged": "Number of stages.",
        "failed": "Number of stages.",
    },
}
OPTIONAL = frozenset({"reason", "key"})


@dataclass
class EventWriter:
    """Writes events; a watcher."""

    write: Callable[[str], object]
    """Takes a whole line with its end."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    _began: float | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _said: dict[str, float] = field(default_factory=dict)

    def begin(self, start: RunStart) -> None:
        """Write `run_started`."""
        self._began = self.clock()
        waiting = [stage for stage in start.stages if stage in start.waiting]
        expected = {stage: round(seconds, 3) for stage, seconds in sorted(start.expected.items())}
        self._emit(
            "run_started", schema=SCHEMA, jobs=start.jobs, stages=list(start.stages), waiting=waiting,
            expected=expected,
        )  # fmt: skip

    def change(self, news: StageNews) -> None:
        """Write `stage_started` or `stage_finished`."""
        optional = {"reason": news.reason} if news.reason else {}
        if news.state is StageState.RUNNING:
            self._emit("stage_started", stage=news.stage, **optional)
            return
        result, usage = RESULTS[news.state], news.usage
        self._counts[result] += 1
        optional |= {"key": news.key} if news.key else {}
        self._emit(
            "stage_finished", stage=news.stage, result=result, seconds=round(usage.seconds, 3),
            cpu_seconds=round(usage.cpu_seconds, 3), peak_bytes=usage.peak_bytes, bytes_in=usage.bytes_in,
            bytes_out=usage.bytes_out, warm=usage.warm, **optional,
        )  # fmt: skip

    def line(self, line: StageLine) -> None:
        """Write `stage_output`."""
        self._emit("stage_output", stage=line.stage, text=line.text)

    def memory(self, stage: str, size: int) -> None:
        """Write `stage_memory`, unless the last one of the stage is less than a second ago."""
        now = self.clock()
        if now - self._said.get(stage, 0.0) >= 1:
            self._said[stage] = now
            self._emit("stage_memory", stage=stage, bytes=size)

    def finish(self) -> None:
        """Write `run_finished`."""
        seconds = 0.0 if self._began is None else round(self.clock() - self._began, 3)
        counts = {result: self._counts[result] for result in RESULTS.values()}
        self._emit("run_finished", seconds=seconds, **counts)

    def _emit(self, event: str, **values: Any) -> None:
        value = {"event": event, "at": round(self.clock(), 3), **values}
        self.write(json.dumps(value, separators=(",", ":")) + "\n")


def describe_events() -> str:
    """Return the reference of all events as Markdown."""
    parts = [
        (
            "`mlops-kit run --events FILE` (`-` for standard output) writes one JSON object a line, each as soon as it happens, in ASCII."
            " Every object has `event`, one of the names below, and `at`, seconds since 1970. A program that reads them passes over"
            " events and keys that it does not know. The last line of a run that was not killed is `run_finished`."
        ),
    ]
    for event, keys in EVENTS.items():
        rows = "\n".join(f"| `{key}` | {meaning} |" for key, meaning in keys.items())
        parts.append(f"## {event}\n\n| key | meaning |\n|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"
