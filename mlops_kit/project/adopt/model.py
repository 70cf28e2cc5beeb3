"""What adopting knows and proposes, as frozen values."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mlops_kit.spec.model import Direction


@dataclass(frozen=True)
class Survey:
    """The repository as it lies there: where its roots are and which files it has."""

    top: Path
    """Top folder of the git work tree."""
    prefix: str
    """Where the DVC root is (or would be) below the top, empty for the top itself, without a slash at the end."""
    has_dvc: bool
    """Whether the DVC root has its `.dvc` folder already."""
    branch: str
    """Default branch, empty when there is none yet."""
    files: tuple[str, ...]
    """Files below the DVC root that git tracks or would add, vendored folders left out; relative to the DVC root."""
    tracked: frozenset[str]
    """Those of all files below the DVC root that git tracks."""
    others: tuple[str, ...]
    """Files of the repository outside of the DVC root that matter: CI, environment; relative to the top."""
    notes: tuple[str, ...] = ()
    """What was left out, in words."""

    @property
    def root(self) -> Path:
        """Return the DVC root."""
        return self.top / self.prefix if self.prefix else self.top

    def from_top(self, path: str) -> str:
        """Return `path`, relative to the DVC root, as a path relative to the top."""
        return f"{self.prefix}/{path}" if self.prefix else path


@dataclass(frozen=True)
class MetricSeen:
    """A metric that the repository has."""

    name: str
    """As `compare` names it."""
    value: float
    """Its value in the work tree."""
    direction: Direction | None
    """Which way is likely better, None when its name does not say."""


@dataclass(frozen=True)
class StageSeen:
    """A stage that a dvc.yaml declares."""

    name: str
    """Its name; `folder/dvc.yaml:name` outside of the DVC root."""
    cmd: str
    """Its command, first line."""
    templated: str = ""
    """`foreach` or `matrix`, empty for a plain stage."""


@dataclass(frozen=True)
class PipelineSeen:
    """What the dvc.yaml and .dvc files of a repository say."""

    files: tuple[str, ...] = ()
    """Every dvc.yaml."""
    stages: tuple[StageSeen, ...] = ()
    """All stages."""
    metrics: tuple[MetricSeen, ...] = ()
    """Metrics that can be read now."""
    metric_files: tuple[str, ...] = ()
    """Files that are declared as metrics."""
    params: tuple[str, ...] = ()
    """Parameter files."""
    plots: tuple[str, ...] = ()
    """Declared plots."""
    data: tuple[str, ...] = ()
    """Paths that .dvc files track."""
    notes: tuple[str, ...] = ()
    """What could not be read, with the command that mends it."""


@dataclass(frozen=True)
class Environment:
    """How the project's own environment is made."""

    kind: str = ""
    """`uv`, `poetry`, `pyproject`, `pipenv`, `conda`, `requirements`, `setup`; empty when no file says it."""
    file: str = ""
    """The file that says it, relative to the top."""
    python: str = ""
    """Python version that the project names, such as `3.10`; empty when it names none."""
    installable: bool = False
    """Whether the project is a package that is installed itself."""
    others: tuple[str, ...] = ()
    """Further files of this kind that could be meant."""


@dataclass(frozen=True)
class Automation:
    """The CI that is there."""

    host: str
    """`github`, `gitlab` or `other`: where the repository lives, as far as it says so."""
    files: tuple[str, ...] = ()
    """Workflow files, relative to the top."""
    cml: tuple[str, ...] = ()
    """Those that use CML."""
    remotes: Mapping[str, str] = field(default_factory=dict)
    """DVC remote name -> url."""


class Basis(StrEnum):
    """How it is known what a script reads and writes."""

    SOURCE = "source"
    RUN = "run"


@dataclass(frozen=True)
class Output:
    """A file or folder that a proposed stage writes."""

    path: str
    """Relative to the DVC root."""
    section: str
    """`outs`, `metrics` or `plots`."""
    cache: bool
    """Whether DVC keeps its content; otherwise git does."""


@dataclass(frozen=True)
class StageProposal:
    """A stage that a script or notebook would be."""

    name: str
    """Name of the stage."""
    source: str
    """The script or notebook, relative to the DVC root."""
    cmd: str
    """Shell command, to be run in `wdir`."""
    wdir: str
    """Working directory relative to the DVC root, empty for the root itself."""
    deps: tuple[str, ...]
    """Files it depends on, the source and its local modules included; relative to the DVC root."""
    params: tuple[str, ...]
    """Whole parameter files."""
    outputs: tuple[Output, ...]
    """What it writes."""
    basis: Basis = Basis.SOURCE
    """How this is known."""


@dataclass(frozen=True)
class Understood:
    """All that was understood of a repository."""

    pipeline: PipelineSeen
    """What DVC files say."""
    environment: Environment
    """The project's environment."""
    automation: Automation
    """Its CI."""
    proposals: tuple[StageProposal, ...] = ()
    """Stages proposed for scripts or notebooks; empty when the repository has a dvc.yaml."""
    packages: tuple[str, ...] = ()
    """Distributions that the scripts need; only looked for when no file says it."""
    unknown_imports: tuple[str, ...] = ()
    """Imported names whose distribution is not known."""


class FileState(StrEnum):
    """How a planned file relates to what is there."""

    NEW = "new"
    PRESENT = "present"
    CONFLICT = "conflict"
    IGNORED = "ignored by git"


@dataclass(frozen=True)
class PlannedFile:
    """A file that adopting would add."""

    path: str
    """Relative to the top."""
    text: str
    """Its content."""
    why: str
    """What it is for."""
    state: FileState = FileState.NEW
    """Whether it is missing, there already with this content, there with other content, or ignored by git."""


@dataclass(frozen=True)
class PlannedEdit:
    """A change to a file of the user's; made with --apply-edits only."""

    path: str
    """Relative to the top."""
    before: str
    """Present text."""
    after: str
    """Proposed text."""
    why: str
    """What it is for."""

    @property
    def diff(self) -> str:
        """Return the change as a unified diff."""
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in difflib.unified_diff(
                self.before.splitlines(keepends=True),
                self.after.splitlines(keepends=True),
                f"a/{self.path}",
                f"b/{self.path}",
            )
        )


@dataclass(frozen=True)
class AdoptPlan:
    """What adopting a repository comes to."""

    survey: Survey
    """The repository."""
    understood: Understood | None
    """What was understood; None when nothing had to be."""
    files: tuple[PlannedFile, ...] = ()
    """Files to add, with their states."""
    edits: tuple[PlannedEdit, ...] = ()
    """Proposed changes to files that are there."""
    notes: tuple[str, ...] = ()
    """What was not understood, left out, or is worth knowing."""
    nothing: str = ""
    """Why there is nothing to do; empty when there is something."""

    @property
    def new(self) -> tuple[PlannedFile, ...]:
        """Return the files that would be written."""
        return tuple(file for file in self.files if file.state is FileState.NEW)

    @property
    def conflicts(self) -> tuple[PlannedFile, ...]:
        """Return the files that are in the way."""
        return tuple(file for file in self.files if file.state is FileState.CONFLICT)
