"""The graph of stages on both sides: which stage reads what another one writes, and what became of each."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.compare.model import NodeState, PipelineNode, StageChange


def build_pipeline(
    old: Mapping[str, LockedStage], new: Mapping[str, LockedStage], changes: Iterable[StageChange]
) -> tuple[PipelineNode, ...]:
    """Return the stages of both sides, each behind the ones that it reads from; stages on one level by name.

    A stage that both sides have stands as the head records it. One stage is behind another when it reads a file or folder that the
    other writes, a file inside such a folder, or a folder with such a file in it. A ring of stages, which only a damaged lock file
    can hold, is taken up at its first name.
    """
    by_name = {change.name: change for change in changes}
    stages = {**old, **new}
    before = _edges(stages)
    nodes = []
    for name in _sorted(before):
        change = by_name.get(name)
        state = (
            cast(NodeState, change.kind) if change else "same"
        )  # a change's kinds are some of a node's states
        nodes.append(PipelineNode(name, tuple(sorted(before[name])), state, change.reasons if change else ()))
    return tuple(nodes)


def _edges(stages: Mapping[str, LockedStage]) -> dict[str, set[str]]:
    """Return stage -> stages whose outputs it reads."""
    writers: dict[str, set[str]] = {}
    inside: dict[str, set[str]] = {}
    for name, stage in stages.items():
        for path in stage.outs:
            writers.setdefault(path, set()).add(name)
            for folder in _parents(path):
                inside.setdefault(folder, set()).add(name)
    return {
        name: {
            writer
            for path in stage.deps
            for found in (
                inside.get(path, ()),
                *(writers.get(place, ()) for place in (path, *_parents(path))),
            )
            for writer in found
            if writer != name
        }
        for name, stage in stages.items()
    }


def _parents(path: str) -> Iterator[str]:
    folder = posixpath.dirname(path)
    while folder not in ("", "/"):
        yield folder
        folder = posixpath.dirname(folder)


def _sorted(before: Mapping[str, set[str]]) -> list[str]:
    """Return the names in an order in which each follows those before it."""
    waiting = {name: set(names) for name, names in before.items()}
    after: dict[str, list[str]] = {}
    for name, names in before.items():
        for earlier in names:
            after.setdefault(earlier, []).append(name)
    ordered: list[str] = []
    ready = sorted(name for name, names in waiting.items() if not names)
    while waiting:
        if not ready:  # a ring
            ready = [min(waiting)]
        following = set()
        for name in ready:
            ordered.append(name)
            del waiting[name]
            for later in after.get(name, ()):
                if later in waiting:
                    waiting[later].discard(name)
                    if not waiting[later]:
                        following.add(later)
        ready = sorted(following - set(ordered))
    return ordered
