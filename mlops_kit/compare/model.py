"""What a comparison of two commits says, as frozen values. Renderers read these and compute nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mlops_kit.artifacts.side import SideInfo, Unreadable
from mlops_kit.compare.section import DataSection
from mlops_kit.compare.spending import PipelineCost, PlannedStage, PlanTotals, StageCost
from mlops_kit.labels.diff.model import LabelDiff
from mlops_kit.spec.kinds import Direction, JsonValue

__all__ = [
    "Comparison",
    "DataChange",
    "DataSection",
    "KpiResult",
    "KpiStatus",
    "LabelChange",
    "LabelDiff",
    "MetricDiff",
    "NodeState",
    "PairState",
    "PicturePair",
    "PipelineCost",
    "PipelineNode",
    "PlotCell",
    "PlotKind",
    "PlotPair",
    "PlotSeries",
    "SideInfo",
    "SliceDiff",
    "StageChange",
    "StageCost",
    "Unreadable",
    "ValueChange",
    "Verdict",
]

Media = Literal["image/png", "image/jpeg", "image/svg+xml"]
NodeState = Literal["same", "rerun", "added", "removed", "output"]
PairState = Literal["same", "changed", "added", "removed"]
PlotKind = Literal["line", "points", "bar", "matrix"]


class Verdict(StrEnum):
    """What can be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same within noise"
    CANNOT_TELL = "cannot tell"
    NO_ERROR_BAR = "no error bar"


class KpiStatus(StrEnum):
    """Whether a promise is kept."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class MetricDiff:
    """One metric on both sides."""

    name: str
    """Name as in the metric file; `file:name` when two files have it."""
    old: float | None
    """Value on the base side; None where the base does not have it."""
    new: float | None
    """Value on the head side; None where the head does not have it."""
    direction: Direction | None
    """Which way is better; None where unknown."""
    verdict: Verdict
    """What can be said of the difference."""
    low: float | None = None
    """Lower end of the interval of new - old, in the metric's unit."""
    high: float | None = None
    """Upper end of the interval of new - old."""
    rows: int = 0
    """Shared test rows behind the interval; 0 without one."""
    reason: str = ""
    """Why the verdict is what it is, in plain words."""
    min_effect: float = 0.0
    """Smallest difference that matters, in the metric's unit."""
    rows_needed: int | None = None
    """With CANNOT_TELL: about how many test rows would settle it."""
    p: float | None = None
    """Two-sided p value of `no difference` on the shared test rows; None without an interval."""

    @property
    def change(self) -> float | None:
        """Return new - old, or None where a side is missing."""
        return None if self.old is None or self.new is None else self.new - self.old


@dataclass(frozen=True)
class SliceDiff:
    """One metric on one slice of the shared test rows."""

    column: str
    """Column that makes the slice."""
    value: str
    """Value of the column in this slice."""
    diff: MetricDiff
    """The metric on the rows of the slice, with its interval at the level of Holm's correction for many slices."""


@dataclass(frozen=True)
class KpiResult:
    """One promise and whether it is kept."""

    name: str
    """Metric name, with ` [column=value]` for a slice."""
    promise: str
    """The promise in words: `>= 0.7`, `worsens by at most 0.01`."""
    value: float | None
    """Value on the head side."""
    status: KpiStatus
    """pass, fail or skip."""
    reason: str = ""
    """Why it failed or was skipped."""
    owner: str = ""
    """Who answers for it."""
    on_breach: str = ""
    """What to do when it is breached."""


@dataclass(frozen=True)
class ValueChange:
    """A parameter or setting that differs; a missing side is `absent`."""

    name: str
    """Dotted path with its file: `params.yaml:train.max_depth`."""
    old: JsonValue
    """Value on the base side; None where absent (see `kind`)."""
    new: JsonValue
    """Value on the head side."""
    kind: str
    """`added`, `removed` or `changed`."""
    owner: str = ""
    """For an edit of the KPI contract: who answered for the promise before the edit, or does now if it is new."""


@dataclass(frozen=True)
class StageChange:
    """A stage whose recorded run differs between the sides."""

    name: str
    """Stage name (`path/dvc.yaml:name` outside the root)."""
    kind: str
    """`added`, `removed`, `rerun` (something it reads changed) or `output` (same inputs, other outputs)."""
    reasons: tuple[str, ...]
    """What changed, in words: `params train.max_depth`, `steps/train.py`, `scikit-learn 1.8.0 -> 1.9.1`."""


@dataclass(frozen=True)
class PipelineNode:
    """One stage in the graph of both sides' recorded runs."""

    name: str
    """Stage name, as in StageChange."""
    after: tuple[str, ...]
    """Names of the stages whose outputs it reads."""
    state: NodeState
    """`same`, or what StageChange says of it."""
    reasons: tuple[str, ...] = ()
    """What changed, in words; empty for a stage that is the same."""


@dataclass(frozen=True)
class PlotSeries:
    """One line of a plot on one side."""

    side: Literal["base", "head"]
    """Whose line it is."""
    label: str
    """Which line of that side; empty when there is one."""
    points: tuple[tuple[float, float], ...]
    """x and y, in the order of the file; at most 200."""


@dataclass(frozen=True)
class PlotCell:
    """One bar, or one cell of a matrix, on both sides."""

    row: str
    """Name of the bar, or of the matrix row."""
    column: str
    """Name of the matrix column; empty for a bar."""
    old: float | None
    """Value on the base side; None where the base does not have it."""
    new: float | None
    """Value on the head side; None where the head does not have it."""


