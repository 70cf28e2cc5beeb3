"""What a rerun wrote, compared with what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlops_kit.artifacts.fingerprint import Fingerprint, fingerprint
from mlops_kit.compare.ladder import AxisResult, OutputLevel, OutputResult
from mlops_kit.project.reproduce.isolate import StageRerun
from mlops_kit.project.reproduce.sources import Recorded, StageSource
from mlops_kit.project.reproduce.supply import Supply

GONE = "the recorded content is neither in the DVC cache nor on a remote; only identical or different can be said"


def compare_outputs(
    source: StageSource, rerun: StageRerun, supply: Supply, scratch: Path
) -> tuple[OutputResult, ...]:
    """Return how each recorded output of the stage compares with what the rerun wrote; `scratch` is a folder for recorded content."""
    return tuple(_compare(out, rerun.outs.get(out.path), supply, scratch) for out in source.outs)


def compare_reruns(
    axes: Mapping[str, str], first: tuple[OutputResult, ...], second: StageRerun
) -> AxisResult:
    """Return what `axes` changed: the outputs of a second run that are not those of the first, bit by bit."""
    if not second.ran:
        return AxisResult(tuple(axes), problem=second.problem)
    found = {path: fingerprint(place) for path, place in second.outs.items()}
    return AxisResult(
        tuple(axes), tuple(out.path for out in first if _sha(found.get(out.path)) != out.sha256)
    )


def _sha(found: Fingerprint | None) -> str:
    return found.sha256 if found else ""


def _compare(recorded: Recorded, fresh: Path | None, supply: Supply, scratch: Path) -> OutputResult:
    found = fingerprint(fresh) if fresh else None
    if fresh is None or found is None:
        return OutputResult(recorded.path, OutputLevel.MISSING, recorded=recorded.digest)

    def result(
        level: OutputLevel, detail: tuple[str, ...] = (), largest: float | None = None
    ) -> OutputResult:
        return OutputResult(
            recorded.path, level, largest, detail, recorded.digest, found.md5, found.sha256, found.files
        )

    if not recorded.hashed:
        return result(OutputLevel.UNKNOWN, ("dvc.lock records no MD5 of it",))
    if found.is_recorded_as(recorded.digest):
        if recorded.sha256 and recorded.sha256 != found.sha256:
            return result(OutputLevel.DIFFERENT, ("the recorded MD5 and another SHA-256",))
        return result(OutputLevel.IDENTICAL)
    old = supply.materialize(recorded.path, recorded.digest, scratch / recorded.digest)
    if old is None:
        return result(OutputLevel.DIFFERENT, (GONE,))
    level, largest, detail = explain(recorded.path, old, fresh)
    return result(level, detail, largest)


def explain(path: str, recorded: Path, fresh: Path) -> tuple[OutputLevel, float | None, tuple[str, ...]]:
    """Return how `fresh` deviates from `recorded`: level, largest deviation, what differs."""
    old, new = fingerprint(recorded), fingerprint(fresh)
    if old is None or new is None:
        return OutputLevel.UNKNOWN, None, (f"{path} cannot be read",)
    if old.folder and new.folder:
        names = sorted({*old.files, *new.files})
        changed = [name for name in names if old.files.get(name) != new.files.get(name)]
        return OutputLevel.DIFFERENT, None, tuple(f"file {name}" for name in changed[:5])
    return OutputLevel.DIFFERENT, None, (f"{old.size:,} bytes recorded, {new.size:,} now",)
