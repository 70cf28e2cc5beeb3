"""What the runs that two sides record have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.artifacts.run_history import StageRun
from mlops_kit.compare.spending import PipelineCost, StageCost


@dataclass(frozen=True)
class _Known:
    """Stages that count, with their costs on both sides; None where a side does not have the stage."""

    stages: Mapping[str, tuple[StageRun | None, StageRun | None]]
    unknown: int


def compare_costs(
    names: tuple[Sequence[str], Sequence[str]],
    old: Mapping[str, StageRun],
    new: Mapping[str, StageRun],
) -> tuple[PipelineCost | None, tuple[StageCost, ...]]:
    """Return what all stages cost on both sides, None when nothing is known or nothing differs, and those that differ.

    `names` are the stages of the base and of the head; `old` and `new` what their recorded runs cost, where that is known. A stage whose
    cost is not known on a side that has it counts on neither, so that both sums are of the same stages. The largest difference is first.
    """
    known = _known(names, old, new)
    rows = [_row(name, *pair) for name, pair in known.stages.items() if _key(pair[0]) != _key(pair[1])]
    if not rows:
        return None, ()
    rows.sort(key=lambda row: (-abs((row.new_seconds or 0.0) - (row.old_seconds or 0.0)), row.name))
    base = [pair[0] for pair in known.stages.values() if pair[0]]
    head = [pair[1] for pair in known.stages.values() if pair[1]]
    machines = {run.machine for run in (*base, *head) if run.machine}
    total = PipelineCost(
        len(known.stages),
        known.unknown,
        sum(run.seconds for run in base),
        sum(run.seconds for run in head),
        _most(base),
        _most(head),
        len(machines),
    )
    return total, tuple(rows)


def _known(
    names: tuple[Sequence[str], Sequence[str]], old: Mapping[str, StageRun], new: Mapping[str, StageRun]
) -> _Known:
    sides = [frozenset(side) for side in names]
    everywhere = list(dict.fromkeys((*names[0], *names[1])))
    lost = {
        name
        for name in everywhere
        for side, costs in zip(sides, (old, new), strict=True)
        if name in side and name not in costs
    }
    pairs = {name: (old.get(name), new.get(name)) for name in everywhere if name not in lost}
    return _Known(pairs, len(lost))


def _row(name: str, old: StageRun | None, new: StageRun | None) -> StageCost:
    return StageCost(
        name,
        old.seconds if old else None,
        new.seconds if new else None,
        (old.peak_bytes or None) if old else None,
        (new.peak_bytes or None) if new else None,
        (old.cpu_seconds or None) if old else None,
        (new.cpu_seconds or None) if new else None,
    )


def _key(run: StageRun | None) -> str:
    return run.key if run else ""


def _most(runs: Sequence[StageRun]) -> int | None:
    return max((run.peak_bytes for run in runs), default=0) or None
