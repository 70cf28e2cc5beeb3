"""Running a project's pipeline: bring generated files up to date, reproduce, and say what the result is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.quiet_edits import QuietEdit, accept_quiet_edits
from mlops_kit.artifacts.run_checks import confirm_run, prepare_run
from mlops_kit.artifacts.side import read_side
from mlops_kit.errors import ExitCode, UsageError
from mlops_kit.outside.dvc import ReproResult, StageEvent, reproduce
from mlops_kit.project.desired import desired_files
from mlops_kit.project.write import FileState, write_files
from mlops_kit.steps.sandbox import watching_variables
from mlops_kit.steps.watch.findings import Finding
from mlops_kit.steps.watch.mode import MODE, WatchMode
from mlops_kit.steps.watch.trace import read_trace

VERDICT = "reports/verdict.json"


@dataclass(frozen=True)
class RunReport:
    """What one run did and where the project stands now."""

    repro: ReproResult
    """What DVC did."""
    regenerated: tuple[str, ...]
    """Generated files that were out of date and were rebuilt before the run."""
    metrics: Mapping[str, float]
    """All metrics after the run, by name."""
    kpis: tuple[Mapping[str, Any], ...]
    """The KPI results of the `validate` stage."""
    hidden: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Stage that ran -> what it used and does not declare."""
    shown: tuple[str, ...] = ()
    """Files that were edited without a change of size and time, which DVC would not have seen; they have a fresh time now."""
    quiet: tuple[QuietEdit, ...] = ()
    """Python files of which only comments or layout had changed; dvc.lock has their new text, and nothing ran for them."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 3 on a KPI breach, the failing stage's own family where it named one, 8 for other failures, else 0."""
        if self.repro.code != 0:
            named = [code for code in self.repro.stage_codes if code in _STAGE_CODES]
            return ExitCode(named[0]) if named else ExitCode.OUTSIDE
        return ExitCode.KPI_BREACH if any(kpi["status"] == "fail" for kpi in self.kpis) else ExitCode.OK


_STAGE_CODES = frozenset({ExitCode.USAGE, ExitCode.BAD_DATA, ExitCode.STALE, ExitCode.REFUSED})


@dataclass(frozen=True)
class RunOptions:
    """How to run."""

    targets: Sequence[str] = ()
    """Stages to bring up to date, with what they need; all when empty."""
    force: bool = False
    """Run stages that have not changed as well."""
    pull: bool = False
    """Fetch missing data from the remote, and skip unchanged stages whose data is not here."""
    hermetic: bool = False
    """Refuse what a stage uses and does not declare, instead of telling it."""


def run_project(
    root: Path,
    options: RunOptions,
    *,
    on_event: Callable[[StageEvent], None],
    on_line: Callable[[str], None],
) -> RunReport:
    """Bring the project at `root` up to date.

    Raises UsageError for an unknown stage, StaleError when a generated file was edited by hand (nothing is run then), SpecError
    when a project file cannot be used, BadDataError for a file that was replaced by another one of the same MD5, OutsideError when
    DVC said that it was done and something that dvc.lock names is not whole.
    """
    from mlops_kit.spec.load import read_lifecycle

    stages = read_lifecycle(root).steps
    unknown = [name for name in options.targets if name not in stages and ":" not in name]
    if unknown:
        raise UsageError(f"no stage `{unknown[0]}` in mlops.yaml", fix=f"one of: {', '.join(stages)}")
    changed = write_files(root, desired_files(root))
    shown = prepare_run(root)
    quiet = () if options.force else accept_quiet_edits(root, allow_missing=options.pull)
    started = time.time_ns()
    variables = watching_variables(root, stages, hermetic=options.hermetic)
    repro = reproduce(
        root,
        targets=options.targets,
        force=options.force,
        pull=options.pull,
        allow_missing=options.pull,
        variables=variables,
        on_event=on_event,
        on_line=on_line,
    )
    hidden = {} if variables[MODE] == WatchMode.OFF else _hidden_inputs(root, repro, since=started)
    regenerated = tuple(file.path for file in changed if file.state is not FileState.CURRENT)
    if repro.code != 0:
        return RunReport(repro, regenerated, {}, (), hidden, shown, quiet)
    confirm_run(root, repro, whole=not options.targets, elsewhere=options.pull)
    return RunReport(
        repro, regenerated, read_side(root, None).metrics, read_kpi_results(root), hidden, shown, quiet
    )


def _hidden_inputs(root: Path, repro: ReproResult, *, since: int) -> Mapping[str, tuple[Finding, ...]]:
    """Return what the traces of the stages that ran say. A trace that is older than `since` (nanoseconds) is of an earlier run."""
    ran = [*(stage for stage, _ in repro.ran), *([repro.failed] if repro.failed else [])]
    traces = {stage: read_trace(root, stage, since=since) for stage in ran}
    return {stage: trace.findings for stage, trace in traces.items() if trace and trace.findings}


def read_kpi_results(root: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the KPI results that the `validate` stage wrote; empty when the project has none."""
    path = root / VERDICT
    if not path.exists():
        return ()
    return tuple(json.loads(path.read_text(encoding="utf-8")).get("kpis", ()))
