"""What a stage's freshness means for a run: data that may be missing, targets, inputs that have to be there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

from mlops_kit.artifacts.declared import DeclaredPipelines, DeclaredStage
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.freshness import GONE, NOT_CACHED, Cause, Freshness, StageFreshness
from mlops_kit.errors import UsageError

_MISSING = frozenset({GONE, NOT_CACHED})


class Verdict(Enum):
    """What happens to a stage."""

    UNCHANGED = auto()
    RESTORED = auto()
    RUN = auto()
    HAND = auto()


def counted_causes(freshness: Freshness, found: StageFreshness, *, allow_missing: bool) -> tuple[Cause, ...]:
    """Return the causes for which a stage has to run; with `allow_missing`, data that is not here and has not changed is none.

    A dependency that is not here has changed when the stage that writes it is recorded with another content of it.
    """
    if not allow_missing:
        return found.causes
    return tuple(
        cause
        for cause in found.causes
        if not _is_missing(cause) or _is_outdated(freshness, found.name, cause)
    )


def only_missing(causes: Sequence[Cause]) -> bool:
    """Return whether a stage would run for nothing but data that is not here."""
    return bool(causes) and all(_is_missing(cause) for cause in causes)


def missing_paths(root: Path, stage: DeclaredStage) -> list[str]:
    """Return the dependencies and parameter files of a stage that do not exist."""
    return [path for path in (*stage.deps, *stage.params) if "://" not in path and not (root / path).exists()]


def is_for_dvc(lock: LockedStage | None) -> bool:
    """Return whether DVC alone can fetch what is recorded of a stage: hashes of DVC 2, versions that a cloud keeps."""
    outs = lock.entry.get("outs") or [] if lock is not None else []
    return any("md5" not in out or out.get("hash") != "md5" for out in outs)


def targeted(pipelines: DeclaredPipelines, targets: Sequence[str]) -> frozenset[str]:
    """Return the stages that `targets` name, as DVC reads them, with all that they need; every stage when there are none.

    A target is a stage, all stages of one `foreach`, a dvc.yaml, a .dvc file or an output. Raises UsageError for another one.
    """
    if not targets:
        return frozenset(pipelines.stages)
    return pipelines.closure([name for target in targets for name in _named(pipelines, target)])


def _named(pipelines: DeclaredPipelines, target: str) -> list[str]:
    plain = posixpath.normpath(target.replace("\\", "/")).removeprefix("dvc.yaml:")
    found = list(dict.fromkeys(_matching(pipelines, plain)))
    if not found:
        names = [name for name, stage in pipelines.stages.items() if stage.commands]
        raise UsageError(f"no stage `{target}`", fix=f"one of: {', '.join(sorted(names)) or 'none yet'}")
    return found


def _matching(pipelines: DeclaredPipelines, target: str) -> Iterator[str]:
    if target in pipelines.stages:
        yield target
        return
    for name, stage in pipelines.stages.items():
        if (
            name.startswith(f"{target}@")
            or stage.file == target
            or any(out.path == target for out in stage.outs)
        ):
            yield name


def _is_missing(cause: Cause) -> bool:
    return cause.kind in ("dep", "out") and cause.new in _MISSING


def _is_outdated(freshness: Freshness, name: str, cause: Cause) -> bool:
    if cause.kind != "dep":
        return False
    return any(
        path == cause.name
        and (lock := freshness.recorded(writer)) is not None
        and lock.outs.get(path, cause.old) != cause.old
        for writer, path in freshness.pipelines.inputs[name]
    )
