"""Which stages ran at the same time: plain commands are watched by what happens in the folder, whoever did it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlops_kit.artifacts.declared import DeclaredStage, read_pipelines
from mlops_kit.engines._base import StageLine
from mlops_kit.engines.watching import RunStart, StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.steps.watch.findings import Finding


class Overlaps:
    """Notes when stages run; a watcher of runs."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def begin(self, start: RunStart) -> None:
        """Ignore what is about to run."""

    def change(self, news: StageNews) -> None:
        """Note when a stage begins and when it is done."""
        times = self._began if news.state is StageState.RUNNING else self._ended
        times[news.stage] = time.monotonic()

    def line(self, line: StageLine) -> None:
        """Ignore what is printed."""

    def memory(self, stage: str, size: int) -> None:
        """Ignore what is resident."""

    def finish(self) -> None:
        """Ignore the end."""

    def of(self, stage: str) -> list[str]:
        """Return the other stages that ran while `stage` did."""
        if stage not in self._began:
            return []
        begin, end = self._began[stage], self._ended.get(stage, time.monotonic())
        return [
            other
            for other, began in self._began.items()
            if other != stage and began <= end and self._ended.get(other, end) >= begin
        ]

    def own_findings(
        self, root: Path, hidden: Mapping[str, tuple[Finding, ...]]
    ) -> Mapping[str, tuple[Finding, ...]]:
        """Return the findings without files that a stage which ran at the same time declares: that stage has touched them.

        What a line of code is known of is kept, and with one stage at a time nothing is left out.
        """
        if not any(self.of(stage) for stage in hidden):
            return hidden
        declared = read_pipelines(root).stages
        kept: dict[str, tuple[Finding, ...]] = {}
        for stage, findings in hidden.items():
            others = _files_of(declared[other] for other in self.of(stage) if other in declared)
            own = tuple(found for found in findings if found.where or not _is_within(found.name, others))
            if own:
                kept[stage] = own
        return kept


def _files_of(stages: Iterable[DeclaredStage]) -> set[str]:
    return {path for stage in stages for path in (*stage.deps, *(out.path for out in stage.outs))}


def _is_within(name: str, paths: set[str]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in paths)
