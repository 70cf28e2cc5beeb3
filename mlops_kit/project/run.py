"""Running a project's pipeline: bring generated files up to date, reproduce, and say what the result is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.quiet_edits import QuietEdit, accept_quiet_edits
from mlops_kit.artifacts.run_checks import check_run, confirm_run, prepare_run
from mlops_kit.engines._base import StageLine
from mlops_kit.engines.accounts import Accounts
from mlops_kit.engines.callbacks import Callbacks
from mlops_kit.engines.options import PipelineOptions
from mlops_kit.engines.pipeline import reproduce_pipelines
from mlops_kit.engines.watching import Overheard, Watcher, Watchers
from mlops_kit.errors import ExitCode, UsageError
from mlops_kit.outside.aside import failed_outputs
from mlops_kit.outside.dvc import ReproResult, StageEvent, reproduce
from mlops_kit.outside.run_lock import hold_run
from mlops_kit.project.overlaps import Overlaps
from mlops_kit.spec.names import LIFECYCLE
from mlops_kit.steps.watch.mode import MODE, WatchMode

if TYPE_CHECKING:
    from mlops_kit.outside.child import WarmStarter
    from mlops_kit.outside.file_lock import Holder
    from mlops_kit.steps.watch.findings import Finding

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
    partial: str = ""
    """Folder, relative to the root, with what the failed stage had written; empty when there is nothing."""

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
    jobs: int = 0
    """How many stages run side by side at most; 0 for as many as the processors allow."""
    engine: str = "local"
    """`local`, or `dvc` to let `dvc repro` do all of it, one stage after another."""
    cold: bool = False
    """Start every Python stage afresh instead of from a process that has its libraries imported."""


ENGINES = ("local", "dvc")


def run_project(
    root: Path,
    options: RunOptions,
    *,
    on_event: Callable[[StageEvent], None] = lambda event: None,
    on_line: Callable[[str], None] = lambda line: None,
    watcher: Watcher | None = None,
) -> RunReport:
    """Bring the project at `root` up to date; a DVC repository without mlops.yaml as well.

    `watcher` hears more than `on_event` and `on_line`, and instead of them. Another run of the project is waited for.
    Raises UsageError for an unknown stage, StaleError when a generated file was edited by hand (nothing is run then), SpecError
    when a project file cannot be used, BadDataError for a file that was replaced by another one of the same MD5, OutsideError when
    DVC said that it was done and something that dvc.lock names is not whole.
    """
    heard = Watchers((Accounts(root), watcher or Callbacks(on_event, on_line)))
    if options.engine not in ENGINES:
        raise UsageError(f"no engine `{options.engine}`", fix=f"one of: {', '.join(ENGINES)}")
    if options.jobs < 0:
        raise UsageError(f"--jobs {options.jobs}", fix="--jobs 4, or leave it out")
    if not (root / ".dvc").is_dir():
        raise UsageError(
            f"{root} is no DVC repository",
            fix="name its folder: --repo FOLDER; make a project: mlops-kit init NAME; or take in what is here: mlops-kit adopt",
        )

    def tell(holder: Holder) -> None:
        heard.line(StageLine("", f"waiting for {holder}, which runs this project"))

    with hold_run(root, on_wait=tell) as lock:
        try:
            return _run(root, options, heard, lock.descriptor)
        finally:
            heard.finish()


def _run(root: Path, options: RunOptions, heard: Watcher, lock: int) -> RunReport:
    from mlops_kit.artifacts.side import read_side

    ours = (root / LIFECYCLE).exists()
    regenerated: tuple[str, ...] = ()
    variables: Mapping[str, str] = {MODE: WatchMode.OFF.value}
    if ours:
        regenerated, variables = _generate(root, options)
    shown = prepare_run(root)
    quiet = () if options.force else accept_quiet_edits(root, allow_missing=options.pull)
    started = time.time_ns()
    overlaps = Overlaps()
    repro = _reproduce(root, options, variables, Watchers((overlaps, heard)), lock)
    hidden: Mapping[str, tuple[Finding, ...]] = {}
    if variables[MODE] != WatchMode.OFF:
        hidden = overlaps.own_findings(root, _hidden_inputs(root, repro, since=started))
    if repro.code != 0:
        partial = failed_outputs(root, repro.failed or "")
        left = partial.relative_to(root).as_posix() if repro.failed and partial.is_dir() else ""
        return RunReport(repro, regenerated, {}, (), hidden, shown, quiet, left)
    confirm = confirm_run if ours else check_run
    confirm(root, repro, whole=not options.targets, elsewhere=options.pull)
    return RunReport(
        repro, regenerated, read_side(root, None).metrics, read_kpi_results(root), hidden, shown, quiet
    )


def _generate(root: Path, options: RunOptions) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Bring the generated files of our own project up to date; return which were not, and the variables for its stages.

    What only that needs is loaded here: it is most of what a run without anything to do would cost in other repositories.
    """
    from mlops_kit.project.desired import desired_files
    from mlops_kit.project.write import FileState, write_files
    from mlops_kit.spec.load import read_lifecycle
    from mlops_kit.steps.sandbox import watching_variables

    stages = read_lifecycle(root).steps
    unknown = [name for name in options.targets if not _may_be(root, name, stages)]
    if unknown:
        raise UsageError(f"no stage `{unknown[0]}` in mlops.yaml", fix=f"one of: {', '.join(stages)}")
    changed = write_files(root, desired_files(root))
    regenerated = tuple(file.path for file in changed if file.state is not FileState.CURRENT)
    return regenerated, watching_variables(root, stages, hermetic=options.hermetic)


