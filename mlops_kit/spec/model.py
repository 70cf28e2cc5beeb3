"""The four project files as frozen values. Every field's docstring is its documentation: the loader's messages, the JSON
Schema and the reference page are made from this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_kit.spec.kinds import ColumnRole, ColumnType, Direction, JsonValue, Scalar, TaskKind

__all__ = [
    "ColumnRole",
    "ColumnType",
    "Direction",
    "JsonValue",
    "Scalar",
    "TaskKind",
]  # and what is defined here


@dataclass(frozen=True)
class Project:
    """Facts about the project."""

    name: str
    """Name of the project; letters, digits, dots, dashes and underscores."""
    description: str = ""
    """One sentence on what the model predicts and for whom."""
    owner: str = ""
    """Who answers for the project: a handle such as `@team` or an address."""
    default_branch: str = "main"
    """The branch that pull requests are compared with."""


@dataclass(frozen=True)
class Task:
    """What is predicted, and how a row is named. Steps that take `task: Task` depend on this section."""

    kind: TaskKind
    """`classification` (two classes) or `regression`."""
    target: str
    """Name of the label column that the `label` step makes."""
    key: tuple[str, ...]
    """Columns that together name one row; unique."""
    time: str | None = None
    """Timestamp column (UTC) that orders rows; needed by partitions by month and by the split by time."""
    group: str | None = None
    """Column whose value several rows share when they are not independent (a customer, a device); it is no feature. Intervals draw
    whole groups."""


@dataclass(frozen=True)
class Runtime:
    """How stages are started."""

    threads: int = 1
    """Threads that numeric libraries may use in a stage; another number can change the last bits of a result."""
    lock: str | None = None
    """Lock file that decides the versions of packages: a uv.lock, a pylock.toml, or a requirements file with `==`; `none` for what is
    installed. Without this key the first of uv.lock, pylock.toml, requirements.lock and requirements.txt (if every line is pinned) that
    git tracks, else what is installed."""


@dataclass(frozen=True)
class Tolerance:
    """When two numbers of a rerun count as the same: by either bound. The defaults are above what another order of the same sums leaves in
    double precision (k-means and linear models moved by up to 2e-15 when threads changed) and below what another way of calculating leaves
    (1.4e-8 in a truncated SVD)."""

    relative: float = 1e-9
    """Largest difference as a share of the larger of both numbers."""
    absolute: float = 1e-12
    """Largest difference in the number's own unit."""


@dataclass(frozen=True)
class Reproduce:
    """How `mlops-kit reproduce` compares what a rerun writes with what is recorded."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    """When two numbers count as the same."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric name -> largest difference that counts as within its interval, in the metric's unit; for metrics without per-row
    predictions, from which intervals are computed."""


@dataclass(frozen=True)
class Ci:
    """The generated workflows."""

    provider: str = "github"
    """CI host: `github`."""
    python: str = "3.11"
    """Python version that CI installs."""
    install: str = "uv sync --compile-bytecode"
    """Command that installs the project's environment in CI."""
    command: str = "uv run --no-sync mlops-kit"
    """How CI calls mlops-kit after the installation."""
    timeout_minutes: int = 60
    """Minutes after which CI ends a run."""
    hermetic: bool = True
    """Whether CI confines stages to what they declare, as `run --hermetic` does; `false` only warns."""
    reproduce: Literal["none", "nightly"] = "none"
    """`nightly`: every night CI runs all stages again in a clean clone, under perturbation, and keeps the attestation."""
    acquire: str = "daily"
    """When CI acquires what is new and proposes it in a pull request: `hourly`, `daily`, `weekly`, a cron expression (UTC), or `none`. Only in
    projects with a stage that fetches."""
    secrets: tuple[str, ...] = ()
    """Repository secrets that the scheduled acquisition gets as environment variables of the same name: credentials of sources and of the DVC
    remote. Those in `environment` of its stages are among them anyway. On GitHub keep them in the environment `mlops-acquire`."""


@dataclass(frozen=True)
class StepResources:
    """What a stage needs while it runs, so that `mlops-kit run -j` does not start more at once than the machine holds."""

    cpu: float = 1.0
    """Processors that it keeps busy."""
    memory: str = ""
    """Memory that it needs at most, such as `512M` or `8G`; what earlier runs needed if empty."""
    group: str = ""
    """Stages of the same group never run side by side: one GPU, one database."""


@dataclass(frozen=True)
class StepUse:
    """One stage: either `uses` (a step function) or `cmd` (any program)."""

    uses: str | None = None
    """A built-in step such as `split.time`, or a file of yours such as `steps/train.py`."""
    cmd: str | None = None
    """Command line of a stage that is not a Python step; needs `deps` and `outs`."""
    owner: str = ""
    """Who answers for this stage; the project's owner if empty."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Renames inputs of the step: parameter name -> artifact name."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Renames outputs of the step: output name -> artifact name."""
    deps: tuple[str, ...] = ()
    """Further files that the stage reads; all of them for a `cmd` stage."""
    outs: tuple[str, ...] = ()
    """Files or folders that a `cmd` stage writes."""
    metrics: tuple[str, ...] = ()
    """Metric files that a `cmd` stage writes."""
    params: tuple[str, ...] = ()
    """Sections of params.yaml that a `cmd` stage reads."""
    environment: tuple[str, ...] = ()
    """Environment variables that the stage gets beside the fixed ones: credentials, addresses. Their values are recorded nowhere and no change
    of them reruns the stage; what changes a result belongs in params.yaml."""
    resources: StepResources = field(default_factory=StepResources)
    """What it needs while it runs."""
    network: bool = False
    """Whether the stage may use the network; without it a connection is reported, and refused by `run --hermetic`."""


