"""Brings pipelines up to date as `dvc repro` does, with independent stages side by side and without loading DVC.

Each stage is judged when all before it are done, from what is there then: unchanged, restored from the run cache, or run. What is unusual
is handed to DVC itself. dvc.lock goes through states that a serial `dvc repro` would have gone through, too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.declared import DeclaredPipelines, DeclaredStage
from mlops_kit.artifacts.freshness import Freshness, StageFreshness
from mlops_kit.artifacts.ledger import Ledger
from mlops_kit.artifacts.run_history import durations, peaks
from mlops_kit.engines._base import StageExit, StageLine, StageTask
from mlops_kit.engines.judging import (
    Verdict,
    counted_causes,
    targeted,
)
from mlops_kit.engines.local import LocalEngine
from mlops_kit.engines.options import PipelineOptions
from mlops_kit.engines.outcome import Outcome, complaint, said
from mlops_kit.engines.queue import StageQueue, critical_seconds
from mlops_kit.engines.room import Room, read_resources
from mlops_kit.engines.stopping import Stopping
from mlops_kit.engines.supplies import Supplies
from mlops_kit.engines.watching import RunStart, Watcher
from mlops_kit.errors import MlopsKitError, OutsideError, SpecError
from mlops_kit.outside.aside import Aside, recover
from mlops_kit.outside.children import open_children
from mlops_kit.outside.dvc import ReproResult, dvc_environment, reproduce
from mlops_kit.outside.machine import available_memory, usable_processors
from mlops_kit.outside.run_lock import Announced, hold_dvc, hold_run

if TYPE_CHECKING:
    from mlops_kit.artifacts.remote_store import RemoteStore

TICK_SECONDS = 0.25
PATIENCE_SECONDS = 20.0


def reproduce_pipelines(
    root: Path, options: PipelineOptions, watcher: Watcher, *, lock: int | None = None
) -> ReproResult:
    """Bring the pipelines of the DVC repository at `root` up to date and tell `watcher` of it.

    A failing stage is a result, not an error. `lock` is the descriptor of the run's lock when the caller holds it. After a signal
    running stages are ended, finished ones recorded, old outputs brought back, and then it has its usual effect.
    Raises UsageError for an unknown target, SpecError for pipelines that DVC would refuse, OutsideError when nothing can be started.
    """
    with ExitStack() as stack:
        if lock is None:
            lock = stack.enter_context(hold_run(root)).descriptor
        recover(root)
        stopping = stack.enter_context(Stopping())
        result = _Pipeline(root, options, watcher, lock, stopping).run()
    stopping.act()
    return result


class _Pipeline:
    """One run. One thread does everything; only the commands of stages are elsewhere."""

    def __init__(
        self, root: Path, options: PipelineOptions, watcher: Watcher, lock: int, stopping: Stopping
    ) -> None:
        self._root = root
        self._options = options
        self._lock = lock
        self._stopping = stopping
        self._outcome = Outcome(watcher)
        self._freshness = Freshness(root, quiet_comments=False)
        self._pipelines: DeclaredPipelines = self._freshness.pipelines
        if self._pipelines.problems:
            raise SpecError(self._pipelines.problems[0], where="dvc.yaml", fix="dvc stage list --all")
        needed = targeted(self._pipelines, options.targets)
        order = [name for name in self._pipelines.stages if name in needed]
        self._queue = StageQueue(order, self._pipelines.before)
        self._remote = _open_remote(root) if options.pull else None
        self._ledger = Ledger(root, self._freshness, order, guard=lambda: hold_dvc(root), remote=self._remote)
        self._supplies = Supplies(root, self._freshness, self._ledger, pull=options.pull)
        self._environment = {**dvc_environment(options.programs), **options.variables}
        self._environment.setdefault("DVC_ROOT", str(root))
        self._jobs = options.jobs or usable_processors()
        self._aside = Aside(root)
        self._announced = Announced(root)
        self._engine: LocalEngine | None = None
        self._room = Room(self._jobs, 0)
        self._peaks: Mapping[str, int] = {}
        self._runnable: list[str] = []
        self._handed: list[str] = []
        self._running: set[str] = set()
        self._stop_at = 0.0
        self._watcher = watcher
        self._first: dict[str, StageFreshness] = {}
        self._waiting: set[str] = set()
        self._renewed: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._ticked_at = 0.0
        self._held_up = False
        self._told: set[str] = set()
        self._limit = len(order)

    def run(self) -> ReproResult:
        """Bring all up to date, and leave nothing half done however this ends."""
        try:
            self._begin()
            while not self._queue.done and self._step():
                pass
        finally:
            self._close()
        return self._outcome.result()

    def _close(self) -> None:
        try:
            if self._engine is not None:
                self._engine.close()
            for name in sorted(self._running):
                self._aside.bring_back(name)
        finally:
            if self._remote is not None:
                self._remote.close()
            self._announced.close()
            self._flush()
            self._freshness.save()

    def _step(self) -> bool:
        """Do what can be done now and wait for what runs; return whether there is anything left to do or to wait for."""
        self._heed_signal()
        self._held_up = False
        moved = not self._stopping.number and (self._start_next() or self._judge_next() or self._hand_next())
        busy = bool(self._running)
        if busy:
            self._listen(0.0 if moved else TICK_SECONDS)
        elif self._held_up and not moved:
            time.sleep(TICK_SECONDS)
        return bool(moved or busy or self._held_up)

    def _judge_next(self) -> bool:
        """Judge a stage whose turn it is, unless what is judged already fills the machine; return whether there was one."""
        if self._runnable and self._room.full:
            return False
        while (name := self._queue.pop()) is not None:
            if self._queue.place[name] < self._limit:
                self._act(name)
                return True
        return False

    def _act(self, name: str) -> None:
        began = time.monotonic()
        try:
            verdict = self._judge(name)
            if verdict is Verdict.UNCHANGED and self._queue.place[name] < self._limit:
                self._outcome.skipped(name)
            elif verdict is Verdict.RESTORED:
                self._outcome.restored(name, time.monotonic() - began)
        except (MlopsKitError, OSError) as error:
            self._fail(name, (f"ERROR: failed to reproduce '{name}': {said(error)}",))
            return
        if verdict is Verdict.RUN:
            self._runnable.append(name)
        elif verdict is Verdict.HAND:
            self._handed.append(name)
        else:
            self._settle(name, renewed=name in self._waiting)

    def _settle(self, name: str, *, renewed: bool = True) -> None:
        if renewed:
            self._renewed.add(name)
        self._ledger.settle(name)
        self._queue.settle(name)

    def _judge(self, name: str) -> Verdict:
        stage = self._pipelines.stages[name]
        # What nothing has been done to since the first look is as it was.
        found = self._first.pop(name)
        if any(other in self._renewed for other in self._pipelines.before(name)):
            found = self._ledger.judge(name)
        causes = counted_causes(self._freshness, found, allow_missing=self._options.allow_missing)
        self._reasons[name] = ", ".join(f"{cause.kind} {cause.name}" for cause in causes[:3])
        looked_through = not found.unknown or not stage.handed
        forced = self._options.force and not stage.manifests
        if not forced and not causes and looked_through:
            return Verdict.UNCHANGED
        if stage.handed or (stage.frozen and not stage.manifests):
            return Verdict.HAND
        if forced:
            return Verdict.RUN
        if self._options.pull and self._supplies.bring_outputs(stage, causes):
            return Verdict.UNCHANGED
        if self._options.pull and self._ledger.restore(name):
            return Verdict.RESTORED  # before its inputs are fetched, which nobody reads then
        if self._supplies.missing_inputs(stage) or self._options.pull:
            return (
                Verdict.RUN
            )  # a failure when inputs are missing, unless another stage writes them meanwhile
        return Verdict.RESTORED if self._ledger.restore(name) else Verdict.RUN

    def _start_next(self) -> bool:
        """Start the most urgent stage that fits; return whether there was one."""
        if self._room.full:
            return False
        for name in self._runnable:
            stage = self._pipelines.stages[name]
            if self._engine is None:
                self._open_engine()
            wanted = read_resources(stage, self._peaks.get(name, 0))
            if self._room.fits(wanted) and self._claim(stage):
                self._runnable.remove(name)
                self._room.take(name, wanted)
                self._start(stage)
                return True
        return False

    def _open_engine(self) -> None:
        """Prepare for running: most calls of `run` find nothing to run, and pay for nothing of this."""
        warm = None
        if self._options.warm is not None:
            stages = [self._pipelines.stages[name] for name in self._queue.order if name in self._waiting]
            warm = self._options.warm(
                (s.name, s.commands, self._root / s.base) for s in stages if not s.handed
            )
        self._engine = LocalEngine(open_children(self._root, self._lock, warm))
        if self._jobs > 1:
            self._peaks = peaks(self._root)
            self._room = Room(self._jobs, available_memory())

    def _begin(self) -> None:
        """Look at all stages once, tell what will run, and put the longest way first."""
        stages = self._pipelines.stages
        self._first = {name: self._ledger.judge(name) for name in self._queue.order}
        for name, found in self._first.items():
            causes = counted_causes(self._freshness, found, allow_missing=self._options.allow_missing)
            behind = any(other in self._waiting for other in self._pipelines.before(name))
            if causes or behind or (self._options.force and stages[name].commands):
                self._waiting.add(name)
        expected = durations(self._root) if self._waiting else {}
        if self._waiting and self._jobs > 1:
            self._queue.favour(critical_seconds(self._queue.order, self._queue.after, expected))
        before = {name: self._pipelines.before(name) for name in self._waiting}
        self._outcome.begin(
            RunStart(self._queue.order, frozenset(self._waiting), expected, before, self._jobs)
        )

    def _claim(self, stage: DeclaredStage) -> bool:
        """Tell DVC which paths the stage works on; return False while another process does."""
        writes = [out.path for out in stage.outs]
        holder = self._announced.add(stage.name, [*stage.deps, *stage.params], writes)
        if holder is None:
            return True
        self._held_up = True
        if stage.name not in self._told:
            self._outcome.say(stage.name, f"waits for {holder}, which works on the same paths")
            self._told.add(stage.name)
        return False

    def _start(self, stage: DeclaredStage) -> None:
        name = stage.name
        missing = self._supplies.missing_inputs(stage)
        if missing:
            hint = f"; nothing was acquired yet: mlops-kit acquire {name}" if stage.manifests else ""
            self._give_up(name, f"missing data 'source': {', '.join(missing)}{hint}")
            return
        try:
            self._ledger.prepare(name)
            self._aside.put(name, [out.path for out in stage.outs if not out.persist])
        except OSError as error:
            self._give_up(name, said(error))
            return
        self._outcome.started(name, self._reasons.get(name, ""))
        self._outcome.say(name, f"Running stage '{name}':", *(f"> {command}" for command in stage.commands))
        assert self._engine is not None
        self._running.add(name)
        folder = self._root / stage.base
        environment = {**self._environment, "DVC_STAGE": name}
        outputs = tuple(out.path for out in stage.outs)
        self._engine.start(StageTask(name, stage.commands, folder, environment, outputs))

    def _give_up(self, name: str, why: str) -> None:
        self._room.leave(name)
        self._announced.remove(name)
        self._fail(name, (f"ERROR: failed to reproduce '{name}': {why}",))

    def _listen(self, timeout: float) -> None:
        assert self._engine is not None
        for event in self._engine.wait(timeout):
            if isinstance(event, StageLine):
                self._outcome.say(event.stage, event.text)
            else:
                self._finish(event)
        if time.monotonic() > self._ticked_at + TICK_SECONDS:
            self._ticked_at = time.monotonic()
            for name, size in self._engine.memory().items():
                self._watcher.memory(name, size)

    def _finish(self, ended: StageExit) -> None:
        """Record what a stage has made, or put back what was there before it."""
        name = ended.stage
        try:
            lines = self._record(ended) if ended.code == 0 else complaint(ended)
            if lines:
                self._aside.bring_back(name)
        finally:
            self._running.discard(name)
            self._room.leave(name)
            self._announced.remove(name)
        if lines:
            stage = self._pipelines.stages[name]
            self._freshness.forget([out.path for out in stage.outs])
            self._fail(name, (*ended.tail, *lines), ended)
        else:
            self._settle(name)

    def _record(self, ended: StageExit) -> tuple[str, ...]:
        try:
            recorded = self._ledger.record(ended.stage)
        except (MlopsKitError, OSError) as error:
            return (f"ERROR: failed to reproduce '{ended.stage}': {said(error)}",)
        self._aside.drop(ended.stage)
        usage = replace(ended.usage, bytes_in=recorded.bytes_in, bytes_out=recorded.bytes_out)
        self._outcome.ran(ended.stage, usage, recorded.key)
        return ()

    def _fail(self, name: str, lines: tuple[str, ...], ended: StageExit | None = None) -> None:
        """Note a failure: nothing behind the stage in DVC's order begins any more; a run that was stopped has failed nobody."""
        place = self._queue.place[name]
        self._limit = min(self._limit, place)
        self._runnable = [other for other in self._runnable if self._queue.place[other] < self._limit]
        self._handed = [other for other in self._handed if self._queue.place[other] < self._limit]
        self._outcome.say(name, *lines[len(ended.tail) if ended else 0 :])
        self._outcome.failed(name, place, lines, ended)

    def _hand_next(self) -> bool:
        """Let DVC reproduce a stage that it understands better, when all before it are done and nothing else runs."""
        name = next((name for name in self._handed if self._queue.is_next(name)), None)
        if name is None or self._running:
            return False
        self._handed.remove(name)
        self._flush()
        self._freshness.save()
        options = self._options
        result = reproduce(
            self._root,
            targets=[name],
            single=True,
            force=options.force,
            pull=options.pull,
            allow_missing=options.allow_missing,
            programs=options.programs,
            variables=options.variables,
            on_event=self._outcome.dvc.event,
            on_line=self._outcome.dvc.line,
        )
        self._outcome.handed(name, self._queue.place[name], result)
        if result.code:
            self._limit = min(self._limit, self._queue.place[name])
            return True
        self._ledger.reload([name])
        self._settle(name)
        return True

    def _flush(self) -> None:
        """Write what is recorded and not in dvc.lock yet, as far as nothing is before it in DVC's order."""
        try:
            self._ledger.flush()
        except OSError as error:
            raise OutsideError(
                f"what has run cannot be recorded: {said(error)}",
                fix="free space or mend the permissions, then `mlops-kit run`",
            ) from None

    def _heed_signal(self) -> None:
        """After a signal: ask running stages to end, as the terminal would have; force those that do not."""
        if not self._stopping.number or self._engine is None:
            return
        if not self._stop_at:
            self._stop_at = time.monotonic() + PATIENCE_SECONDS
            self._engine.interrupt(self._running, self._stopping.number)
        elif time.monotonic() > self._stop_at:
            self._engine.cancel(self._running)


def _open_remote(root: Path) -> RemoteStore:
    """Return where missing content comes from; what that needs is loaded only for it."""
    from mlops_kit.artifacts.remote_store import RemoteStore

    return RemoteStore(root)
