"""Plots of both sides for the HTML page: lines as inline SVG, bars and matrices as tables; always with the numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.compare.model import Comparison, PicturePair, PlotPair
from mlops_kit.report import text
from mlops_kit.report.html_table import number_cell, scroll, table
from mlops_kit.report.text import html_text as esc

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46
LARGEST = 1e100  # larger numbers would leave the range of floats while they are scaled
SIDES = {"base": "base", "head": "this"}
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """A range of values on a range of pixels."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where `value` is."""
        span = self.high - self.low
        if not span:  # both ends are the same number once they are rounded
            return (self.start + self.end) / 2
        return self.start + (self.end - self.start) * (value - self.low) / span

    def ticks(self) -> list[float]:
        """Return three to seven round values within the range."""
        rough = (self.high - self.low) / 6
        if not rough:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(rough))
        step = next((power * times for times in (1, 2, 5, 10) if power * times >= rough), power * 10)
        first = math.ceil(self.low / step - 1e-9)
        return [number for index in range(8) if (number := (first + index) * step) <= self.high + step * 1e-9]


def draw_plot(plot: PlotPair) -> str:
    """Return one plot of both sides as HTML: a figure for each label of its lines, or a table of bars or cells."""
    if plot.kind == "matrix":
        return _matrix(plot)
    if plot.kind == "bar":
        return _bars(plot)
    labels = dict.fromkeys(line.label for line in plot.series)
    return "\n".join(_figure(plot, label) for label in labels)


def _figure(plot: PlotPair, label: str) -> str:
    lines = [
        (line.side, [(x, y) for x, y in line.points if abs(x) < LARGEST and abs(y) < LARGEST])
        for line in plot.series
        if line.label == label
    ]
    lines = [(side, points) for side, points in lines if points]
    title = f"{plot.name}: {label}" if label else plot.name
    if not lines:
        return ""
    same = plot.state == "same"
    legend = " ".join(
        f'<span class="key {side}">{_key(side)}{_said(side, same=same)}</span>' for side, _ in lines
    )
    rows = _numbers(lines)
    head = (plot.x_label or "x", *(_said(side, same=same) for side, _ in lines))
    numbers = table(f"Numbers of {title}", f"{plot.y_label}, by {plot.x_label}", head, rows)
    return (
        f'<figure><figcaption><h3>{esc(title)}</h3><span class="soft">{text.PAIR_WORDS[plot.state]}</span></figcaption>'
        f"{_svg(plot, title, lines)}<p>{legend}</p>"
        f"<details><summary>Numbers of {esc(title)}</summary>{numbers}</details></figure>"
    )


def _said(side: str, *, same: bool) -> str:
    return "both sides" if same else SIDES[side]


def _key(side: str) -> str:
    return (
        '<svg class="sample" viewBox="0 0 32 10" aria-hidden="true" focusable="false">'
        f'<line class="{side}" x1="1" x2="31" y1="5" y2="5"/></svg>'
    )


def _svg(plot: PlotPair, title: str, lines: Sequence[tuple[str, Points]]) -> str:
    every = [point for _, points in lines for point in points]
    across = _axis([x for x, _ in every], LEFT, WIDTH - RIGHT, room=0.0)
    up = _axis([y for _, y in every], HEIGHT - BOTTOM, TOP, room=0.04)
    drawn = "".join(_line(plot.kind, side, points, across, up) for side, points in lines)
    words = f"{plot.y_label} by {plot.x_label}. " + " ".join(
        _describe(side, points) for side, points in lines
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{esc(title)}: {esc(words)}">'
        f"<title>{esc(title)}</title><desc>{esc(words)}</desc>{_grid(across, up)}{drawn}"
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{esc(plot.x_label, longest=50)}</text>'
        f'<text transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{esc(plot.y_label, longest=34)}</text>'
        "</svg>"
    )


def _describe(side: str, points: Points) -> str:
    ys = [y for _, y in points]
    return (
        f"{SIDES[side]}: {len(points)} points from {text.number(ys[0])} to {text.number(ys[-1])}, "
        f"lowest {text.number(min(ys))}, highest {text.number(max(ys))}."
    )


def _axis(values: Sequence[float], start: float, end: float, *, room: float) -> _Axis:
    low, high = min(values), max(values)
    spread = high - low
    if spread <= max(abs(low), abs(high)) * 1e-9:  # one value only
        spread = abs(high) or 1.0
        low, high = low - spread / 2, high + spread / 2
    return _Axis(low - spread * room, high + spread * room, start, end)


def _grid(across: _Axis, up: _Axis) -> str:
    parts = []
    for value in up.ticks():
        y = f"{up.place(value):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y}" dy=".35em" text-anchor="end">{_tick(value)}</text>')
    for value in across.ticks():
        x = f"{across.place(value):.1f}"
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_tick(value)}</text>')
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:.3g}" if value else "0"


