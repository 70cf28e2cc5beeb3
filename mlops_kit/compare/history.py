"""Metrics over commits: which commits say something new, what changed at each, and which value is the best. Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from mlops_kit.artifacts.metric_state import SHA, Lost, MetricState
from mlops_kit.compare.metrics import guess_direction
from mlops_kit.compare.noise import is_noise
from mlops_kit.errors import ExitCode, UnreadableSideError, UsageError

if TYPE_CHECKING:
    from mlops_kit.spec.kinds import Direction
    from mlops_kit.spec.model import Kpis

Observation = tuple[str, str]
"""(metric file, dotted name in it)."""


@dataclass(frozen=True)
class Series:
    """One metric over the commits."""

    name: str
    """Its name, or `file:name` where two files have it."""
    direction: Direction | None
    """Which way is better; None when nobody says."""
    files: tuple[str, ...]
    """Metric files that it was read from."""
    kpi: bool = False
    """Whether kpis.yaml promises something about it."""


@dataclass(frozen=True)
class Cell:
    """One metric at one commit."""

    value: float | None = None
    """The value; None where the commit has none."""
    change: float | None = None
    """Difference from the earlier row's value; None without one."""
    best: bool = False
    """Whether no row has a better value."""
    unreadable: str = ""
    """Why a value that is declared could not be read; empty otherwise."""


@dataclass(frozen=True)
class HistoryRow:
    """One commit, or the work tree."""

    sha: str
    """Full commit id; empty for the work tree."""
    date: str
    """Commit date, ISO 8601; empty for the work tree."""
    refs: tuple[str, ...]
    """Full names of branches and tags that point at it."""
    subject: str
    """First line of the message (untrusted text)."""
    previous: int | None
    """Index of the row that its changes are against; None for the earliest."""
    cells: tuple[Cell, ...]
    """One for each series."""


@dataclass(frozen=True)
class LostMetrics:
    """Something that could not be read, at all the commits shown that have it."""

    what: str
    """The file, with the metric's name if it is about one."""
    reason: str
    """What happened."""
    fix: str
    """The command that mends it."""
    commits: int
    """At how many of the rows."""


@dataclass(frozen=True)
class History:
    """Metrics over commits, newest first."""

    project: str
    """Name of the project."""
    span: str
    """Which commits were looked at, in words."""
    scanned: int
    """How many commits were looked at."""
    complete: bool
    """Whether every commit of the span was looked at; otherwise older ones may have changed a metric, too."""
    series: tuple[Series, ...]
    """The metrics, KPIs first."""
    rows: tuple[HistoryRow, ...]
    """The commits."""
    unreadable: tuple[LostMetrics, ...] = ()
    """What could not be read; its presence makes the exit code 4."""
    notes: tuple[str, ...] = ()
    """Further remarks."""


@dataclass(frozen=True)
class Entry:
    """A commit that is to be shown."""

    sha: str
    """Full commit id; empty for the work tree."""
    date: str
    """Commit date."""
    refs: tuple[str, ...]
    """What points at it."""
    subject: str
    """First line of the message."""
    state: MetricState
    """Its metrics."""
    previous: int | None = None
    """Index of the entry that it is compared with."""


def exit_code(history: History) -> ExitCode:
    """Return 4 when something could not be read, else 0."""
    return ExitCode.UNREADABLE if history.unreadable else ExitCode.OK


def stem_of(path: str) -> str:
    """Return what a metric file is called in `file:name`."""
    return posixpath.splitext(posixpath.basename(path))[0]


def is_wanted(patterns: Collection[str], found: Observation) -> bool:
    """Return whether one of `patterns` (names or globs, `file:name` too) names what was found; none at all wants everything."""
    if not patterns:
        return True
    path, key = found
    names = (key, f"{stem_of(path)}:{key}", f"{path}:{key}", f"{posixpath.splitext(path)[0]}:{key}")
    return any(name == p or fnmatchcase(name, p) for p in patterns for name in names)


def is_machine_noise(name: str) -> bool:
    """Return whether a metric differs from run to run by its nature, such as a run time."""
    return is_noise(name, 0.0, 1.0)


@cache
def _counts_as_change(patterns: tuple[str, ...], found: Observation) -> bool:
    """Asked for each metric at each commit, and answered once for each metric."""
    return is_wanted(patterns, found) if patterns else not is_machine_noise(found[1])


