"""Pictures that GitHub draws itself from text: the pipeline as a flowchart, two lines of a plot as a chart.

Labels hold strangers' text. Each sign in them but letters, digits, spaces and a few harmless ones is written as Mermaid's `#code;`,
so that none closes the label, begins markup or ends the fence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_kit.compare.model import Comparison, PlotPair, PlotSeries
from mlops_kit.compare.plots import resample
from mlops_kit.report import text
from mlops_kit.report.graph import MOST, DrawnNode, draw_graph

# Fill, border and text are all given, so that a box can be read on a light and on a dark page.
COLOURS = {
    "same": ("#eef1f4", "#8a949e", "#3b444c"),
    "rerun": ("#fff1c2", "#9a6700", "#3d2c00"),
    "added": ("#d3f5dc", "#1a7f37", "#0a3317"),
    "removed": ("#ffd9d6", "#c62828", "#4a0f0f"),
    "output": ("#e3d9ff", "#6639ba", "#2a1257"),
}
# At least 3:1 against white and against GitHub's dark page.
BASE_COLOUR, HEAD_COLOUR = "#d9730d", "#2f81f7"
POINTS = 12
LARGEST = 1e12  # Mermaid writes numbers out in full
LABEL = 60
_SPECIAL = re.compile(r"[^A-Za-z0-9 /,]")


def label(words: str, *, longest: int = LABEL) -> str:
    """Return untrusted text for the inside of a quoted Mermaid label; it is shown as it is and never read as markup."""
    shown = text.visible(words, longest=longest)
    # Two dollar signs begin a formula even when written as codes; a break between them does not.
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", shown).replace("#36;", "#36;#8203;")


def flowchart(comparison: Comparison, *, limit: int = 15_000) -> str:
    """Return the fenced flowchart of the pipeline, with fewer boxes until it has at most `limit` characters.

    Empty when no stage changed, or when even a few boxes do not fit.
    """
    for most in (MOST, 12, 5):
        made = _flowchart(draw_graph(comparison, most))
        if len(made) <= limit:
            return made
    return ""


def _flowchart(nodes: Sequence[DrawnNode]) -> str:
    if not nodes:
        return ""
    # A long pipeline from left to right would be shrunk until nobody can read it.
    direction = "TB" if max(node.level for node in nodes) >= 4 else "LR"
    lines = ["```mermaid", f"flowchart {direction}"]
    for index, node in enumerate(nodes):
        words = f"<br>{label(node.words)}" if node.words else ""
        lines.append(f'  n{index}["{label(node.name)}{words}"]:::{node.state}')
    lines += [f"  n{before} --> n{index}" for index, node in enumerate(nodes) for before in node.after]
    for state in dict.fromkeys(node.state for node in nodes):
        fill, stroke, ink = COLOURS[state]
        lines.append(f"  classDef {state} fill:{fill},stroke:{stroke},color:{ink}")
    return "\n".join([*lines, "```"])


def chart(plot: PlotPair) -> str:
    """Return the fenced chart of a line on both sides, base first, 12 points each; empty when it cannot be drawn so."""
    found = _two_lines(plot)
    if found is None:
        return ""
    first, last = found[0]
    xs = [first + (last - first) * index / (POINTS - 1) for index in range(POINTS)]
    values = [resample(line.points, xs) for line in found[1]]
    low, high = _bounds([y for ys in values for y in ys])
    palette = ", ".join({"base": BASE_COLOUR, "head": HEAD_COLOUR}[line.side] for line in found[1])
    return "\n".join(
        [
            "```mermaid",
            f'%%{{init: {{"xyChart": {{"width": 640, "height": 320}}, "themeVariables": {{"xyChart": {{"plotColorPalette": "{palette}"}}}}}}}}%%',
            "xychart-beta",
            f'  title "{label(plot.name)}"',
            f'  x-axis "{label(plot.x_label)}" {_plain(first)} --> {_plain(last)}',
            f'  y-axis "{label(plot.y_label)}" {_plain(low)} --> {_plain(high)}',
            *(f"  line [{', '.join(_plain(y) for y in ys)}]" for ys in values),
            "```",
        ]
    )


def _two_lines(plot: PlotPair) -> tuple[tuple[float, float], Sequence[PlotSeries]] | None:
    """Return the range of x that the lines share, and the lines: the first label of each side."""
    if plot.kind != "line" or not plot.series:
        return None
    wanted = plot.series[0].label
    lines = [line for line in plot.series if line.label == wanted and len(line.points) > 1]
    if not lines or len(lines) > 2:
        return None
    first = max(min(x for x, _ in line.points) for line in lines)
    last = min(max(x for x, _ in line.points) for line in lines)
    small = all(abs(number) < LARGEST for line in lines for point in line.points for number in point)
    return ((first, last), lines) if last > first and small else None


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return a range of y with some room, never empty."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - room if low < 0 or low - room > 0 else 0.0, high + room


def _plain(value: float) -> str:
    """Return a number without an exponent, which Mermaid's grammar does not know."""
    digits = f"{value:.5g}"
    return digits if "e" not in digits else f"{value:.12f}".rstrip("0").rstrip(".")
