"""The pipeline as it is drawn: few enough nodes, levels from inputs to outputs. Mermaid and SVG draw the same graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.compare.model import Comparison, NodeState, PipelineNode

MOST = 30
WORDS: Mapping[NodeState, str] = {
    "same": "unchanged",
    "rerun": "reran",
    "added": "added",
    "removed": "removed",
    "output": "same inputs, other outputs",
}


@dataclass(frozen=True)
class DrawnNode:
    """One box."""

    name: str
    """Stage name (untrusted text), or how many stages the box stands for."""
    words: str
    """What became of it (untrusted text), on a line of its own; empty for nothing to say."""
    state: NodeState
    """Which colour it has."""
    after: tuple[int, ...]
    """Positions of the boxes that it reads from."""
    level: int
    """0 for boxes that read from no other, else one more than the highest that it reads from."""


def changed_nodes(comparison: Comparison) -> tuple[PipelineNode, ...]:
    """Return the stages that are not the same on both sides."""
    return tuple(node for node in comparison.pipeline if node.state != "same")


def draw_graph(comparison: Comparison, most: int = MOST) -> tuple[DrawnNode, ...]:
    """Return the boxes to draw, each behind those it reads from; empty when no stage changed.

    Beyond `most` stages the unchanged ones become one box that only leads to others, and changed ones beyond `most` one more.
    """
    nodes = comparison.pipeline
    changed = changed_nodes(comparison)
    if not changed:
        return ()
    if len(nodes) <= most:
        return _place(nodes, comparison, 0, 0)
    return _place(changed[:most], comparison, len(nodes) - len(changed), max(0, len(changed) - most))


def _words(node: PipelineNode, seconds: Mapping[str, float]) -> str:
    """Return what became of a stage: its state, or the first reasons to run again, and how long that took here."""
    words = "" if node.state == "same" else WORDS[node.state]
    if node.state == "rerun" and node.reasons:
        more = f" and {len(node.reasons) - 1} more" if len(node.reasons) > 1 else ""
        first = node.reasons[0] if len(node.reasons[0]) <= 40 else node.reasons[0].partition(" (")[0]
        words = f"{first[:40]}{more}"
    ran = f"{seconds[node.name]:,.1f} s" if node.name in seconds else ""
    return ", ".join(part for part in (words, ran) if part)


def _place(
    nodes: Sequence[PipelineNode], comparison: Comparison, same: int, beyond: int
) -> tuple[DrawnNode, ...]:
    seconds = dict(comparison.ran)
    shown = {node.name for node in nodes}
    unchanged = {node.name for node in comparison.pipeline if node.state == "same"} - shown
    drawn: list[DrawnNode] = []
    position: dict[str, int] = {}
    if same:
        drawn.append(DrawnNode(f"{same:,} unchanged stage{'' if same == 1 else 's'}", "", "same", (), 0))
    for node in nodes:
        before = {position[name] for name in node.after if name in position}
        before |= {0} if same and unchanged.intersection(node.after) else set()
        position[node.name] = len(drawn)
        level = 1 + max((drawn[index].level for index in before), default=-1)
        drawn.append(DrawnNode(node.name, _words(node, seconds), node.state, tuple(sorted(before)), level))
    if beyond:
        drawn.append(
            DrawnNode(f"{beyond:,} more changed stage{'' if beyond == 1 else 's'}", "", "rerun", (), 0)
        )
    return tuple(drawn)
