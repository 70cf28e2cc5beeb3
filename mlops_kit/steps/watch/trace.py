"""The trace of a stage's last watched run, kept beside DVC's temporary files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.steps.watch.findings import Finding, FindingKind

CLOCK_TICK = 20_000_000  # nanoseconds; file systems take a file's time from the last tick
TRACES = ".dvc/tmp/mlops-kit/trace"


@dataclass(frozen=True)
class Trace:
    """What one watched run saw."""

    stage: str
    mechanisms: tuple[str, ...]
    findings: tuple[Finding, ...]


def trace_file(root: Path, stage: str) -> Path:
    """Return the file that keeps the trace of the last watched run of `stage`."""
    return root / TRACES / (re.sub(r"[^\w.@-]", "_", stage) + ".json")


def read_trace(root: Path, stage: str, *, since: int = 0) -> Trace | None:
    """Return the trace of the last watched run of `stage`; None when there is none newer than `since` (nanoseconds) that can be read."""
    path = trace_file(root, stage)
    try:
        if path.stat().st_mtime_ns + CLOCK_TICK < since:
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        findings = [
            Finding(FindingKind(found["kind"]), found["name"], found["where"], found.get("how", ""))
            for found in record["findings"]
        ]
        return Trace(record["stage"], tuple(record["mechanisms"]), tuple(findings))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def traced_stages(root: Path) -> tuple[str, ...]:
    """Return the stages whose trace is kept, sorted."""
    found = []
    for path in sorted((root / TRACES).glob("*.json")):
        try:
            found.append(str(json.loads(path.read_text(encoding="utf-8"))["stage"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(sorted(found))