def said_by(state: MetricState, patterns: Collection[str]) -> dict[str, object]:
    """Return what a commit says of the wanted metrics, so that two commits which say the same are equal.

    A renamed metric file with the same values says the same, and so does another run time where nobody asked for it.
    """
    chosen = tuple(patterns)
    wanted = {found: value for found, value in state.values.items() if _counts_as_change(chosen, found)}
    counts = Counter(key for _, key in wanted)
    said: dict[str, object] = {
        key if counts[key] == 1 else f"{path}:{key}": value for (path, key), value in wanted.items()
    }
    known = {path for path, _ in state.values}
    for lost in state.lost:
        if not lost.key or is_wanted(patterns, (lost.path, lost.key)):
            said[f"\0{lost.path}:{lost.key}"] = lost.content if lost.path not in known else (lost.content, 0)
    return said


def fold_history(
    entries: Sequence[Entry], patterns: Collection[str], kpis: Kpis | None, seen: Collection[MetricState]
) -> tuple[tuple[Series, ...], tuple[HistoryRow, ...], tuple[LostMetrics, ...]]:
    """Return the metrics, their values at each entry, and what could not be read there.

    `entries` are newest first; `patterns` select metrics; `seen` are the states of all commits that were looked at, from which it is
    known what a file that cannot be read somewhere holds elsewhere. Raises UsageError for a pattern that names nothing, with the
    nearest name, UnreadableSideError if what it names may be in a file that could not be read anywhere.
    """
    known = {found for state in seen for found in state.values}
    check_patterns(patterns, known, seen)
    names = name_observations({f for f in known if is_wanted(patterns, f)}, seen)
    shown = {names[found] for entry in entries for found in entry.state.values if found in names}
    index = _Index.over(seen)
    lost = [_lost_cells(entry.state, names, index) for entry in entries]
    shown |= {name for cells, _ in lost for name in cells}
    series = _order((_series(name, names, kpis) for name in shown), kpis)
    columns = [_column(line, entries, names, [cells for cells, _ in lost]) for line in series]
    rows = tuple(
        HistoryRow(e.sha, e.date, e.refs, e.subject, e.previous, cells)
        for e, cells in zip(
            entries, zip(*columns, strict=True) if columns else ((),) * len(entries), strict=True
        )
    )
    return series, rows, _summarise(entries, [items for _, items in lost])


def check_patterns(
    patterns: Collection[str], known: Collection[Observation], seen: Collection[MetricState]
) -> None:
    """Raise an error for a pattern that names none of the `known` metrics."""
    for pattern in patterns:
        if any(is_wanted((pattern,), found) for found in known):
            continue
        lost = next((item for state in seen for item in state.lost), None)
        if lost:
            raise UnreadableSideError(
                f"no metric `{pattern}` in what could be read; {lost.path} {lost.reason}",
                fix=lost.fix.replace(SHA, "COMMIT"),
            )
        from difflib import get_close_matches

        names = sorted({key for _, key in known} | {f"{stem_of(path)}:{key}" for path, key in known})
        close = get_close_matches(pattern, names, n=1)
        most = ", ".join(sorted({key for _, key in known})[:20])
        raise UsageError(
            f"no metric `{pattern}` in these commits",
            fix=f"did you mean `{close[0]}`?" if close else f"known: {most or 'none'}",
        )


def name_observations(wanted: Collection[Observation], seen: Iterable[MetricState]) -> dict[Observation, str]:
    """Return the series that each observation belongs to.

    A name alone where no commit has it in two files (so that a renamed file goes on as the same series), else `file:name` with the
    file's stem, and with its path where two stems are the same, too.
    """
    twice: set[str] = set()
    alike: set[tuple[str, str]] = set()
    for found in {frozenset(state.values) for state in seen}:
        keys = Counter(key for path, key in found if (path, key) in wanted)
        stems = Counter((stem_of(path), key) for path, key in found if (path, key) in wanted)
        twice |= {key for key, count in keys.items() if count > 1}
        alike |= {pair for pair, count in stems.items() if count > 1}
    return {
        (path, key): key
        if key not in twice
        else f"{posixpath.splitext(path)[0] if (stem_of(path), key) in alike else stem_of(path)}:{key}"
        for path, key in wanted
    }


