"""CI's main act: reproduce the head, reproduce the base, compare them, write the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.dvcfiles import read_pipeline
from mlops_kit.artifacts.label_files import committed_labels
from mlops_kit.artifacts.looks import looks_at_test_set
from mlops_kit.artifacts.production import read_production
from mlops_kit.artifacts.recorded_costs import fetch_recorded_costs
from mlops_kit.artifacts.run_checks import check_run
from mlops_kit.artifacts.side import Side, SideInfo, read_side
from mlops_kit.artifacts.store import open_store
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.artifacts.worktree import shared_worktree
from mlops_kit.ci.providers import CiEvent
from mlops_kit.ci.results import restore_results, save_results
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.data_section import describe_data
from mlops_kit.compare.label_section import describe_labels
from mlops_kit.compare.model import Comparison
from mlops_kit.compare.verdict import exit_code
from mlops_kit.engines._base import StageLine
from mlops_kit.engines.accounts import Accounts
from mlops_kit.engines.estimate import estimate_time
from mlops_kit.engines.forecast import forecast_run
from mlops_kit.engines.options import PipelineOptions, WarmStart
from mlops_kit.engines.pipeline import reproduce_pipelines
from mlops_kit.engines.watching import Watcher, Watchers
from mlops_kit.errors import ExitCode, MlopsKitError, RefusedError, UnreadableSideError
from mlops_kit.outside import git
from mlops_kit.outside.child import WarmStarter
from mlops_kit.outside.dvc import ReproResult, materialize
from mlops_kit.outside.machine import usable_processors
from mlops_kit.report.plan import plan_totals, planned_stages
from mlops_kit.spec.load import LIFECYCLE, read_lifecycle
from mlops_kit.steps.preload import WarmStarts
from mlops_kit.steps.sandbox import watching_variables
from mlops_kit.steps.watch.mode import MODE, WatchMode

SUMMARY_LIMIT = 900_000
ROWS_BUDGET = 1 << 30
COMPARED = ("metrics", "plots")


@dataclass(frozen=True)
class CiResult:
    """What CI found."""

    comparison: Comparison
    code: ExitCode
    """Exit code of the job: 0, 3 a KPI breach, 4 unreadable, 8 a stage failed."""


@dataclass(frozen=True)
class CiRun:
    """How to run: the event, and whom to tell."""

    event: CiEvent
    watcher: Watcher
    """Hears of both runs, the head's first."""
    project: str
    """Name of the project, for the report."""
    programs: Path | None = None
    """Folder in which stages find `python` first; None for this interpreter's."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for DVC and the stages."""


def run_ci(root: Path, run: CiRun) -> CiResult:
    """Reproduce what changed at the head and at the base of the event and compare them.

    A failing stage is a result too. Raises UnreadableSideError when the base cannot be had in this clone, OutsideError when DVC says
    that the head is reproduced and something that its lock names is not whole.
    """
    if run.event.name == "local":
        _require_clean(root)
    base = resolve_base(root, run.event)
    label = _head_label(root, run.event)
    cache = root / ".dvc" / "cache"
    if base and _same_lock(root, base):
        restore_results(root, cache, base)
    planned = _plan(root)
    head = _reproduce(root, replace(run, variables=_watched(root)))
    project = run.project
    if head.code != 0:
        refused = ExitCode.STALE in head.stage_codes
        return CiResult(
            planned(_failed(project, label, head)), ExitCode.STALE if refused else ExitCode.OUTSIDE
        )
    check_run(root, head, whole=False, elsewhere=True)
    notes: list[str] = []
    if git.dirty_paths(root, ["dvc.lock"]):
        command = "mlops-kit run" if (root / LIFECYCLE).exists() else "dvc repro"
        notes.append(
            f"dvc.lock was not up to date: {len(head.ran)} stages ran here; `{command}` and a commit would record their results"
        )
    save_results(root, cache, git.resolve(root, "HEAD"))
    old = _base_side(root, base, run, notes)
    fetch_recorded_costs(root, root)
    new = replace(read_side(root, None), info=label)
    production = read_production(root, new.kpis)
    made = compare_sides(old, new, project=project, production=production, looks=looks_at_test_set(root, new))
    made = replace(
        planned(made),
        ran=head.ran,
        notes=(*notes, *made.notes),
        data_section=describe_data(root, old, new, budget=ROWS_BUDGET, fetch=True),
        label_diff=describe_labels(root, old, new, budget=ROWS_BUDGET, fetch=True),
    )
    return CiResult(made, exit_code(made))


