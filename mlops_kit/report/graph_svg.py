"""The pipeline as inline SVG: levels from top to bottom, lines that pass between boxes, colours that follow the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_kit.report.graph import DrawnNode
from mlops_kit.report.text import html_text as esc

BOX_WIDTH, BOX_HEIGHT = 196, 42
GAP, LEVEL_GAP = 18, 34
LANE = 10  # width of a line that passes a level
SWEEPS = 4


@dataclass
class _Place:
    """A box, or a lane where a line passes a level."""

    node: int | None
    level: int
    x: float = 0.0

    @property
    def width(self) -> int:
        return LANE if self.node is None else BOX_WIDTH


def draw_svg(nodes: Sequence[DrawnNode]) -> str:
    """Return the graph as SVG of its natural size; empty without nodes."""
    if not nodes:
        return ""
    places, links = _lanes(nodes)
    levels = _arrange(places, links)
    width = max(sum(places[i].width + GAP for i in level) for level in levels)
    for level in levels:
        x = (width - sum(places[i].width + GAP for i in level)) / 2 + GAP / 2
        for index in level:
            places[index].x = x
            x += places[index].width + GAP
    height = len(levels) * (BOX_HEIGHT + LEVEL_GAP) - LEVEL_GAP + 4
    changed = [node for node in nodes if node.state != "same"]
    words = f"{len(nodes)} boxes from inputs above to results below; changed: " + ", ".join(
        n.name for n in changed
    )
    lines = "".join(_line(places[a], places[b]) for a, b in links)
    boxes = "".join(_box(node, places[index]) for index, node in enumerate(nodes))
    return (
        f'<svg class="graph" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" role="img" '
        f'aria-label="{esc(words, longest=320)}"><title>Pipeline</title><desc>{esc(words, longest=320)}</desc>{lines}{boxes}</svg>'
    )


def _lanes(nodes: Sequence[DrawnNode]) -> tuple[list[_Place], list[tuple[int, int]]]:
    """Return boxes and lanes, and links between neighbouring levels; a line over several levels gets a lane in each."""
    places = [_Place(index, node.level) for index, node in enumerate(nodes)]
    links = []
    for index, node in enumerate(nodes):
        for before in node.after:
            at = before
            for level in range(nodes[before].level + 1, node.level):
                places.append(_Place(None, level))
                links.append((at, len(places) - 1))
                at = len(places) - 1
            links.append((at, index))
    return places, links


def _arrange(places: Sequence[_Place], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the places of each level from left to right, moved towards the middle of their neighbours so that few lines cross."""
    levels: list[list[int]] = [[] for _ in range(max(place.level for place in places) + 1)]
    for index, place in enumerate(places):
        levels[place.level].append(index)
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for a, b in links:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for level in levels if down else levels[::-1]:
            position = {index: rank for row in levels for rank, index in enumerate(row)}
            level.sort(key=lambda index: _middle(index, neighbours, position))
    return levels


def _middle(index: int, neighbours: dict[int, list[int]], position: dict[int, int]) -> float:
    near = [position[other] for other in neighbours.get(index, ())]
    return sum(near) / len(near) if near else position[index]


def _top(place: _Place) -> int:
    return place.level * (BOX_HEIGHT + LEVEL_GAP) + 2


def _line(start: _Place, end: _Place) -> str:
    """Return a curve from the lower edge of `start` to the upper edge of `end`; through a lane it goes straight."""
    x1, x2 = start.x + start.width / 2, end.x + end.width / 2
    y1, y2 = _top(start) + BOX_HEIGHT, _top(end)
    middle = (y1 + y2) / 2
    straight = f"M{x1:.0f} {_top(start)}V{y1}" if start.node is None else f"M{x1:.0f} {y1}"
    return f'<path class="edge" d="{straight}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2}"/>'


def _box(node: DrawnNode, place: _Place) -> str:
    x, y = f"{place.x:.0f}", _top(place)
    middle = f"{place.x + BOX_WIDTH / 2:.0f}"
    name_y = y + (18 if node.words else 26)
    second = (
        f'<text class="why" x="{middle}" y="{y + 33}">{esc(node.words, longest=32)}</text>'
        if node.words
        else ""
    )
    return (
        f'<g class="box {node.state}"><title>{esc(node.name)} {esc(node.words)}</title>'
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{middle}" y="{name_y}">{esc(node.name, longest=24)}</text>{second}</g>'
    )