@dataclass(frozen=True)
class Lifecycle:
    """mlops.yaml: the lifecycle of the project."""

    version: Literal[1]
    """Version of this file's format; 1."""
    project: Project
    """Facts about the project."""
    task: Task
    """What is predicted, and how a row is named."""
    steps: Mapping[str, StepUse]
    """Stage name -> the step that it uses, in any order."""
    runtime: Runtime = field(default_factory=Runtime)
    """How stages are started."""
    ci: Ci = field(default_factory=Ci)
    """The generated workflows."""
    reproduce: Reproduce = field(default_factory=Reproduce)
    """How a rerun is compared with the record."""


@dataclass(frozen=True)
class Column:
    """One column of the data contract."""

    type: ColumnType
    """`string`, `integer`, `number`, `boolean` or `timestamp` (UTC)."""
    role: ColumnRole = "feature"
    """`key`, `time`, `feature` (known when the prediction is made), `label_source` (known later) or `ignore`."""
    nullable: bool = True
    """Whether a value may be missing."""
    min: float | str | None = None
    """Smallest allowed value of a numeric column; of a timestamp column a time such as `2013-01-31` or `2013-01-31T12:00:00Z`."""
    max: float | str | None = None
    """Largest allowed value, likewise."""
    values: tuple[str, ...] = ()
    """Allowed values of a string, integer or boolean column, as texts; empty for any."""
    pattern: str | None = None
    """Regular expression (RE2 syntax) that a whole string value must match."""
    unique: bool = False
    """Whether no two rows may have the same value; missing values do not count."""
    references: str | None = None
    """Foreign key: `table.column` of another data artifact of the project (`planes.tailnum`); every value must stand there."""
    pii: bool = False
    """Whether the values are about persons: they appear in no diff, report, comment or log."""
    licence: str = ""
    """Under which terms the values may be used, where that differs from the whole."""
    description: str = ""
    """What the column means, with its unit."""


@dataclass(frozen=True)
class RowBounds:
    """How many rows are plausible."""

    min: int = 1
    """Fewest rows of a table that is whole."""
    max: int | None = None
    """Most rows; any number if empty."""


@dataclass(frozen=True)
class Freshness:
    """How old the newest row may be. Judged when data is acquired or checked, never inside a stage, whose result must not depend on the day."""

    column: str
    """Timestamp column that tells the age."""
    max_age_days: float
    """Largest age of its newest value, in days."""


@dataclass(frozen=True)
class Schema:
    """schema.yaml: the data contract. Steps that take `schema: Schema` depend on this file."""

    columns: Mapping[str, Column]
    """Column name -> contract, in the order of the cleaned table."""
    max_quarantine: float = 0.05
    """Largest share of rows (0 to 1) that may break the contract before the `clean` step fails."""
    rows: RowBounds = field(default_factory=RowBounds)
    """How many rows the whole table may have."""
    freshness: Freshness | None = None
    """How old the newest row may be; any age if empty."""
    licence: str = ""
    """Under which terms the data may be used."""


@dataclass(frozen=True)
class Metric:
    """How one metric is read when two commits are compared."""

    direction: Direction
    """`higher` or `lower`: which way is better."""
    min_effect: float = 0.0
    """Smallest difference that matters, in the metric's own unit; smaller ones are never called better or worse."""


@dataclass(frozen=True)
class Kpi:
    """One promise that the model must keep."""

    metric: str
    """Name of a metric, as in the metric files (`roc_auc`, or `file:roc_auc` when two files have it). Any metric will do: of the model, of
    data and label quality (`quarantine_share`), of latency and size (`packaging:bytes`)."""
    min: float | None = None
    """Smallest allowed value."""
    max: float | None = None
    """Largest allowed value."""
    max_worsening: float | None = None
    """Largest allowed worsening against the commit that `against` names, in the metric's unit; breached only when the worsening
    is larger than this beyond what noise explains."""
    against: Literal["base", "production"] = "base"
    """What `max_worsening` is measured against: the `base` of the comparison, or the model in `production`."""
    slice: str | None = None
    """`column=value` for one slice, or `column` for each of its slices."""
    min_rows: int = 100
    """A slice with fewer test rows is skipped, with the reason."""
    owner: str = ""
    """Who answers for this KPI, a handle such as `@team` or an address; the generated CODEOWNERS asks for their review of kpis.yaml."""
    on_breach: str = ""
    """What to do when it is breached; shown in the report."""


@dataclass(frozen=True)
class Kpis:
    """kpis.yaml: one contract for the local run, the pull request, promotion and the monitor."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """Metric name -> how it is read; for a metric that is not listed the direction is taken from its name."""
    kpis: tuple[Kpi, ...] = ()
    """The promises."""
    confidence: float = 0.95
    """Level of the intervals, between 0.5 and 1."""
    production: str | None = None
    """Revision whose model is in production; by default the commit of the newest tag `NAME#prod#N`."""
