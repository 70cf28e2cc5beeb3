"""The accounts of a run: what each stage used goes into the history of this machine, and into the costs beside the run cache."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from mlops_kit.artifacts.costs import cost_key, keep_cost, read_costs
from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.places import read_places
from mlops_kit.artifacts.run_history import Outcome, Record, RunSummary, StageRun, append_records
from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.outside.dvc import StageState
from mlops_kit.outside.machine import describe_machine, processors

_RAN, _CACHED, _FAILED = StageState.RAN, StageState.CACHED, StageState.FAILED
PAUSE = 0.5
"""Seconds between two writes to the history: a run that is killed loses no more of it than that."""
_OUTCOMES: dict[StageState, Outcome] = {
    _RAN: "ran",
    _CACHED: "cached",
    _FAILED: "failed",
}


class Accounts:
    """Writes down what stages used, soon after they are done; a watcher of runs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._run = secrets.token_hex(6)
        self._jobs = 1
        self._counts: Counter[StageState] = Counter()
        self._restored: list[StageRun] = []
        self._begun = False
        self._pending: list[Record] = []
        self._written = 0.0
        self._nameless: dict[str, StageRun] = {}
        self._at = time.time()
        self._began = time.monotonic()

    def begin(self, start: RunStart) -> None:
        """Note how many may run side by side."""
        self._begun = True
        self._jobs = start.jobs
        self._at, self._began = time.time(), time.monotonic()

    def change(self, news: StageNews) -> None:
        """Write down a stage that is done and did something."""
        if news.state is StageState.RUNNING:
            return
        self._counts[news.state] += 1
        if news.state not in _OUTCOMES:
            return
        record = self._record(news, _OUTCOMES[news.state])
        self._pending.append(record)
        if time.monotonic() - self._written >= PAUSE:
            self._write()
        if record.result == "ran":
            self._keep(record)
        elif record.result == "cached":
            self._restored.append(record)

    def line(self, line: StageLine) -> None:
        """Ignore what is printed."""

    def memory(self, stage: str, size: int) -> None:
        """Ignore what is resident at one moment."""

    def finish(self) -> None:
        """Write down the run as a whole; nothing of one that was refused before it began."""
        if not self._begun:
            return
        keys = self._recorded_keys()
        for stage, record in self._nameless.items():
            keep_cost(self._cache, replace(record, key=keys.get(stage, "")))
        spared = read_costs(self._root, [one.key or keys.get(one.stage, "") for one in self._restored])
        saved = sum(cost.seconds for cost in spared.values())
        busy = any(self._counts[state] for state in _OUTCOMES)  # a run without work is to cost nothing
        summary = RunSummary(
            self._run,
            self._at,
            time.monotonic() - self._began,
            ran=self._counts[_RAN],
            cached=self._counts[_CACHED],
            unchanged=self._counts[StageState.SKIPPED],
            failed=self._counts[_FAILED],
            jobs=self._jobs,
            saved=saved,
            machine=self._machine if busy else "",
            commit=self._commit if busy else "",
        )
        self._pending.append(summary)
        self._write()

    def _write(self) -> None:
        append_records(self._root, self._pending)
        self._pending = []
        self._written = time.monotonic()

    def _keep(self, record: StageRun) -> None:
        if record.key:
            keep_cost(self._cache, record)
        else:
            self._nameless[record.stage] = record

    def _recorded_keys(self) -> Mapping[str, str]:
        """Return the keys of stages that nobody said the key of: dvc.lock has them now."""
        wanted = {*self._nameless, *(one.stage for one in self._restored if not one.key)}
        try:
            locked = read_pipelines(self._root).locked if wanted else {}
        except SpecError:
            return {}
        return {stage: cost_key(locked[stage].entry) for stage in wanted if stage in locked}

    def _record(self, news: StageNews, result: Outcome) -> StageRun:
        usage = news.usage
        return StageRun(
            news.stage,
            result,
            time.time() - usage.seconds,
            usage.seconds,
            usage.cpu_seconds,
            usage.peak_bytes,
            usage.bytes_in,
            usage.bytes_out,
            usage.warm,
            news.key,
            self._machine,
            self._commit,
            self._run,
        )

    @cached_property
    def _cache(self) -> Path:
        return read_places(self._root).cache.folder

    @cached_property
    def _commit(self) -> str:
        return git.find_commit(self._root, "HEAD") or ""

    @cached_property
    def _machine(self) -> str:
        found = describe_machine()
        return f"{processors()} x {found['processor'] or 'processor'}, {found['system']}"