def _line(kind: str, side: str, points: Points, across: _Axis, up: _Axis) -> str:
    places = [(f"{across.place(x):.1f}", f"{up.place(y):.1f}") for x, y in points]
    if kind == "points" or len(points) == 1:
        return "".join(f'<circle class="mark {side}" cx="{x}" cy="{y}" r="3"/>' for x, y in places)
    return f'<polyline class="{side}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'


def _numbers(lines: Sequence[tuple[str, Points]]) -> list[list[str]]:
    """Return a row for each x with y of each line; a second point at the same x is a second row."""
    found: dict[tuple[float, int], dict[int, float]] = {}
    for index, (_, points) in enumerate(lines):
        seen: dict[float, int] = {}
        for x, y in points:
            seen[x] = seen.get(x, 0) + 1
            found.setdefault((x, seen[x]), {})[index] = y
    return [
        [
            number_cell(text.number(x)),
            *(number_cell(text.number(ys.get(index))) for index in range(len(lines))),
        ]
        for (x, _), ys in sorted(found.items())
    ]


def _bars(plot: PlotPair) -> str:
    most = (
        max((abs(v) for cell in plot.cells for v in (cell.old, cell.new) if v is not None), default=0.0)
        or 1.0
    )
    rows = [
        (esc(cell.row), number_cell(text.number(cell.old)), number_cell(text.number(cell.new)),
         _bar(cell.old, cell.new, most))
        for cell in plot.cells
    ]  # fmt: skip
    return _table_figure(
        plot, table(plot.name, plot.y_label, (plot.x_label, "base", "this", "picture"), rows)
    )


def _bar(old: float | None, new: float | None, most: float) -> str:
    parts = [
        f'<rect class="mark {side}" x="0" y="{y}" width="{200 * min(1.0, abs(value) / most):.1f}" height="8"/>'
        for side, value, y in (("base", old, 1), ("head", new, 11))
        if value is not None
    ]
    words = f"base {text.number(old)}, this {text.number(new)}"
    return f'<svg viewBox="0 0 200 20" role="img" aria-label="{words}">{"".join(parts)}</svg>'


def _matrix(plot: PlotPair) -> str:
    cells = {(cell.row, cell.column): cell for cell in plot.cells}
    columns = list(dict.fromkeys(cell.column for cell in plot.cells))
    most = max((abs(c.new or 0.0) for c in plot.cells), default=0.0) or 1.0
    rows = []
    for name in dict.fromkeys(cell.row for cell in plot.cells):
        row = [esc(name)]
        for column in columns:
            cell = cells.get((name, column))
            old, new = (cell.old, cell.new) if cell else (None, None)
            words = text.number(new) if old == new else f"{text.number(old)} → {text.number(new)}"
            row.append(f'<span class="heat h{min(4, int(5 * (abs(new or 0.0) / most)))}">{words}</span>')
        rows.append(row)
    corner = f"{plot.y_label} ↓ {plot.x_label} →"
    caption = "Counts: base → this; one number where both are the same."
    return _table_figure(plot, table(plot.name, caption, (corner, *columns), rows))


def _table_figure(plot: PlotPair, content: str) -> str:
    return (
        f'<figure><figcaption><h3>{esc(plot.name)}</h3><span class="soft">{text.PAIR_WORDS[plot.state]}</span></figcaption>'
        f"{content}</figure>"
        if content
        else ""
    )


def draw_pictures(pictures: Iterable[PicturePair]) -> str:
    """Return the images of both sides, side by side. An image is only ever the source of an `img`, where nothing in it can run."""
    return "\n".join(_picture(picture) for picture in pictures)


def _picture(picture: PicturePair) -> str:
    sides: Mapping[str, str] = {
        "base": picture.old,
        SIDES["head"] if picture.state != "same" else "both sides": picture.new,
    }
    shown = "".join(
        f'<div><p class="soft">{side}</p><img alt="{esc(picture.name)}, {side}" src="data:{picture.media};base64,{content}"></div>'
        for side, content in sides.items()
        if content and set(content) <= _BASE64
    )
    body = (
        scroll(f"{picture.name}, pictures", f'<div class="pair">{shown}</div>')
        if shown
        else "<p>Not shown; see the notes.</p>"
    )
    return (
        f'<figure class="wide"><figcaption><h3>{esc(picture.name)}</h3><span class="soft">{text.PAIR_WORDS[picture.state]}</span></figcaption>'
        f"{body}</figure>"
    )


def draw_plots(comparison: Comparison) -> str:
    """Return all plots, those that differ first."""
    ordered = sorted(comparison.plots, key=lambda plot: plot.state == "same")
    return "\n".join(made for plot in ordered if (made := draw_plot(plot)))
