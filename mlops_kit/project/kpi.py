"""Checking the KPI contract against the results that are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.side import Unreadable
from mlops_kit.compare.model import KpiResult, KpiStatus
from mlops_kit.errors import ExitCode, UsageError
from mlops_kit.project.compare import compare_commits
from mlops_kit.project.roots import find_root
from mlops_kit.spec.load import KPIS


@dataclass(frozen=True)
class KpiCheck:
    """Every promise of kpis.yaml, judged."""

    head: str
    """What was checked: `work tree`, or the revision."""
    base: str | None
    """What promises about a change were measured against; None when there was no base."""
    results: tuple[KpiResult, ...]
    """One result for each promise, for each slice where it names a column."""
    unreadable: tuple[Unreadable, ...]
    """What could not be read; nothing is judged then."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 4 when something could not be read, else 3 on a breach, else 0."""
        if self.unreadable:
            return ExitCode.UNREADABLE
        return ExitCode.KPI_BREACH if any(r.status is KpiStatus.FAIL for r in self.results) else ExitCode.OK


def check_kpis(root: Path, head: str | None = None, base: str | None = None) -> KpiCheck:
    """Judge every promise of the kpis.yaml of `head` (None: the work tree) with the results of `head`, and of `base` for changes.

    Raises UsageError when there is no contract, or a promise names a metric that does not exist; SpecError when it cannot be used.
    """
    root = find_root(root)
    made = compare_commits(root, base, head)
    if not made.kpis and not made.unreadable:
        example = made.metrics[0].name if made.metrics else "accuracy"
        raise UsageError(
            f"there is no {KPIS} with promises in {root if head is None else head}",
            fix=f"write one, such as:  kpis: [{{metric: {example}, min: 0.7}}]",
        )
    label = made.base.label if made.base else None
    named = made.base.sha[:9] if made.base and made.base.sha.startswith(label or "-") else label
    return KpiCheck(made.head.label, named, made.kpis, made.unreadable)
