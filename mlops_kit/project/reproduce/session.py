"""One reproduction, start to end: clone, environment, stages side by side, comparison, perturbation, the rung that is reached."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_kit.artifacts.remote_store import fetch_objects
from mlops_kit.artifacts.store import open_store
from mlops_kit.compare.ladder import Ladder, Rung, StageResult, climb
from mlops_kit.compare.reproduction import Reproduction
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.outside import git
from mlops_kit.outside.clone import clone_commit
from mlops_kit.outside.isolated import Processes, ending_on_signals
from mlops_kit.outside.machine import other_file_system, processors
from mlops_kit.project.reproduce import choose
from mlops_kit.project.reproduce.environment import LOCKED, StageEnvironment, prepare_environment
from mlops_kit.project.reproduce.isolate import Origin
from mlops_kit.project.reproduce.outputs import OutputComparer
from mlops_kit.project.reproduce.perturb import Sweep, plan_sweep
from mlops_kit.project.reproduce.reruns import Progress, Reruns, Workspaces
from mlops_kit.project.reproduce.sources import Revision, StageSource, read_revision
from mlops_kit.project.reproduce.supply import Supply
from mlops_kit.spec.model import Reproduce

PERTURB = ("none", "quick", "full")


@dataclass(frozen=True)
class ReproduceOptions:
    """What to reproduce, and how."""

    rev: str = "HEAD"
    """The revision."""
    stages: Sequence[str] = ()
    """Names of stages; all when empty."""
    sample: int | None = None
    """Draw that many stages instead."""
    changed: bool = False
    """Take the stages whose record differs from the base's instead."""
    jobs: int = 0
    """Stages at a time; 0 for the number of processors."""
    environment: str = LOCKED
    """`locked` or `current`."""
    perturb: str = "none"
    """`none`, `quick` (axes together, one by one where something breaks) or `full` (each axis alone)."""
    required: Rung = Rung.R3
    """The rung that must be reached for exit code 0."""
    day: int = 0
    """Number of the day, for the sample."""


