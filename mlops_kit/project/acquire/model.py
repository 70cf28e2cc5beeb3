"""What `mlops-kit acquire` is asked for, what it tells meanwhile, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.data.partitions.planner import FetchPlan
from mlops_kit.errors import ExitCode


@dataclass(frozen=True)
class AcquireOptions:
    """How to acquire."""

    stages: Sequence[str] = ()
    """Stages to look at; all that acquire when empty."""
    since: str = ""
    """Take nothing older that is new: names of files, periods, or cursor values from here on."""
    dry_run: bool = False
    """Look, and fetch nothing."""
    refetch: bool = False
    """Fetch recorded partitions again whose content is here no longer."""
    accept: frozenset[str] = frozenset()
    """Partitions (`name`, or `stage:name`) that the source may have rewritten."""


class AcquireWatcher:
    """Hears what happens; this one passes it over."""

    def waits(self, holder: str) -> None:
        """Another process runs the project, and is waited for."""

    def looks(self, stage: str, source: str) -> None:
        """A source is looked at."""

    def begins(self, stage: str, name: str, number: int, count: int, size: int | None) -> None:
        """One of `count` pieces is fetched, of `size` bytes if that is known."""

    def fetched(self, done: int, total: int | None) -> None:
        """`done` bytes (rows, for databases) of `total` of the present piece are here."""

    def written(self, rows: int) -> None:
        """So many rows of the present piece are written."""

    def finished(self, stage: str) -> None:
        """All pieces of a stage are here."""


@dataclass(frozen=True)
class StageReport:
    """What became of one stage."""

    stage: str
    """Its name."""
    folder: str
    """Its data folder."""
    source: str
    """Where it fetches from, with secrets masked."""
    plan: FetchPlan
    """What was found at the source."""
    added: tuple[PartitionLine, ...] = ()
    """New partitions."""
    accepted: tuple[PartitionLine, ...] = ()
    """New versions of partitions that the source rewrote."""
    rewritten: tuple[tuple[PartitionLine, PartitionLine], ...] = ()
    """(recorded, now at the source) of partitions that the source rewrote; the recorded ones are kept."""
    gone: tuple[PartitionLine, ...] = ()
    """Partitions that are no longer at the source; kept."""
    brought_back: tuple[str, ...] = ()
    """Partitions whose content was here no longer, and is now."""
    partitions: int = 0
    """Partitions that the manifest has now."""
    rows: int = 0
    """Their rows."""
    absent: int = 0
    """Partitions of the manifest whose content is not on this machine."""
    recorded: bool = False
    """Whether dvc.lock was changed."""
    notes: tuple[str, ...] = ()
    """How the columns of new partitions differ from those before them, and what of the contract could not be judged."""
    problems: tuple[str, ...] = ()
    """What came and does not fit schema.yaml's row bounds and freshness."""


@dataclass(frozen=True)
class AcquireReport:
    """What one call did."""

    stages: tuple[StageReport, ...]
    """In the order of mlops.yaml."""
    dry_run: bool = False
    """Whether nothing was fetched."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 7 when a source rewrote history and that was not accepted, 5 for a breach of the contract, else 0."""
        if any(stage.rewritten for stage in self.stages):
            return ExitCode.REFUSED
        return ExitCode.BAD_DATA if any(stage.problems for stage in self.stages) else ExitCode.OK
