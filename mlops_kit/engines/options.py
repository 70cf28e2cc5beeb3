"""How a run of pipelines is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.outside.child import WarmStarter

WarmStart = Callable[[Iterable[tuple[str, Sequence[str], Path]]], WarmStarter | None]
"""Is given the stages that may run (name, commands, folder); returns what starts Python programs warm."""


@dataclass(frozen=True)
class PipelineOptions:
    """How to bring pipelines up to date."""

    targets: Sequence[str] = ()
    """Stages to bring up to date, with what they need; all when empty."""
    force: bool = False
    """Run stages that have not changed as well."""
    pull: bool = False
    """Fetch what is missing from the remote."""
    allow_missing: bool = False
    """Take unchanged stages whose data is not here as up to date."""
    jobs: int = 0
    """How many stages run side by side at most; 0 for as many as there are processors."""
    programs: Path | None = None
    """Folder in which stages find `python` first; None for this interpreter's."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for the stages."""
    warm: WarmStart | None = None
    """Starts what Python stages are forked from; None to start each afresh."""