@dataclass(frozen=True)
class PlotPair:
    """One plot of both sides, to be drawn as one picture."""

    name: str
    """Title in dvc.yaml, or the file's path."""
    x_label: str
    """What the x axis (for a matrix: the columns) shows."""
    y_label: str
    """What the y axis (for a matrix: the rows) shows."""
    kind: PlotKind
    """`line` and `points` have series; `bar` and `matrix` have cells."""
    state: PairState
    """`same` when both sides have the same points; `added` and `removed` when one side lacks the plot."""
    series: tuple[PlotSeries, ...] = ()
    """The lines, those of the base first; the head's alone when nothing changed."""
    cells: tuple[PlotCell, ...] = ()
    """Bars or matrix cells."""


@dataclass(frozen=True)
class PicturePair:
    """An image that a stage wrote, on both sides."""

    name: str
    """Path of the file."""
    media: Media
    """What it is."""
    state: PairState
    """`same` when both sides have the same bytes."""
    old: str = ""
    """The base's image in base64; empty where there is none, it is the same, or it is too large to carry."""
    new: str = ""
    """The head's image in base64."""


@dataclass(frozen=True)
class DataChange:
    """A file or folder of data whose content differs between the sides."""

    path: str
    """Path relative to the DVC root."""
    kind: str
    """`added`, `removed` or `changed`."""
    old_size: int | None = None
    """Bytes on the base side, where they are recorded."""
    new_size: int | None = None
    """Bytes on the head side."""
    old_files: int | None = None
    """Number of files of a folder on the base side."""
    new_files: int | None = None
    """Number of files of a folder on the head side."""
    old_rows: int | None = None
    """Rows of a table on the base side, where its content is here."""
    new_rows: int | None = None
    """Rows of a table on the head side."""
    columns: tuple[str, ...] = ()
    """Columns that were added, removed or have another type, in words."""


@dataclass(frozen=True)
class LabelChange:
    """How the labels of two sides differ."""

    path: str
    """The labels' file."""
    old_rows: int
    """Labels on the base side."""
    new_rows: int
    """Labels on the head side."""
    added: int
    """Rows that only the head labels."""
    removed: int
    """Rows that only the base labels."""
    changed: int
    """Rows whose label is another one."""


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about two commits; the one value behind all four renderings."""

    project: str
    """Name of the project or of its folder."""
    base: SideInfo | None
    """The base side; None when there is nothing to compare with (a first commit)."""
    head: SideInfo
    """The head side."""
    metrics: tuple[MetricDiff, ...]
    """Every metric of either side, by name."""
    slices: tuple[SliceDiff, ...]
    """Slices whose difference can be told, the largest change first."""
    kpis: tuple[KpiResult, ...]
    """Every promise of kpis.yaml at the head."""
    kpi_changes: tuple[ValueChange, ...]
    """Edits of kpis.yaml itself."""
    params: tuple[ValueChange, ...]
    """Edits of parameters."""
    stages: tuple[StageChange, ...]
    """Stages whose recorded run differs."""
    unreadable: tuple[Unreadable, ...]
    """What could not be read."""
    confidence: float = 0.95
    """Level of the intervals."""
    notes: tuple[str, ...] = ()
    """Further remarks: folded machine noise, rows that did not match."""
    folded: tuple[ValueChange, ...] = ()
    """Values that differ by machine noise alone (ids, clock times, host names); renderers give their number."""
    data: tuple[DataChange, ...] = ()
    """Data whose content differs: what `dvc add` or `dvc import` tracks, and tables that stages write."""
    labels: LabelChange | None = None
    """How the labels differ; None when they do not, or when it cannot be told."""
    ran: tuple[tuple[str, float], ...] = ()
    """In CI: stages that ran, with seconds; empty elsewhere."""
    failure: str = ""
    """In CI: why there is nothing to compare (a stage that failed), with the last lines of its output (untrusted text)."""
    pipeline: tuple[PipelineNode, ...] = ()
    """All stages of both sides, each behind those that it reads from; empty without a base."""
    plots: tuple[PlotPair, ...] = ()
    """Plots of both sides, by name."""
    pictures: tuple[PicturePair, ...] = ()
    """Images of both sides, by name; only HTML shows them."""
    cost: PipelineCost | None = None
    """What all stages cost on both sides; None when that is not known or the same runs are recorded."""
    costs: tuple[StageCost, ...] = ()
    """Stages whose recorded run differs and whose cost is known, the largest difference in time first."""
    planned: tuple[PlannedStage, ...] = ()
    """In CI: what was expected of the stages before the run; unchanged ones are only counted."""
    plan: PlanTotals | None = None
    """In CI: what the plan came to; None elsewhere."""
    data_section: DataSection | None = None
    """What changed in the data itself; None when nothing did, or it was not looked at."""
    label_diff: LabelDiff | None = None
    """What changed in events and labels of `labels/`; None when nothing did, or it was not looked at."""

    @property
    def breached(self) -> tuple[KpiResult, ...]:
        """Return the promises that are not kept."""
        return tuple(kpi for kpi in self.kpis if kpi.status is KpiStatus.FAIL)

    @property
    def headline(self) -> MetricDiff | None:
        """Return the metric that the verdict line names: the first KPI's metric if it has one, else the first with an interval."""
        names = [kpi.name for kpi in self.kpis]
        by_name = {diff.name: diff for diff in self.metrics}
        found = next((by_name[name] for name in names if name in by_name), None)
        return found or next((d for d in self.metrics if d.low is not None), next(iter(self.metrics), None))
