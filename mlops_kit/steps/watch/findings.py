"""What a stage used without declaring it, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class FindingKind(StrEnum):
    """What kind of thing was used."""

    READ = "read"
    WRITE = "write"
    ENVIRONMENT = "environment"
    NETWORK = "network"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that a stage used and did not declare."""

    kind: FindingKind
    name: str
    """Path relative to the project with forward slashes (a folder that was listed ends in one), an absolute path, the name of an
    environment variable, or `host:port`."""
    where: str = ""
    """`file.py:12` of the code that did it; empty where only the kernel saw it."""
    how: str = ""
    """`read`, `listed`, `looked for`, `written`, `connected`, or `seen`: something read it while the stage ran, below Python."""

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {"kind": self.kind.value, "name": self.name, "where": self.where, "how": self.how}


def unique_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return `findings` sorted, one for each thing: the one that knows a line, a read before a mere look."""
    best: dict[tuple[FindingKind, str], Finding] = {}
    for finding in findings:
        key = (finding.kind, finding.name)
        best[key] = _better(best[key], finding) if key in best else finding
    return tuple(sorted(found for found in best.values() if not _is_only_written(found, best)))


def _is_only_written(finding: Finding, best: Mapping[tuple[FindingKind, str], Finding]) -> bool:
    """Return whether `finding` is the mere opening of a file that the stage wrote."""
    written = (FindingKind.WRITE, finding.name) in best
    return written and finding.kind is FindingKind.READ and finding.how in ("seen", "looked for", "")


def describe_finding(finding: Finding) -> str:
    """Return one line on `finding`, such as `read cfg/hidden.json (steps/train.py:12)`."""
    what = {
        "listed": f"listed the folder {finding.name}",
        "looked for": f"asked whether {finding.name} exists",
        "connected": f"used the network: {finding.name}",
        "written": f"wrote {finding.name}",
        "seen": f"opened {finding.name} below Python (a library or another process, while the stage ran)",
    }.get(finding.how, f"{finding.kind.value} {finding.name}")
    if finding.kind is FindingKind.ENVIRONMENT:
        what = f"asked for the environment variable {finding.name}"
    return f"{what} ({finding.where})" if finding.where else what


_STRENGTH = ("read", "written", "connected", "seen", "listed", "looked for", "")


def _better(one: Finding, other: Finding) -> Finding:
    strong, weak = sorted((one, other), key=lambda f: (_STRENGTH.index(f.how), not f.where, f.where))
    if strong.where or not weak.where:
        return strong
    return replace(strong, where=weak.where, how="read" if strong.how == "seen" else strong.how)