def _series(name: str, names: Mapping[Observation, str], kpis: Kpis | None) -> Series:
    files = tuple(sorted({path for (path, _), series in names.items() if series == name}))
    promised = kpis is not None and any(kpi.metric == name for kpi in kpis.kpis)
    declared = kpis.metrics.get(name) if kpis else None
    direction = declared.direction if declared else guess_direction(name)
    return Series(name, direction, files, promised)


def _order(series: Iterable[Series], kpis: Kpis | None) -> tuple[Series, ...]:
    """Return KPIs in the order of kpis.yaml, then what has a direction, then the rest, machine noise last, each by name."""
    promised = list(dict.fromkeys([*(kpi.metric for kpi in kpis.kpis), *kpis.metrics])) if kpis else []

    def key(line: Series) -> tuple[int, bool, bool, str]:
        place = promised.index(line.name) if line.name in promised else len(promised)
        return place, is_machine_noise(line.name), line.direction is None, line.name

    return tuple(sorted(series, key=key))


@dataclass(frozen=True)
class _Index:
    """What the commits that could be read say about the files that cannot be read at others."""

    by_path: Mapping[str, frozenset[Observation]]
    by_home: Mapping[str, frozenset[str]]

    @classmethod
    def over(cls, seen: Iterable[MetricState]) -> _Index:
        by_path: dict[str, set[Observation]] = {}
        by_home: dict[str, set[str]] = {}
        for state in seen:
            for found in state.values:
                by_path.setdefault(found[0], set()).add(found)
            for path, home in state.homes.items():
                by_home.setdefault(home, set()).add(path)
        return cls(
            {path: frozenset(found) for path, found in by_path.items()},
            {home: frozenset(paths) for home, paths in by_home.items()},
        )

    def paths_behind(self, item: Lost, state: MetricState) -> Collection[str]:
        """Return the metric files whose content is unknown because `item` cannot be read."""
        name = posixpath.basename(item.path)
        if name == "dvc.lock":
            return state.unrecorded
        return self.by_home.get(item.path, ()) if name == "dvc.yaml" else (item.path,)


def _lost_cells(
    state: MetricState, names: Mapping[Observation, str], index: _Index
) -> tuple[dict[str, str], list[Lost]]:
    """Return series -> reason for what cannot be read at a commit, and those of the lost things that concern a wanted metric."""
    cells: dict[str, str] = {}
    concern: list[Lost] = []
    for item in state.lost:
        paths = index.paths_behind(item, state)
        hidden = [f for path in paths for f in index.by_path.get(path, ()) if item.key in ("", f[1])]
        cells |= {names[found]: f"{item.path} {item.reason}" for found in hidden if found in names}
        if not hidden or any(found in names for found in hidden):
            concern.append(item)
    return cells, concern


def _column(
    line: Series,
    entries: Sequence[Entry],
    names: Mapping[Observation, str],
    lost: Sequence[Mapping[str, str]],
) -> list[Cell]:
    members = {found for found, name in names.items() if name == line.name}
    values = [
        next((entry.state.values[found] for found in members if found in entry.state.values), None)
        for entry in entries
    ]
    there = [value for value in values if value is not None]
    best = (max(there) if line.direction == "higher" else min(there)) if there and line.direction else None
    varied = len(set(there)) > 1
    return [
        Cell(
            value,
            _change(index, values, entries),
            varied and value is not None and value == best,
            lost[index].get(line.name, "") if value is None else "",
        )
        for index, value in enumerate(values)
    ]


def _change(index: int, values: Sequence[float | None], entries: Sequence[Entry]) -> float | None:
    value, earlier = values[index], entries[index].previous
    while earlier is not None and values[earlier] is None:
        earlier = entries[earlier].previous
    old = values[earlier] if earlier is not None else None
    return value - old if value is not None and old is not None else None


def _summarise(entries: Sequence[Entry], lost: Sequence[Sequence[Lost]]) -> tuple[LostMetrics, ...]:
    places: dict[tuple[str, str, str], list[str]] = {}
    for entry, items in zip(entries, lost, strict=True):
        for item in items:
            what = f"{item.path}: {item.key}" if item.key else item.path
            found = places.setdefault((what, item.reason, item.fix), [])
            if entry.sha not in found:
                found.append(entry.sha)
    return tuple(
        LostMetrics(what, reason, _fix(fix, next((sha for sha in shas if sha), "")), len(shas))
        for (what, reason, fix), shas in places.items()
    )


def _fix(fix: str, sha: str) -> str:
    return fix.replace(SHA, sha[:12]) if sha or SHA not in fix else "mend the file, then run again"