def _may_be(root: Path, name: str, stages: Mapping[str, object]) -> bool:
    """Return whether `name` is a stage of mlops.yaml or may be one of a pipeline written by hand."""
    return name in stages or ":" in name or "@" in name or (root / name).exists()


def _reproduce(
    root: Path, options: RunOptions, variables: Mapping[str, str], heard: Watcher, lock: int
) -> ReproResult:
    if options.engine == "dvc":
        overheard = Overheard(heard)
        return reproduce(
            root,
            targets=options.targets,
            force=options.force,
            pull=options.pull,
            allow_missing=options.pull,
            variables=variables,
            on_event=overheard.event,
            on_line=overheard.line,
        )
    wanted = PipelineOptions(
        options.targets,
        options.force,
        options.pull,
        allow_missing=options.pull,
        # What is refused is found by what happens in the folder, whoever does it: one stage at a time.
        jobs=1 if variables[MODE] == WatchMode.REFUSE else options.jobs,
        variables=variables,
        warm=None if options.cold else lambda stages: _warm(root, stages),
    )
    return reproduce_pipelines(root, wanted, heard, lock=lock)


def _warm(root: Path, stages: Iterable[tuple[str, Sequence[str], Path]]) -> WarmStarter:
    """Return what starts the Python programs among `stages` with their libraries imported."""
    from mlops_kit.spec.load import read_lifecycle
    from mlops_kit.steps.preload import WarmStarts

    starts = WarmStarts(root, read_lifecycle(root) if (root / LIFECYCLE).exists() else None)
    starts.expect(stages)
    return starts


def _hidden_inputs(root: Path, repro: ReproResult, *, since: int) -> Mapping[str, tuple[Finding, ...]]:
    """Return what the traces of the stages that ran say. A trace that is older than `since` (nanoseconds) is of an earlier run."""
    from mlops_kit.steps.watch.trace import read_trace

    ran = [*(stage for stage, _ in repro.ran), *([repro.failed] if repro.failed else [])]
    traces = {stage: read_trace(root, stage, since=since) for stage in ran}
    return {stage: trace.findings for stage, trace in traces.items() if trace and trace.findings}


def read_kpi_results(root: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the KPI results that the `validate` stage wrote; empty when the project has none."""
    path = root / VERDICT
    if not path.exists():
        return ()
    return tuple(json.loads(path.read_text(encoding="utf-8")).get("kpis", ()))
