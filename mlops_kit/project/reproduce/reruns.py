"""Many reruns side by side: the plain one of each stage, then the perturbed ones."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from mlops_kit.compare.causes import Cause
from mlops_kit.compare.ladder import AxisResult, OutputLevel, OutputResult, StageOutcome, StageResult
from mlops_kit.project.reproduce.causes import find_causes
from mlops_kit.project.reproduce.isolate import MASKED, StageRerun, rerun_stage
from mlops_kit.project.reproduce.outputs import OutputComparer
from mlops_kit.project.reproduce.perturb import Sweep
from mlops_kit.project.reproduce.sources import StageSource
from mlops_kit.project.reproduce.supply import Supply


@dataclass(frozen=True)
class Progress:
    """Something was started or is done."""

    what: str
    """In words."""
    stage: str
    """The stage that it is about; empty for none."""
    done: int = 0
    """Reruns that are done."""
    planned: int = 0
    """Reruns that are planned by now."""
    left: float = 0.0
    """Estimate of the seconds that are left; 0 when nothing can be said."""
    good: bool | None = None
    """Whether all is well; None while it runs."""


class Workspaces:
    """Folders for reruns, each used once."""

    def __init__(self, folder: Path, spare: Path | None) -> None:
        self.folder = folder
        """A temporary folder."""
        self._spare = spare
        self._numbers = count()
        self._lock = threading.Lock()

    def next(self, axes: Mapping[str, str]) -> Path:
        """Return a new folder; on another file system, where there is one, when the order of files is perturbed."""
        with self._lock:
            number = next(self._numbers)
        base = self._spare if self._spare and "files" in axes else self.folder
        place = base / f"run-{number}"
        place.mkdir()
        return place


class Reruns:
    """Runs stages again, `jobs` at a time."""

    def __init__(
        self,
        sources: Sequence[StageSource],
        comparer: OutputComparer,
        supply: Supply,
        places: Workspaces,
        *,
        jobs: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._comparer = comparer
        self._supply = supply
        self._places = places
        self._jobs = max(1, jobs)
        self._on_progress = on_progress
        self._results: dict[str, StageResult] = {}
        self._start = time.monotonic()
        self._done = 0
        self._planned = len(sources)

    def run(self, sweep: Sweep, *, alone: bool) -> tuple[StageResult, ...]:
        """Run every stage plainly, then under `sweep`: axes together first, or each `alone`; return what came of each stage."""
        pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="rerun")
        try:
            self._run_plain(pool)
            if sweep.values:
                self._run_swept(pool, sweep, alone)
            self._explain(pool, sweep)
        except BaseException:
            for source in self._sources.values():
                if source.origin:
                    source.origin.processes.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return tuple(self._results[name] for name in self._sources)

    def _run_plain(self, pool: ThreadPoolExecutor) -> None:
        waiting = dict(self._sources)
        running: dict[Future[StageResult], str] = {}
        while waiting or running:
            for name, source in list(waiting.items()):
                if source.problem or all(
                    self._supply.has(dep.path, dep.digest) for dep in source.deps if dep.hashed
                ):
                    running[pool.submit(self._plain, source)] = name
                    del waiting[name]
            if not running:  # what they need will not come
                for source in waiting.values():
                    self._finish(self._lost(source))
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                self._finish(future.result())

    def _plain(self, source: StageSource) -> StageResult:
        self._on_progress(Progress("running", source.name, self._done, self._planned, self._left()))
        place = self._places.next({})
        try:
            rerun = rerun_stage(source, place, axes={})
            outputs = self._comparer.compare(source, rerun, place / "recorded") if rerun.ran else ()
            for out in outputs:
                if out.level is OutputLevel.IDENTICAL and not self._supply.has(out.path, out.recorded):
                    self._supply.keep(out.recorded, rerun.outs[out.path])
            return _result(rerun, outputs)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _lost(self, source: StageSource) -> StageResult:
        dep = next(d for d in source.deps if d.hashed and not self._supply.has(d.path, d.digest))
        problem = (
            f"its recorded input {dep.path} is neither in the commit, nor in the DVC cache, nor on a remote"
        )
        writer = next(
            (
                name
                for name, other in self._sources.items()
                if any(out.path == dep.path for out in other.outs)
            ),
            "",
        )
        again = f", and {writer} does not write it again" if writer else ""
        return StageResult(
            source.name,
            StageOutcome.NOT_RUN,
            problem=problem + again,
            mend=f"dvc push where it was made, then dvc fetch {dep.path}",
        )

    def _run_swept(self, pool: ThreadPoolExecutor, sweep: Sweep, alone: bool) -> None:
        ready = [result for result in self._results.values() if result.outcome is StageOutcome.RAN]
        plain = [result.stage for result in ready if not result.identical]
        self._together(pool, [(name, {}) for name in plain])
        steady = [result.stage for result in ready if not self._differs_by_itself(result.stage)]
        singles = [{name: value} for name, value in sweep.values.items()]
        groups = singles if alone else sweep.groups()
        self._together(pool, [(name, axes) for name in steady for axes in groups])
        if alone:
            return
        broken = [
            (name, axes)
            for name in steady
            for axes in groups
            for result in self._results[name].swept
            if result.axes == tuple(axes) and not result.passed and len(axes) > 1 and result.problem != MASKED
        ]
        self._together(pool, [(name, {axis: value}) for name, axes in broken for axis, value in axes.items()])
        for name, axes in broken:
            self._explain_group(name, tuple(axes))
        unclear = [
            name
            for name, _ in broken
            if any(len(r.axes) > 1 and not r.passed for r in self._results[name].swept)
        ]
        self._together(pool, [(name, {}) for name in dict.fromkeys(unclear) if name not in plain])

    def _differs_by_itself(self, name: str) -> bool:
        return any(not result.axes and not result.passed for result in self._results[name].swept)

    def _together(self, pool: ThreadPoolExecutor, runs: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        self._planned += len(runs)
        futures = {pool.submit(self._swept, name, axes): name for name, axes in runs}
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                name = futures.pop(future)
                result = self._results[name]
                found = future.result()
                self._done += 1
                self._results[name] = replace(result, swept=(*result.swept, found))
                words = " + ".join(found.axes) or "a second plain run"
                self._on_progress(
                    Progress(words, name, self._done, self._planned, self._left(), found.passed)
                )
        for name in {name for name, _ in runs}:
            result = self._results[name]
            self._results[name] = replace(result, swept=tuple(sorted(result.swept, key=lambda one: one.axes)))

    def _swept(self, name: str, axes: Mapping[str, str]) -> AxisResult:
        place = self._places.next(axes)
        try:
            source = self._sources[name]
            rerun = rerun_stage(source, place, axes=axes)
            return self._comparer.compare_again(
                source, self._results[name].outputs, rerun, place / "recorded"
            )
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _explain(self, pool: ThreadPoolExecutor, sweep: Sweep) -> None:
        """Find out why stages are not the same again, or what they depend on."""
        asked = [name for name, result in self._results.items() if sweep.values or not result.identical]
        self._planned += len(asked)
        futures = {pool.submit(self._causes, name, sweep): name for name in asked}
        for future in as_completed(futures):
            name = futures[future]
            causes = future.result()
            self._done += 1
            self._results[name] = replace(self._results[name], causes=causes)
            words = "its causes" if causes else "nothing hidden"
            self._on_progress(Progress(words, name, self._done, self._planned, self._left(), not causes))

    def _causes(self, name: str, sweep: Sweep) -> tuple[Cause, ...]:
        return find_causes(self._sources[name], self._results[name], sweep.values, self._places.next)

    def _explain_group(self, name: str, group: tuple[str, ...]) -> None:
        """Drop the result of axes together where one of them alone breaks the same."""
        result = self._results[name]
        alone = [
            one for one in result.swept if len(one.axes) == 1 and one.axes[0] in group and not one.passed
        ]
        if alone:
            self._results[name] = replace(
                result, swept=tuple(one for one in result.swept if one.axes != group)
            )

    def _finish(self, result: StageResult) -> None:
        self._done += 1
        self._results[result.stage] = result
        words = "identical" if result.identical else result.outcome.value
        if result.outcome is StageOutcome.RAN and not result.identical:
            words = "ran, and its outputs differ"
        self._on_progress(
            Progress(words, result.stage, self._done, self._planned, self._left(), result.identical)
        )

    def _left(self) -> float:
        if not self._done:
            return 0.0
        return (time.monotonic() - self._start) / self._done * (self._planned - self._done)


def _result(rerun: StageRerun, outputs: tuple[OutputResult, ...]) -> StageResult:
    return StageResult(
        rerun.stage,
        rerun.outcome,
        outputs,
        rerun.seconds,
        rerun.problem,
        rerun.mend,
        rerun.tail if rerun.outcome is StageOutcome.FAILED else (),
        rerun.findings,
        inputs=rerun.inputs,
        notes=rerun.notes,
    )
