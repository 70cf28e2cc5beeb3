"""What a run would do, before it does anything: which stages, why, what comes from a cache, what has to be fetched, how long it takes.

The stages are gone through in DVC's order as a run goes through them. Where a stage would come back from the run cache, what it will have
written is known, so that those behind it are judged by that; behind a stage whose commands run, nothing is known but that it may change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.costs import cost_key, read_costs
from mlops_kit.artifacts.declared import DeclaredPipelines, DeclaredStage
from mlops_kit.artifacts.freshness import CHANGED, GONE, NOT_CACHED, Cause, Freshness, StageFreshness
from mlops_kit.artifacts.remembered import Remembered, Supply
from mlops_kit.artifacts.run_history import durations
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.engines.judging import targeted
from mlops_kit.errors import SpecError

_MISSING = frozenset({GONE, NOT_CACHED})


class Expected(StrEnum):
    """What would become of a stage."""

    RUN = "run"
    """Its commands run."""
    PERHAPS = "perhaps"
    """A stage before it runs; its commands run if what it reads comes out differently."""
    CACHED = "cached"
    """Its outputs come back from the cache."""
    RECORD = "record"
    """Data that a .dvc file tracks has changed; the .dvc file takes the new content."""
    MISSING = "missing"
    """Data that a .dvc file tracks is not here, and a run without `--pull` ends there."""
    UNCHANGED = "unchanged"
    """Nothing happens."""


@dataclass(frozen=True)
class StageForecast:
    """What would become of one stage."""

    stage: str
    """As DVC names it."""
    expected: Expected
    causes: tuple[Cause, ...] = ()
    """Why it runs or comes from the cache; empty when only a stage before it is the reason."""
    upstream: tuple[tuple[str, str], ...] = ()
    """(stage before it that runs or may run, what of it is read)."""
    source: str = ""
    """Of a stage from the cache: `lock` when what dvc.lock records comes back, `run cache` for the result of an earlier run."""
    fetched: Mapping[str, int] = field(default_factory=dict)
    """What has to come from the remote for it -> bytes, 0 where that is not recorded."""
    perhaps_fetched: Mapping[str, int] = field(default_factory=dict)
    """The same for what a stage before it may write anew: when that one turns out not to run."""
    checked_out: Mapping[str, int] = field(default_factory=dict)
    """What comes from the cache into the work tree for it -> bytes."""
    lost: tuple[str, ...] = ()
    """What it needs and neither the work tree, nor the cache, nor a remote that can be looked into has."""
    elsewhere: bool = False
    """Whether data of it is not here, which is no reason to run it."""
    seconds: float | None = None
    """How long its commands take, from earlier runs; None when it has not run before."""
    quiet: tuple[str, ...] = ()
    """Python files of which nothing but comments and layout has changed."""
    unknown: tuple[str, ...] = ()
    """Dependencies that cannot be looked at here."""


@dataclass(frozen=True)
class Forecast:
    """What a run would do."""

    stages: tuple[StageForecast, ...]
    """In the order in which DVC would go through them."""
    before: Mapping[str, tuple[str, ...]]
    """Stage -> stages that it directly needs."""

    def of(self, *expected: Expected) -> tuple[StageForecast, ...]:
        """Return the stages of which one of these is expected."""
        return tuple(stage for stage in self.stages if stage.expected in expected)

    def bytes_fetched(self, *, perhaps: bool = False) -> int:
        """Return the bytes from the remote; with `perhaps` those for stages that may run too. What several need counts once."""
        found: dict[str, int] = {}
        for one in self.stages:
            if perhaps or one.expected is not Expected.PERHAPS:
                found |= one.fetched
            if perhaps:
                found |= one.perhaps_fetched
        return sum(found.values())

    def bytes_checked_out(self) -> int:
        """Return the bytes from the cache into the work tree for what certainly happens."""
        found = {
            p: size
            for one in self.stages
            if one.expected is not Expected.PERHAPS
            for p, size in one.checked_out.items()
        }
        return sum(found.values())


def forecast_run(
    root: Path,
    overlay: Mapping[str, bytes] | None = None,
    *,
    targets: Sequence[str] = (),
    force: bool = False,
    pull: bool = False,
) -> Forecast:
    """Return what `mlops-kit run` (`targets`, `--force`, `--pull`) would do in the DVC repository at `root`. Nothing is changed.

    `overlay` is path -> content of files as they would be generated first. Raises SpecError when a file cannot be read, UsageError for
    a target that does not exist.
    """
    hashes = StatCache(root)
    try:
        return _Forecaster(
            root, Freshness(root, overlay or {}, cache=hashes), hashes, force=force, pull=pull
        ).go(targets)
    finally:
        hashes.save()


class _Forecaster:
    def __init__(
        self, root: Path, freshness: Freshness, hashes: StatCache, *, force: bool, pull: bool
    ) -> None:
        self._root = root
        self._freshness = freshness
        self._locks: dict[str, Any] = {}
        self._pipelines: DeclaredPipelines = freshness.pipelines
        self._force = force
        self._pull = pull
        self._supply = Supply(root, pull=pull)
        self._remembered = Remembered(root, hashes, self._supply)
        self._states: dict[str, StageForecast] = {}
        self._coming: dict[str, str] = {}
        """Path -> digest of what will come back from the cache."""

    def go(self, targets: Sequence[str]) -> Forecast:
        chosen = self._chosen(targets)
        for name, stage in self._pipelines.stages.items():
            if name in chosen:
                made = self._stage(stage) if stage.commands else self._data(stage)
                self._states[name] = self._with_supply(stage, made)
        seconds = self._seconds()
        self._states = {name: replace(made, seconds=seconds.get(name)) for name, made in self._states.items()}
        before = {name: self._pipelines.before(name) for name in self._states}
        return Forecast(tuple(self._states.values()), before)

    def _seconds(self) -> Mapping[str, float]:
        """Return stage -> how long its commands take: on this machine, else when what is recorded of it was made elsewhere."""
        wanted = [name for name in self._states if self._runs(name)]
        found = dict(durations(self._root)) if wanted else {}
        keys = {name: key for name in wanted if name not in found and (key := self._recorded_key(name))}
        costs = read_costs(self._root, keys.values())
        return found | {name: costs[key].seconds for name, key in keys.items() if key in costs}

    def _recorded_key(self, name: str) -> str:
        stage = self._pipelines.stages[name]
        if stage.lock not in self._locks:
            try:
                value = load_foreign_yaml((self._root / stage.lock).read_bytes(), stage.lock)
                self._locks[stage.lock] = value.get("stages") or {}
            except (OSError, SpecError, AttributeError):
                self._locks[stage.lock] = {}
        entry = self._locks[stage.lock].get(stage.short)
        return cost_key(entry) if isinstance(entry, dict) else ""

    def _chosen(self, targets: Sequence[str]) -> Collection[str]:
        if not targets:
            return self._pipelines.stages
        return targeted(self._pipelines, targets)

    def _data(self, stage: DeclaredStage) -> StageForecast:
        """Return what becomes of the data of a .dvc file."""
        if stage.frozen or stage.deps:  # an import: DVC itself asks where it comes from
            return StageForecast(stage.name, Expected.UNCHANGED, unknown=() if stage.frozen else stage.deps)
        causes = self._freshness.judge(stage.name).causes
        gone = tuple(cause for cause in causes if cause.new == GONE)
        if gone:
            state = Expected.UNCHANGED if self._pull else Expected.MISSING
            return StageForecast(stage.name, state, () if self._pull else gone, elsewhere=True)
        return StageForecast(stage.name, Expected.RECORD if causes else Expected.UNCHANGED, causes)

    def _stage(self, stage: DeclaredStage) -> StageForecast:
        found = self._freshness.judge(stage.name)
        upstream = self._running_before(stage)
        causes, elsewhere = self._causes(stage, found, {path for _, path in upstream})
        made = StageForecast(
            stage.name,
            Expected.UNCHANGED,
            causes,
            upstream,
            elsewhere=elsewhere,
            quiet=found.quiet,
            unknown=found.unknown,
        )
        if stage.frozen and not stage.manifests:
            return replace(made, causes=())
        if (self._force and not stage.frozen) or stage.always_runs or (causes and upstream):
            return replace(made, expected=Expected.RUN)
        if not causes:
            return replace(made, expected=Expected.PERHAPS) if upstream else made
        lock = self._pipelines.locked.get(stage.name)
        known = {**(dict(self._inputs(stage, ())) if self._pull else {}), **self._coming}
        remembered = self._remembered.find(stage, lock, causes, known)
        if remembered is None:
            return replace(made, expected=Expected.RUN)
        self._coming |= remembered.outs
        return replace(made, expected=Expected.CACHED, source=remembered.source)

    def _running_before(self, stage: DeclaredStage) -> tuple[tuple[str, str], ...]:
        pairs = self._pipelines.inputs[stage.name]
        return tuple(pair for pair in pairs if self._runs(pair[0]))

    def _runs(self, name: str) -> bool:
        state = self._states.get(name)
        return state is not None and state.expected in (Expected.RUN, Expected.PERHAPS)

    def _causes(
        self, stage: DeclaredStage, found: StageFreshness, renewed: Collection[str]
    ) -> tuple[tuple[Cause, ...], bool]:
        """Return the causes that count, and whether data is not here that need not be."""
        lock = self._pipelines.locked.get(stage.name)
        coming = {path: self._coming[path] for path in stage.deps if path in self._coming}
        elsewhere = False
        causes: list[Cause] = []
        for cause in found.causes:
            if cause.kind == "dep" and (cause.name in renewed or cause.name in coming):
                continue
            if self._pull and self._may_be_missing(stage, cause):
                elsewhere = True
                continue
            causes.append(cause)
        if lock is not None:
            for path, digest in coming.items():
                if lock.deps.get(path, "") != digest:
                    causes.append(Cause("dep", path, lock.deps.get(path, ""), CHANGED))
        return tuple(causes), elsewhere

    def _may_be_missing(self, stage: DeclaredStage, cause: Cause) -> bool:
        """Return whether data that is not here has not changed, as DVC's `--allow-missing` sees it.

        A dependency has changed when the stage that writes it is recorded with another content of it.
        """
        if cause.kind not in ("dep", "out") or cause.new not in _MISSING or cause.name in stage.params:
            return False
        if cause.kind == "out":
            return True
        for writer, path in self._pipelines.inputs[stage.name]:
            lock = self._pipelines.locked.get(writer)
            if path == cause.name and lock is not None and lock.outs.get(path, cause.old) != cause.old:
                return False
        return True

    def _with_supply(self, stage: DeclaredStage, made: StageForecast) -> StageForecast:
        """Return the forecast with what has to be brought here for it."""
        if made.expected is Expected.CACHED:
            wanted = {out.path: self._coming[out.path] for out in stage.outs if out.path in self._coming}
        elif made.expected in (Expected.RUN, Expected.PERHAPS):
            wanted = dict(self._inputs(stage, {path for _, path in made.upstream}))
        else:
            return made
        fetched, checked_out, lost = self._supply.sort(wanted, self._size)
        written = {path for name, path in made.upstream if self._states[name].expected is Expected.RUN}
        others = {p: d for p, d in self._inputs(stage, written) if p not in wanted}
        perhaps = self._supply.sort(others, self._size)[0] if made.upstream else {}
        return replace(made, fetched=fetched, perhaps_fetched=perhaps, checked_out=checked_out, lost=lost)

    def _inputs(self, stage: DeclaredStage, renewed: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the dependencies that nothing will write in this run and that are not in the work tree."""
        lock = self._pipelines.locked.get(stage.name)
        for path in stage.deps:
            if path in renewed or path in self._coming or "://" in path or self._supply.is_here(path):
                continue
            writers = [w for w, read in self._pipelines.inputs[stage.name] if read == path]
            recorded = [
                self._pipelines.locked[w].outs.get(path, "") for w in writers if w in self._pipelines.locked
            ]
            yield path, next(iter(recorded), "") or (lock.deps.get(path, "") if lock else "")

    def _size(self, path: str) -> int:
        return self._sizes.get(path, 0)

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        return {
            path: size or 0
            for lock in self._pipelines.locked.values()
            for path, (size, _) in lock.sizes.items()
        }