def reproduce_revision(
    root: Path, options: ReproduceOptions, *, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Reproduction:
    """Run stages of a revision of the DVC repository at `root` again, each from its recorded inputs, and compare what they write.

    Works in temporary folders, which are gone afterwards, whatever happens; the work tree is neither read nor written. Recorded
    inputs that only a remote has are fetched into the DVC cache. Raises UnreadableSideError for a revision that does not exist,
    SpecError for a pipeline file that cannot be used, OutsideError when the environment cannot be installed.
    """
    if options.perturb not in PERTURB:
        raise UsageError(f"--perturb {options.perturb}", fix=f"one of: {', '.join(PERTURB)}")
    sha = git.resolve(root, options.rev)
    revision = read_revision(root, sha)
    if not revision.stages:
        raise UsageError(f"{options.rev} has no stages", fix="name a commit with a dvc.yaml")
    chosen, why = _choose(root, revision, options)
    with ending_on_signals(), _folders() as (folder, spare):
        session = _Session(root, revision, options, Workspaces(folder, spare), on_progress)
        try:
            return session.run(chosen, why)
        except BaseException:
            session.processes.stop()
            raise


@dataclass
class _Session:
    root: Path
    revision: Revision
    options: ReproduceOptions
    places: Workspaces
    on_progress: Callable[[Progress], None]
    processes: Processes = field(default_factory=Processes)

    def run(self, chosen: list[StageSource], why: str) -> Reproduction:
        notes: list[str] = []
        self.on_progress(Progress("cloning", ""))
        clone = self.places.folder / "clone"
        clone_commit(self.root, self.revision.sha, clone)
        prefix = git.prefix_of(self.root)
        supply = Supply(
            open_store(self.root), clone / prefix, _parts(self.revision), self.places.folder / "kept"
        )
        complaint = _fetch(self.root, chosen, supply)
        if complaint:
            notes.append(f"the remote could not be read: {complaint}")
        chosen, added = _with_producers(self.revision, chosen, supply)
        if added:
            notes.append(
                f"run too, because their outputs are nowhere and others need them: {', '.join(added)}"
            )
        environment = self._environment(clone / prefix)
        written = tuple(self.revision.producers())
        threads, rules = _lifecycle(clone / prefix)
        origin = Origin(
            self.root,
            clone,
            prefix,
            supply,
            written,
            environment.programs,
            self.processes,
            rules,
        )
        sources = [replace(stage, origin=origin) for stage in chosen]
        jobs = self.options.jobs or processors()
        comparer = OutputComparer(supply, rules.tolerance, {**_stated(clone / prefix), **rules.metrics})
        reruns = Reruns(sources, comparer, supply, self.places, jobs=jobs, on_progress=self.on_progress)
        sweep = plan_sweep(threads) if self.options.perturb != "none" else Sweep({}, {})
        results = reruns.run(sweep, alone=self.options.perturb == "full")
        return self._conclude(results, environment, sweep, (why, *notes))

    def _environment(self, clone: Path) -> StageEnvironment:
        if self.options.environment == LOCKED:
            self.on_progress(Progress("installing the environment of the commit", ""))
        log = self.places.folder / "install.log"
        return prepare_environment(clone, self.options.environment, self.processes, log)

    def _conclude(
        self,
        results: tuple[StageResult, ...],
        environment: StageEnvironment,
        sweep: Sweep,
        said: tuple[str, ...],
    ) -> Reproduction:
        ladder = climb(results, swept=self.options.perturb != "none", untried=sweep.untried())
        if self.revision.problems:
            ladder = Ladder(Rung.NONE, self.revision.problems)
        return Reproduction(
            self.options.rev,
            self.revision.sha,
            results,
            len(self.revision.stages),
            said[0],
            ladder,
            self.options.required,
            environment.kind,
            environment.facts,
            self.options.perturb,
            sweep.values,
            sweep.impossible,
            (*environment.notes, *said[1:]),
        )


def _choose(root: Path, revision: Revision, options: ReproduceOptions) -> tuple[list[StageSource], str]:
    ways = [bool(options.stages), options.sample is not None, options.changed]
    if sum(ways) > 1:
        raise UsageError("--stages, --sample and --changed exclude each other", fix="give one of them")
    if options.stages:
        return choose.choose_named(revision, options.stages), "named"
    if options.sample is not None:
        if options.sample < 1:
            raise UsageError(f"--sample {options.sample}", fix="a number of stages, 1 or more")
        drawn = choose.choose_sample(revision, options.sample, options.day)
        return drawn, f"a sample of the day {options.day}: every stage is drawn in turn"
    if options.changed:
        found, base = choose.choose_changed(root, revision)
        return found, f"changed since {base[:12] or 'the beginning'}"
    return list(revision.stages), "all"


def _parts(revision: Revision) -> dict[str, str]:
    recorded = {out.path: out.digest for stage in revision.stages for out in stage.outs if out.hashed}
    return {**revision.tracked, **recorded}


def _fetch(root: Path, chosen: Sequence[StageSource], supply: Supply) -> str:
    """Fetch recorded inputs that only a remote has; return what went wrong, empty when nothing did."""
    if not open_store(root).elsewhere:
        return ""
    complaint = ""
    for _ in range(2):  # first the listings of folders, then the files that they name
        missing: set[str] = set()
        for stage in chosen:
            for dep in stage.deps:
                missing |= supply.lacking(dep.path, dep.digest) if dep.hashed else frozenset()
        if missing:
            _, complaint = fetch_objects(root, sorted(missing))
    return complaint


def _with_producers(
    revision: Revision, chosen: list[StageSource], supply: Supply
) -> tuple[list[StageSource], list[str]]:
    """Add the stages that write what chosen stages need and what is nowhere to be had."""
    names = {stage.name for stage in chosen}
    added: list[str] = []
    queue = list(chosen)
    while queue:
        stage = queue.pop()
        for dep in stage.deps:
            if not dep.hashed or supply.has(dep.path, dep.digest):
                continue
            for other in revision.stages:
                writes = any(_touch(out.path, dep.path) for out in other.outs)
                if writes and other.name not in names and other.name != stage.name:
                    names.add(other.name)
                    added.append(other.name)
                    queue.append(other)
    return [stage for stage in revision.stages if stage.name in names], sorted(added)


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _lifecycle(root: Path) -> tuple[int, Reproduce]:
    """Return the declared number of threads, and how reruns are compared."""
    from mlops_kit.spec.load import read_lifecycle

    if not (root / "mlops.yaml").is_file():
        return 1, Reproduce()
    lifecycle = read_lifecycle(root)
    return lifecycle.runtime.threads, lifecycle.reproduce


def _stated(root: Path) -> dict[str, float]:
    """Return metric -> smallest difference that matters, as the KPI contract of the commit says."""
    from mlops_kit.spec.load import KPIS, read_kpis

    try:
        kpis = read_kpis(root) if (root / KPIS).is_file() else None
    except SpecError:
        return {}
    return (
        {name: metric.min_effect for name, metric in kpis.metrics.items() if metric.min_effect}
        if kpis
        else {}
    )


@contextmanager
def _folders() -> Iterator[tuple[Path, Path | None]]:
    """Make a temporary folder, and one on another file system where there is one; gone afterwards, whatever happens."""
    prefix = f"mlops-kit-reproduce-{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    other = other_file_system(1 << 28)
    spare = Path(tempfile.mkdtemp(prefix=prefix, dir=other)) if other else None
    try:
        yield folder, spare
    finally:
        for place in (folder, spare):
            if place is not None:
                _remove(place)


def _remove(folder: Path) -> None:
    def make_writable(function: Callable[..., object], path: str, _: object) -> None:
        Path(path).parent.chmod(0o700)
        Path(path).chmod(0o700)
        function(path)

    try:
        shutil.rmtree(folder, onerror=make_writable)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
