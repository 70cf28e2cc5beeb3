"""The history of a repository's metrics: which commits are looked at, and which of them are worth a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlops_kit.artifacts.history import HistoryReader
from mlops_kit.artifacts.metric_state import MetricState
from mlops_kit.compare.history import Entry, History, fold_history, said_by
from mlops_kit.errors import SpecError, UnreadableSideError, UsageError
from mlops_kit.outside import gitlog
from mlops_kit.outside.gitobjects import ObjectReader
from mlops_kit.project.names import project_name
from mlops_kit.project.roots import NoPipelineError, find_root
from mlops_kit.spec.names import KPIS

if TYPE_CHECKING:
    from mlops_kit.spec.model import Kpis

Rows = Literal["changed", "named", "every"]
# Commits are read in batches that grow: the first rows come at once, and a long history costs few waits.
FIRST_BATCH, LARGEST_BATCH = 32, 256


@dataclass(frozen=True)
class LogOptions:
    """Which commits and metrics are wanted."""

    metrics: tuple[str, ...] = ()
    """Names or globs, `file:name` where two files have a name; none for all."""
    max_count: int = 20
    """At most this many rows; 0 for no limit."""
    revisions: tuple[str, ...] = ()
    """Revisions and ranges; none for HEAD."""
    branches: bool = False
    """A row for each branch, remote ones too, instead of a history."""
    tags: bool = False
    """A row for each tag instead of a history."""
    everything: bool = False
    """The history of all branches and tags."""
    first_parent: bool = True
    """Follow the first parent of merges only: a merged branch is one commit."""
    since: str = ""
    """Only commits after this date, in git's words."""
    rows: Rows = "named"
    """Commits at which a wanted metric changed: only these, these and those that a branch or tag names, or every commit."""


def read_log(
    root: Path, options: LogOptions, on_progress: Callable[[int], None] = lambda count: None
) -> History:
    """Return the wanted metrics over the wanted commits of the DVC repository at `root`.

    `on_progress` is told how many commits were read. Raises UsageError outside of a repository, for a metric that no commit has and
    where no dvc.yaml was ever there; UnreadableSideError for a revision that does not exist.
    """
    if (options.branches or options.tags) and (options.revisions or options.everything):
        raise UsageError(
            "--all-branches and --tags list branches and tags, not a history",
            fix="leave out --rev and --all-commits, or the other two",
        )
    root = _find_root(root)
    place = gitlog.locate(root)
    kpis, notes = _kpis(root)
    with ObjectReader(root) as objects:
        scan = _Scan(HistoryReader(root, objects, place.prefix), objects, options)
        entries = scan.run(root, place, on_progress)
    _require_metrics(root, place, scan)
    series, rows, unreadable = fold_history(entries, options.metrics, kpis, list(scan.seen.values()))
    notes += _unrecorded(entries)
    if place.shallow and scan.complete and not (options.branches or options.tags):
        notes.append(
            "this clone is shallow, the history ends where it was cut; for all of it: git fetch --unshallow"
        )
    return History(
        project_name(root),
        _span(options, place),
        scan.count,
        scan.complete,
        series,
        rows,
        unreadable,
        tuple(notes),
    )