def _plan(root: Path) -> Callable[[Comparison], Comparison]:
    """Return what puts the plan of the run that comes now into a report. A pipeline that cannot be planned is the run's to complain of."""
    try:
        forecast = forecast_run(root, pull=True)
    except MlopsKitError:
        return lambda made: made
    totals = plan_totals(forecast, estimate_time(forecast, usable_processors()))
    return lambda made: replace(made, planned=planned_stages(forecast), plan=totals)


def _require_clean(root: Path) -> None:
    """Raise RefusedError when files that git tracks have uncommitted changes: the report speaks of a commit."""
    dirty = git.dirty_paths(root, untracked=False)
    if dirty:
        raise RefusedError(
            f"{len(dirty)} files have uncommitted changes ({', '.join(dirty[:3])}), and this reports on a commit",
            fix="git commit or git stash first; to see uncommitted work: mlops-kit run && mlops-kit compare",
        )


def resolve_base(root: Path, event: CiEvent) -> str | None:
    """Return the commit id to compare with, None for a first commit. Fetches it when the clone is shallow and lacks it."""
    if event.base is None:
        default = git.default_branch(root)
        tip = git.resolve(root, "HEAD")
        fork = git.merge_base(root, default, tip) if default else None
        return fork if fork and fork != tip else git.find_commit(root, "HEAD~1")
    found = git.find_commit(root, event.base)
    if found:
        return found
    if len(event.base) == 40 and git.fetch_commit(root, event.base):
        return event.base
    parent = git.find_commit(root, "HEAD^1")
    if parent or not git.is_shallow(root):
        return parent
    raise UnreadableSideError(
        f"the base {event.base} is not in this clone", fix="check out with fetch-depth: 2 or more"
    )


def write_report(out: Path, renderings: dict[str, str], summary: Path | None) -> None:
    """Write the renderings (file name -> text) to the folder `out`, and the Markdown to the job summary."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in renderings.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(renderings["report.md"][:SUMMARY_LIMIT])


def _same_lock(root: Path, base: str) -> bool:
    """Return whether the head's committed lock is the base's, so that the base's computed results are a starting point for it."""
    return "dvc.lock" not in {path.rpartition("/")[2] for path in git.changed_paths(root, base, "HEAD")}


def _watched(root: Path) -> Mapping[str, str]:
    """Return the variables under which stages of the head run: confined to what they declare, unless mlops.yaml says otherwise.

    The base is not this pull request's matter, and a repository that is not ours declares nothing to us.
    """
    if not (root / LIFECYCLE).exists():
        return {MODE: WatchMode.OFF.value}
    lifecycle = read_lifecycle(root)
    return watching_variables(root, lifecycle.steps, hermetic=lifecycle.ci.hermetic)


def _reproduce(root: Path, run: CiRun) -> ReproResult:
    """Reproduce with what is here and on the remote; run what cannot be had."""
    wanted = PipelineOptions(
        pull=True,
        allow_missing=True,
        jobs=1 if run.variables.get(MODE) == WatchMode.REFUSE else 0,
        programs=run.programs,
        variables=run.variables,
        warm=_warm_starts(root),
    )
    watcher = Watchers((Accounts(root), run.watcher))
    try:
        result = reproduce_pipelines(root, wanted, watcher)
        if result.code == 0 and not materialize(root, compared_paths(root)):
            return result
        again = reproduce_pipelines(root, replace(wanted, allow_missing=False), watcher)
    finally:
        watcher.finish()
    return replace(again, ran=(*(result.ran if result.code == 0 else ()), *again.ran))


