"""Further runs of one stage, to find out what its result depends on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.fingerprint import Fingerprint, fingerprint
from mlops_kit.project.reproduce.isolate import StageRerun, rerun_stage
from mlops_kit.project.reproduce.sources import StageSource

MOST_RUNS, FEWEST_RUNS = 60, 6
"""Runs that are spent on the causes of one stage: of one that takes long fewer, but enough for a second run and two pins."""
MOST_SECONDS = 600
"""What the runs of one stage may take together."""


@dataclass(frozen=True)
class Trial:
    """What one run wrote."""

    found: Mapping[str, Fingerprint]
    """Path of an output -> what was written; empty when the run failed."""
    rerun: StageRerun
    """The run."""

    @property
    def prints(self) -> dict[str, str]:
        """Return path of an output -> SHA-256 of what was written."""
        return {path: one.hash.sha256 for path, one in self.found.items()}

    @property
    def ran(self) -> bool:
        """Return whether the run came to a good end."""
        return self.rerun.ran


class SpentError(Exception):
    """No more runs are to be made."""


def affordable_runs(seconds: float) -> int:
    """Return how many runs of a stage that takes `seconds` may be made to find its causes."""
    return max(FEWEST_RUNS, min(MOST_RUNS, int(MOST_SECONDS / max(seconds, 0.01))))


@dataclass
class Laboratory:
    """Makes runs of one stage, each in a folder of its own, and counts them."""

    source: StageSource
    """The stage."""
    place: Callable[[Mapping[str, str]], Path]
    """Returns a new empty folder for a run under axes."""
    most: int = MOST_RUNS
    """Runs that may be made."""
    runs: int = 0
    """Runs so far."""
    _kept: list[Path] = field(default_factory=list)
    _bench: Path | None = None

    def run(self, axes: Mapping[str, str], *, same_folder: bool = False, keep: bool = False) -> Trial:
        """Run the stage under `axes`; in the very same folder each time when asked. What it wrote stays until `close` with `keep`.

        Raises SpentError after `most` runs.
        """
        if self.runs >= self.most:
            raise SpentError(f"{self.runs} runs were made, no more are spent on it")
        self.runs += 1
        folder = self._same() if same_folder else self.place(axes)
        rerun = rerun_stage(self.source, folder, axes=axes)
        found = {path: fingerprint(place) for path, place in rerun.outs.items()} if rerun.ran else {}
        trial = Trial({path: one for path, one in found.items() if one is not None}, rerun)
        if keep and not same_folder:
            self._kept.append(folder)
        elif not same_folder:
            shutil.rmtree(folder, ignore_errors=True)
        return trial

    def _same(self) -> Path:
        if self._bench is None:
            self._bench = self.place({})
        else:
            shutil.rmtree(self._bench, ignore_errors=True)
            self._bench.mkdir()
        return self._bench

    def close(self) -> None:
        """Remove what was kept."""
        for folder in (*self._kept, *([self._bench] if self._bench else [])):
            shutil.rmtree(folder, ignore_errors=True)