class _Scan:
    """Goes through commits until there are enough rows, and keeps what it has seen."""

    def __init__(self, reader: HistoryReader, objects: ObjectReader, options: LogOptions) -> None:
        self._reader = reader
        self._objects = objects
        self._options = options
        self._said: dict[int, dict[str, object]] = {}
        self._trees: dict[str, str] = {}
        self._first_parents: dict[str, str] = {}
        self.seen: dict[int, MetricState] = {}
        self.count = 0
        self.complete = True

    def run(self, root: Path, place: gitlog.Place, on_progress: Callable[[int], None]) -> list[Entry]:
        """Return the commits that get a row, newest first, each with the row that it is compared with."""
        here = self._work_tree(place)
        rows: list[tuple[gitlog.Commit | None, MetricState]] = [(None, here)] if here else []
        if place.head or self._options.revisions or _is_tips(self._options):
            with closing(gitlog.walk_commits(root, _walk(self._options))) as commits:
                rows += self._rows(commits, self._options.max_count - len(rows), on_progress)
        return self._connect(rows)

    def _rows(
        self, commits: Iterator[gitlog.Commit], most: int, on_progress: Callable[[int], None]
    ) -> list[tuple[gitlog.Commit, MetricState]]:
        rows: list[tuple[gitlog.Commit, MetricState]] = []
        size = FIRST_BATCH
        while batch := list(islice(commits, size)):
            for index, (commit, state) in enumerate(self._worth_a_row(batch)):
                if state is not None:
                    rows.append((commit, state))
                if self._options.max_count and len(rows) == max(most, 1):
                    self.count += index + 1
                    self.complete = index + 1 == len(batch) and next(commits, None) is None
                    return rows
            self.count += len(batch)
            on_progress(self.count)
            size = min(2 * size, LARGEST_BATCH)
        return rows

    def _worth_a_row(
        self, batch: Sequence[gitlog.Commit]
    ) -> Iterator[tuple[gitlog.Commit, MetricState | None]]:
        self._trees |= {commit.sha: commit.tree for commit in batch}
        self._first_parents |= {commit.sha: commit.parents[0] for commit in batch if commit.parents}
        parents = (
            [] if _is_tips(self._options) else [sha for commit in batch for sha in self._parents(commit)]
        )
        self._find_trees(parents)
        trees = [self._trees[sha] for sha in dict.fromkeys([*(commit.sha for commit in batch), *parents])]
        states = dict(zip(trees, self._states(trees), strict=True))
        for commit in batch:
            state = states[commit.tree]
            before = [states[self._trees[sha]] for sha in (self._parents(commit) if parents else ())]
            yield commit, state if self._deserves(commit, state, before) else None

    def _parents(self, commit: gitlog.Commit) -> tuple[str, ...]:
        return commit.parents[:1] if self._options.first_parent else commit.parents

    def _find_trees(self, shas: Iterable[str]) -> None:
        """Find the root trees of parents that the walk has not listed."""
        missing = [sha for sha in dict.fromkeys(shas) if sha not in self._trees]
        for sha, found in zip(
            missing, self._objects.read([f"{sha}^{{tree}}" for sha in missing]), strict=True
        ):
            self._trees[sha] = found.id if found else ""

    def _states(self, trees: Sequence[str]) -> list[MetricState]:
        found = self._reader.at_commits(trees)
        self.seen |= {id(state): state for state in found}
        return found

    def _deserves(self, commit: gitlog.Commit, state: MetricState, parents: Sequence[MetricState]) -> bool:
        says = self._says(state)
        if _is_tips(self._options) or self._options.rows == "every":
            return True
        if self._options.rows == "named" and commit.refs and says:
            return True
        return all(says != self._says(parent) for parent in parents) if parents else bool(says)

    def _says(self, state: MetricState) -> dict[str, object]:
        if id(state) not in self._said:
            self._said[id(state)] = said_by(state, self._options.metrics)
        return self._said[id(state)]

    def _work_tree(self, place: gitlog.Place) -> MetricState | None:
        """Return the metrics of the work tree when the history begins there and they differ from those of HEAD."""
        o = self._options
        if o.revisions or o.everything or o.since or _is_tips(o):
            return None
        here = self._reader.at_work_tree()
        self.seen[id(here)] = here
        if place.head:
            self._find_trees([place.head])
            if self._says(here) == self._says(self._states([self._trees[place.head]])[0]):
                return None
        return here if self._says(here) else None

    def _connect(self, rows: Sequence[tuple[gitlog.Commit | None, MetricState]]) -> list[Entry]:
        places = {commit.sha: index for index, (commit, _) in enumerate(rows) if commit}
        made = []
        for index, (commit, state) in enumerate(rows):
            below = index + 1 if index + 1 < len(rows) else None
            if commit is None:
                made.append(Entry("", "", (), "", state, below))
            else:
                earlier = below if _is_tips(self._options) else self._ancestor(commit.sha, places)
                made.append(Entry(commit.sha, commit.date, commit.refs, commit.subject, state, earlier))
        return made

    def _ancestor(self, sha: str, places: dict[str, int]) -> int | None:
        """Return the row of the nearest first-parent ancestor that has one."""
        parent = self._first_parents.get(sha)
        while parent is not None and parent not in places:
            parent = self._first_parents.get(parent)
        return places[parent] if parent is not None else None


def _find_root(start: Path) -> Path:
    try:
        return find_root(start)
    except NoPipelineError:
        return start.resolve()  # there may have been one


def _kpis(root: Path) -> tuple[Kpis | None, list[str]]:
    if not (root / KPIS).is_file():
        return None, []
    from mlops_kit.spec.load import read_kpis

    try:
        return read_kpis(root), []
    except SpecError as error:
        return None, [f"the KPI contract cannot be used, directions are guessed: {error.message}"]


def _require_metrics(root: Path, place: gitlog.Place, scan: _Scan) -> None:
    nothing_asked = place.head and not scan.count
    if nothing_asked or any(state.values or state.lost for state in scan.seen.values()):
        return
    unrecorded = sorted({path for state in scan.seen.values() for path in state.unrecorded})
    if unrecorded:
        raise UnreadableSideError(
            f"no commit holds a value of {', '.join(unrecorded[:3])}",
            fix="mlops-kit run (or dvc repro), then commit the result",
        )
    raise UsageError(
        f"no dvc.yaml with metrics below {root} in {scan.count:,} commits",
        fix="cd to the DVC repository; or declare a metric file under `metrics:` in dvc.yaml",
    )


def _is_tips(options: LogOptions) -> bool:
    return options.branches or options.tags


def _walk(options: LogOptions) -> gitlog.Walk:
    if _is_tips(options):
        kinds = (*(("branches", "remotes") if options.branches else ()), *(("tags",) if options.tags else ()))
        return gitlog.Walk((), kinds, tips_only=True, since=options.since)
    if options.everything:
        kinds = ("branches", "remotes", "tags")
        return gitlog.Walk(options.revisions, kinds, first_parent=False, since=options.since)
    revisions = options.revisions or ("HEAD",)
    return gitlog.Walk(revisions, first_parent=options.first_parent, since=options.since)


def _span(options: LogOptions, place: gitlog.Place) -> str:
    since = f" since {options.since}" if options.since else ""
    if _is_tips(options):
        return " and ".join(["branches"] * options.branches + ["tags"] * options.tags) + since
    if options.everything:
        return "all branches and tags" + since
    return (" ".join(options.revisions) or place.branch or "HEAD (detached)") + since


def _unrecorded(entries: Sequence[Entry]) -> list[str]:
    """Return a remark on metric files that rows declare and whose content they never recorded."""
    found: dict[str, int] = {}
    for entry in entries:
        for path in entry.state.unrecorded:
            found[path] = found.get(path, 0) + 1
    return [
        f"{path} is declared and has no value yet at {count} {'commit' if count == 1 else 'commits'}"
        for path, count in found.items()
    ]
