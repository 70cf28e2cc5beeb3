"""A sweep from start to end: propose a point, run it in a work tree of its own, read the score, remember it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.values import flatten
from mlops_kit.artifacts.worktree import check_out
from mlops_kit.errors import ExitCode, OutsideError, RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.outside.crew import Crew, Finished
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.sweep.record import Sweep, SweepSpec, Trial, add_trial, open_sweep, read_trials
from mlops_kit.project.sweep.score import Score, choose_score, read_metrics
from mlops_kit.project.sweep.searches import SEARCHES, Known, Search
from mlops_kit.project.sweep.space import Dimension, Point, parse_dimension
from mlops_kit.spec.load import PARAMS, read_params
from mlops_kit.spec.yaml_edit import set_values

DEFAULT_TRIALS = 20
MAX_GRID = 10_000
# What every other trial would end with as well.
_HOPELESS = frozenset({ExitCode.USAGE, ExitCode.STALE, ExitCode.REFUSED})


@dataclass(frozen=True)
class SweepOptions:
    """What to try, and how."""

    space: tuple[str, ...]
    """Parameters with their values, as parse_dimension reads them."""
    search: str = "grid"
    """A key of SEARCHES."""
    trials: int | None = None
    """How many points; all of a grid, else 20, when None."""
    seed: int = 0
    """Seed of the points."""
    metric: str = ""
    """The metric to choose by; the one of validation when empty."""
    jobs: int = 1
    """Trials side by side."""


def run_sweep(root: Path, options: SweepOptions, *, on_trial: Callable[[Trial], None]) -> Sweep:
    """Run the trials that are missing of a sweep over the params of the project at `root`, and return all of it.

    Each trial is the commit HEAD with other params, checked out into a work tree that shares the DVC cache; only the stage that writes
    the score is brought up to date, with what it needs, so that no trial sees the test rows and unchanged stages cost nothing. Nothing
    in the work tree of `root` changes. The same call goes on where an interrupted one stopped. `on_trial` hears of each trial.
    Raises UsageError for a parameter, search or score that cannot be used, RefusedError for a score of the test rows and for changes
    that are not committed, OutsideError when the params as committed do not run.
    """
    dimensions = tuple(parse_dimension(text) for text in options.space)
    if options.search not in SEARCHES:
        raise UsageError(f"no search `{options.search}`", fix=f"one of: {', '.join(SEARCHES)}")
    _require_committed(root)
    score = choose_score(root, options.metric)
    _check_params(root, dimensions, score)
    spec = SweepSpec(
        git.resolve(root, "HEAD"), options.space, options.search, options.seed,
        score.metric, score.file, score.stage, score.higher,
    )  # fmt: skip
    search = Search(dimensions, options.seed, score.higher)
    SEARCHES[options.search](search, 0, ())  # what cannot be searched is said before anything runs
    session = _Session(root, spec, score, search, on_trial)
    session.run(_count(options), max(1, options.jobs))
    return Sweep(spec, read_trials(session.folder))


def _count(options: SweepOptions) -> int:
    return options.trials or (MAX_GRID if options.search == "grid" else DEFAULT_TRIALS)


def _require_committed(root: Path) -> None:
    dirty = git.dirty_paths(root, untracked=False)
    if dirty:
        raise RefusedError(
            f"trials start from the last commit, and {', '.join(dirty[:3])} {'has' if len(dirty) == 1 else 'have'} changes that are not in it",
            fix="git commit -a, or git stash",
        )


def _check_params(root: Path, dimensions: Iterable[Dimension], score: Score) -> None:
    """Raise UsageError for a parameter that is not in params.yaml, or on which no stage before the score depends."""
    known = [key for key, _ in flatten(read_params(root))]
    pipelines = read_pipelines(root)
    needed = [pipelines.stages[name] for name in pipelines.closure([score.stage])]
    keys = [
        key
        for stage in needed
        for file, keys in stage.params.items()
        if file == PARAMS
        for key in keys or ("",)
    ]
    for dimension in dimensions:
        if dimension.key not in known:
            raise UsageError(
                f"`{dimension.key}` is not in {PARAMS}",
                fix=f"add it there with its present value, and commit; it has: {', '.join(known)}",
            )
        if not any(not key or dimension.key == key or dimension.key.startswith(f"{key}.") for key in keys):
            raise UsageError(
                f"`{dimension.key}` changes nothing: {score.stage}, which writes `{score.metric}`, and the stages before it do not depend on it",
                fix=f"one below: {', '.join(dict.fromkeys(keys)) or 'none'}",
            )


class _Session:
    def __init__(
        self, root: Path, spec: SweepSpec, score: Score, search: Search, on_trial: Callable[[Trial], None]
    ) -> None:
        self.folder = open_sweep(root, spec)
        self._root = root
        self._spec = spec
        self._score = score
        self._search = search
        self._tell = on_trial
        self._done = {trial.number: trial for trial in read_trials(self.folder) if not trial.failed}
        self._params = ""
        """params.yaml as committed: the one in the user's work tree may be edited meanwhile."""
        self._trees: dict[int, Path] = {}
        self._started: dict[int, tuple[Point, int, float]] = {}

    def run(self, count: int, jobs: int) -> None:
        """Run what is missing of the params as committed and of `count` points, `jobs` side by side."""
        slots = list(range(jobs))
        try:
            with Crew() as crew:
                if 0 not in self._done:
                    self._start(crew, 0, {}, slots)
                    self._finish(crew.wait(), slots)
                for number in range(1, count + 1):
                    if number in self._done:
                        continue
                    while not slots:
                        self._finish(crew.wait(), slots)
                    point = SEARCHES[self._spec.search](self._search, number - 1, self._known(number))
                    if point is None:
                        break
                    self._start(crew, number, point, slots)
                while self._started:
                    self._finish(crew.wait(), slots)
        finally:
            for tree in self._trees.values():
                _remove(self._root, tree)

    def _known(self, number: int) -> list[Known]:
        """Return what came before trial `number`, so that a search which was stopped and goes on sees the same."""
        return [
            Known(trial.point, trial.score) for key, trial in sorted(self._done.items()) if 0 < key < number
        ]

    def _start(self, crew: Crew, number: int, point: Point, slots: list[int]) -> None:
        slot = slots.pop(0)
        inner = self._tree(slot)
        text = set_values(self._params, point, where=PARAMS)
        (inner / PARAMS).write_text(text, encoding="utf-8", newline="\n")
        self._started[number] = (point, slot, time.monotonic())
        program = [sys.executable, "-P", "-m", "mlops_kit.project.sweep.trial", self._score.stage]
        crew.start(number, program, cwd=inner, env=dvc_environment())

    def _tree(self, slot: int) -> Path:
        """Return the project's folder in the work tree of a slot; trials that follow each other there keep what did not change."""
        if slot not in self._trees:
            tree = self.folder / f"tree-{slot}"
            _remove(self._root, tree)  # left by one that was killed
            self._trees[slot] = tree
            inner = check_out(self._root, tree, self._spec.base)
            self._params = self._params or (inner / PARAMS).read_text(encoding="utf-8")
        return self._trees[slot] / git.prefix_of(self._root)

    def _finish(self, finished: Finished, slots: list[int]) -> None:
        point, slot, began = self._started.pop(finished.key)
        slots.append(slot)
        trial = self._read(finished, point, self._tree(slot))
        trial = replace(trial, seconds=round(time.monotonic() - began, 3))
        add_trial(self.folder, trial)
        if not trial.failed:
            self._done[trial.number] = trial
        self._tell(trial)

    def _read(self, finished: Finished, point: Point, inner: Path) -> Trial:
        said = _last_words(finished)
        code = int(said.get("code", finished.code or ExitCode.UNEXPECTED))
        if code == 0:
            metrics = {
                key: value for file in self._score.files for key, value in read_metrics(inner, file).items()
            }
            score = read_metrics(inner, self._score.file).get(self._score.metric)
            if score is not None:
                return Trial(
                    finished.key, dict(point), score, metrics, tuple(said["ran"]), tuple(said["cached"])
                )
            said = {"message": f"{self._score.stage} wrote no number `{self._score.metric}`"}
        tail = tuple(said.get("tail") or ([said["message"]] if said.get("message") else finished.tail[-15:]))
        tail = tuple(line for line in tail if line.strip() and "exited with" not in line) or tail
        stage = str(said.get("failed") or self._score.stage)
        if finished.key == 0 or code in _HOPELESS:
            told = "the params as committed" if finished.key == 0 else f"trial {finished.key}"
            raise OutsideError(
                f"{told}: stage {stage} did not run: {tail[-1] if tail else f'exit code {code}'}",
                fix=str(said.get("fix") or f"mlops-kit run {stage}"),
            )
        return Trial(finished.key, dict(point), None, {}, failed=stage, tail=tail)


def _last_words(finished: Finished) -> dict[str, Any]:
    """Return what trial.py said last; empty when it did not come to that."""
    last = next((line for line in reversed(finished.tail) if line.startswith('{"code"')), "{}")
    try:
        value: dict[str, Any] = json.loads(last)
    except ValueError:
        return {}
    return value


def _remove(root: Path, tree: Path) -> None:
    git.remove_worktree(root, tree)
    shutil.rmtree(tree, ignore_errors=True)
