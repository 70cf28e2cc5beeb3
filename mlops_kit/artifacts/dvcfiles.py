"""Typed readers of dvc.yaml and dvc.lock: text in, frozen values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_kit.spec.model import JsonValue


@dataclass(frozen=True)
class LockedStage:
    """One stage as a lock file records it."""

    cmd: str
    """The command line(s), joined by newlines."""
    deps: Mapping[str, str]
    """Path -> content hash."""
    params: Mapping[str, JsonValue]
    """`file:dotted.name` -> recorded value."""
    outs: Mapping[str, str]
    """Path -> content hash."""
