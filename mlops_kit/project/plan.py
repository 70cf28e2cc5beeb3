"""What `mlops-kit run` would do in a project, and how long it would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.engines.estimate import Estimate, estimate_time
from mlops_kit.engines.forecast import Forecast, forecast_run
from mlops_kit.outside.machine import usable_processors
from mlops_kit.project.why import outdated_files


@dataclass(frozen=True)
class PlanReport:
    """What a run would do."""

    forecast: Forecast
    estimate: Estimate
    outdated: tuple[str, ...] = ()
    """Generated files that the run would write first; the stages are judged by what they would be."""


def plan_run(
    root: Path, targets: Sequence[str] = (), *, force: bool = False, pull: bool = False, jobs: int = 0
) -> PlanReport:
    """Return what `mlops-kit run` with these options would do in the project, or in any DVC repository, at `root`. Nothing is changed.

    `jobs` is how many stages run side by side; 0 for as many as there are processors. Raises UsageError for an unknown target, StaleError
    when a generated file was edited by hand, SpecError when a file cannot be read.
    """
    overlay = outdated_files(root)
    forecast = forecast_run(root, overlay, targets=targets, force=force, pull=pull)
    return PlanReport(forecast, estimate_time(forecast, jobs or usable_processors()), tuple(overlay))
