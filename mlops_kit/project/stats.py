"""What a pipeline costs: of each stage the time, its trend, memory and use of the cache; the way that decides how long a run takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from mlops_kit.artifacts.costs import known_costs
from mlops_kit.artifacts.declared import DeclaredPipelines, read_pipelines
from mlops_kit.artifacts.run_history import RECENT, RunSummary, StageRun, read_records
from mlops_kit.errors import UsageError
from mlops_kit.project.roots import find_root

SERIES = 12
"""Runs of a stage that are shown as a series."""
_TRENDS_FROM = 4
_NOISE_SHARE = 0.1
_NOISE_SECONDS = 0.5


@dataclass(frozen=True)
class StageStatistics:
    """What is known of one stage."""

    stage: str
    """As DVC names it."""
    runs: int
    """How often its commands ran to their end here."""
    cached: int
    """How often its outputs came from an earlier run instead."""
    failed: int
    """How often it failed or was cancelled."""
    seconds: float | None = None
    """Median of the last five runs; of a stage that never ran here what its recorded state cost elsewhere; None when unknown."""
    cpu_seconds: float | None = None
    """Processor time, likewise."""
    peak_bytes: int | None = None
    """Most memory of one process in the last five runs."""
    bytes_in: int | None = None
    """Size of the dependencies at the last run."""
    bytes_out: int | None = None
    """Size of the outputs at the last run."""
    trend: float | None = None
    """By which share the last runs took longer (or, negative, shorter) than those before; 0 within noise, None with too few runs."""
    series: tuple[float, ...] = ()
    """Seconds of the last runs, the oldest first."""
    critical: bool = False
    """Whether it is on the critical path."""
    elsewhere: bool = False
    """Whether the numbers are of another machine, where its recorded state was computed."""


@dataclass(frozen=True)
class PipelineStatistics:
    """What is known of a pipeline."""

    stages: tuple[StageStatistics, ...]
    """In DVC's order."""
    critical: tuple[str, ...]
    """The chain of stages that decides how long a run of everything takes, however many run side by side."""
    critical_seconds: float
    """How long that chain takes."""
    work_seconds: float
    """How long all stages take one after another."""
    unknown: tuple[str, ...]
    """Stages of which no time is known; they count nothing."""
    runs: tuple[RunSummary, ...]
    """The last runs, the newest first."""
    recorded: int
    """Runs that the history knows."""
    hits: int
    """Stages of all these runs whose outputs came from an earlier run."""
    ran: int
    """Stages whose commands ran."""
    saved: float
    """Seconds that those took when they ran, as far as it is known."""


def pipeline_statistics(root: Path, names: Collection[str] = (), *, last: int = 10) -> PipelineStatistics:
    """Return what is known of the pipelines around `root`, of the stages `names` alone if any are given, with the `last` runs.

    Works in any DVC repository; what it never ran here is known where the cache has its costs. Raises UsageError for an unknown stage,
    SpecError for pipelines that cannot be read.
    """
    root = find_root(root)
    pipelines = read_pipelines(root)
    stages = [name for name, stage in pipelines.stages.items() if stage.commands]
    unknown = [name for name in names if name not in stages]
    if unknown:
        raise UsageError(f"no stage `{unknown[0]}`", fix=f"one of: {', '.join(stages[:20])}")
    records, summaries = read_records(root)
    costs = known_costs(root, pipelines.locked)
    by_stage: dict[str, list[StageRun]] = {name: [] for name in stages}
    for record in records:
        if record.stage in by_stage:
            by_stage[record.stage].append(record)
    found = {name: stage_statistics(name, by_stage[name], costs.get(name)) for name in stages}
    seconds = {name: one.seconds for name, one in found.items() if one.seconds is not None}
    critical = critical_path(pipelines, stages, seconds)
    shown = [found[name] for name in stages if not names or name in names]
    return PipelineStatistics(
        tuple(replace(one, critical=one.stage in critical) for one in shown),
        critical,
        sum(seconds[name] for name in critical),
        sum(seconds.values()),
        tuple(name for name in stages if name not in seconds),
        tuple(reversed(summaries))[:last],
        len(summaries),
        sum(one.cached for one in summaries),
        sum(one.ran for one in summaries),
        sum(one.saved for one in summaries),
    )


def stage_statistics(name: str, records: Sequence[StageRun], cost: StageRun | None) -> StageStatistics:
    """Return what `records` (the oldest first) say of a stage; `cost` is what its recorded state cost, for one that never ran here."""
    counts = Counter(record.result for record in records)
    ran = [record for record in records if record.result == "ran"]
    known = ran[-RECENT:] or ([cost] if cost else [])
    last = known[-1] if known else None
    return StageStatistics(
        name,
        counts["ran"],
        counts["cached"],
        counts["failed"] + counts["cancelled"],
        median(one.seconds for one in known) if known else None,
        (median(one.cpu_seconds for one in known) or None) if known else None,
        max((one.peak_bytes for one in known), default=0) or None,
        (last.bytes_in or None) if last else None,
        (last.bytes_out or None) if last else None,
        trend_of([one.seconds for one in ran]),
        tuple(one.seconds for one in ran[-SERIES:]),
        elsewhere=not ran and cost is not None,
    )


def trend_of(seconds: Sequence[float]) -> float | None:
    """Return by which share the median of the later half of the last runs differs from that of the earlier half.

    0 for less than a tenth or half a second, which a busy machine explains; None with fewer than four runs.
    """
    recent = list(seconds[-2 * RECENT :])
    if len(recent) < _TRENDS_FROM:
        return None
    middle = len(recent) // 2
    old, new = median(recent[:middle]), median(recent[middle:])
    if abs(new - old) < max(_NOISE_SECONDS, _NOISE_SHARE * old):
        return 0.0
    return (new - old) / old if old else None


def critical_path(
    pipelines: DeclaredPipelines, stages: Iterable[str], seconds: Mapping[str, float]
) -> tuple[str, ...]:
    """Return the chain of `stages`, each waiting for the one before it, that takes longest; those of no known time count nothing."""
    best: dict[str, tuple[float, str]] = {}
    for name in stages:  # those that others wait for come first
        before = [(best[other][0], other) for other in pipelines.before(name) if other in best]
        length, previous = max(before, key=lambda pair: pair[0], default=(0.0, ""))
        best[name] = (length + seconds.get(name, 0.0), previous)
    name = max(best, key=lambda one: best[one][0], default="")
    chain: list[str] = []
    while name and best[name][0] > 0:
        chain.append(name)
        name = best[name][1]
    return tuple(one for one in reversed(chain) if one in seconds)