def _warm_starts(root: Path) -> WarmStart:
    def begin(stages: Iterable[tuple[str, Sequence[str], Path]]) -> WarmStarter:
        starts = WarmStarts(root, read_lifecycle(root) if (root / LIFECYCLE).exists() else None)
        starts.expect(stages)
        return starts

    return begin


def compared_paths(root: Path) -> list[str]:
    """Return the outputs that a comparison reads: metrics, plots, predictions."""
    tree = WorkTree(root)
    outputs = [
        output
        for path in pipelines_of(root)
        for output in read_pipeline(
            (root / path).read_bytes(),
            path.rpartition("/")[0],
            path,
            read=tree.read_one,
        ).outputs
    ]
    return [output.path for output in outputs if output.section in COMPARED or output.type == "predictions"]


def pipelines_of(root: Path) -> list[str]:
    """Return every dvc.yaml of the DVC repository at `root`, by path."""
    return [
        path
        for path in pipeline_files(WorkTree(root))
        if path.endswith("dvc.yaml") and (root / path).is_file()
    ]


def _base_side(root: Path, base: str | None, run: CiRun, notes: list[str]) -> Side | None:
    if base is None:
        return None
    with shared_worktree(root, base) as tree:
        if not pipelines_of(tree):
            notes.append("the base has no dvc.yaml; there is nothing to compare with")
            return None
        restore_results(tree, root / ".dvc" / "cache", base)
        run.watcher.line(StageLine("", f"the base, {base[:9]}:"))
        result = _reproduce(tree, replace(run, variables={MODE: WatchMode.OFF.value}))
        if result.code != 0:
            notes.append(
                f"the base does not reproduce here (stage {result.failed or '?'} failed); its committed results are used"
            )
            return read_side(root, base)
        if result.ran:
            notes.append(
                f"{len(result.ran)} stages of the base ran here: {', '.join(stage for stage, _ in result.ran)}"
            )
        fetch_recorded_costs(root, tree)
        side = read_side(tree, None)
        info = SideInfo("base", base, git.subject(root, base))
        predictions = side.predictions
        if predictions is not None:  # the worktree goes, the cache that it shares stays
            blob = open_store(root).find(predictions.digest)
            predictions = replace(predictions, path=blob) if blob else None
        unreadable = tuple(replace(item, side="base") for item in side.unreadable)
        labels = committed_labels(root, base) if side.label_files else {}
        return replace(side, info=info, predictions=predictions, unreadable=unreadable, label_files=labels)


def _head_label(root: Path, event: CiEvent) -> SideInfo:
    """Return what the head is; a pull request is checked out as a merge commit, whose second parent is the branch."""
    merged = git.find_commit(root, "HEAD^2") if event.name == "pull_request" else None
    sha = merged or git.resolve(root, "HEAD")
    return SideInfo(
        "this pull request" if event.name == "pull_request" else "this commit", sha, git.subject(root, sha)
    )


def _failed(project: str, head: SideInfo, result: ReproResult) -> Comparison:
    lines = [f"stage {result.failed or '?'} failed", *result.tail[-25:]]
    return Comparison(
        project,
        None,
        head,
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        ran=result.ran,
        failure="\n".join(line[:300] for line in lines)[:3900],
    )


def describe_error(project: str, error: MlopsKitError) -> Comparison:
    """Return the comparison that says why there is none, so that the comment can say it too."""
    text = f"{error.message}\nfix: {error.fix}" if error.fix else error.message
    return Comparison(
        project, None, SideInfo("this commit", ""), (), (), (), (), (), (), (), failure=text[:3900]
    )
