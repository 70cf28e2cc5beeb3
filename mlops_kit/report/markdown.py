"""The comment on a pull request: one screen, then folded details. Only what GitHub renders, no picture from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from mlops_kit.compare.model import (
    Comparison,
    DataChange,
    KpiResult,
    KpiStatus,
    MetricDiff,
    PicturePair,
    PlotCell,
    PlotPair,
    SliceDiff,
    Unreadable,
    ValueChange,
)
from mlops_kit.compare.spending import PlannedStage, StageCost
from mlops_kit.report import mermaid, text
from mlops_kit.report.cost_text import COLUMNS, cost_cells, cost_words
from mlops_kit.report.data_text import data_blocks, data_lines
from mlops_kit.report.text import markdown_text as md

T = TypeVar("T")
LIMIT = 65_000
ICONS = {"better": "🟢", "mixed": "🟡", "worse": "🔴", "breach": "🔴", "failed": "🔴", "unreadable": "🟠"}
# Rows of folded sections and of each table above them, tried in this order until the comment is short enough. One screen of 900 pixels
# has room for the verdict and three tables of five rows.
STEPS = ((400, 5), (100, 5), (30, 5), (10, 5), (3, 5), (0, 5), (0, 3), (0, 1))
CONTRACT_ROWS = 4
TOGETHER = 22  # letters of a cell that stay on one line, so that a phone scrolls a table sideways instead of making it tall
FAILURE_LINES = 12
CHARTS = 2
CHART_ROWS = 10  # a comment that has no room for so many rows has none for pictures
CELLS = 12
LEGEND = "🟧 base 🟦 this"


@dataclass(frozen=True)
class _Columns:
    """The head of a table."""

    names: Sequence[str]
    alignment: str
    """`l` or `r` for each column."""


@dataclass(frozen=True)
class _Size:
    """How much of the comment there is room for."""

    rows: int
    """Most rows of a folded table."""
    above: int
    """Most rows of a table above the folds."""


def render(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` characters.

    What does not fit loses whole rows, each time with their number: folded sections first, then the tables above them, then all but
    the verdict. Only a limit below the length of the verdict cuts that.
    """
    for rows, above in STEPS:
        made = _render(comparison, _Size(rows, above))
        if len(made) <= limit:
            return made
    return _only_head(comparison, limit)


def render_data(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """Return what is new in the data, as the text of a pull request that proposes it; of at most `limit` characters."""
    for rows, above in STEPS:
        size = _Size(rows, above)
        parts = [_to_know(comparison, size), *_data_words(comparison, size), _data_blocks(comparison, size)]
        made = "\n\n".join(part for part in (*parts, _foot(comparison)) if part) + "\n"
        if len(made) <= limit:
            return made
    return f"{len(data_lines(comparison))} things changed; they do not fit here, the report has them.\n"


def _to_know(comparison: Comparison, size: _Size) -> str:
    """Return the notes where nobody overlooks them: what breaks the contract, what was rewritten at the source."""
    lines = [f"- {md(note, longest=400)}" for note in comparison.notes[: max(size.above, 3)]]
    left = len(comparison.notes) - len(lines)
    more = [f"- … and {left:,} more; the report has them"] if left else []
    return "\n".join(["**To know**\n", *lines, *more]) if lines else ""


def _only_head(comparison: Comparison, limit: int) -> str:
    head = _head(comparison)
    more = f"{head}\n\nThe rest does not fit here; the report has it.\n"
    if len(more) <= limit:
        return more
    return re.sub(r"&[^;]{0,8}$", "", head[:limit])  # half a character reference is left out


def _render(comparison: Comparison, size: _Size) -> str:
    """Return what stands above the folds, then the folds; a table with many rows is above with its first and folded with the rest."""
    split = (_failure, _unreadable, _contract, _kpis, _metrics, _data_words)
    tops, rests = zip(*(section(comparison, size) for section in split), strict=True)
    folded = (_slices, _params, _data, _data_blocks, _labels, _plan, _pipeline, _cost, _plots, _notes)
    parts = [_head(comparison), *tops, *rests, *(section(comparison, size) for section in folded)]
    return "\n\n".join(part for part in (*parts, _foot(comparison)) if part) + "\n"


def _head(comparison: Comparison) -> str:
    title, sentence = text.verdict_sentence(comparison)
    icon = ICONS.get(text.status_of(comparison), "⚪")
    return f"### {icon} {md(title)}\n\n{md(sentence, longest=600)}"


def _failure(comparison: Comparison, size: _Size) -> tuple[str, str]:
    lines = [text.visible(line, longest=300).replace("`", "'") for line in comparison.failure.splitlines()]
    if not lines:
        return "", ""
    # The first line says which stage failed, the last ones why.
    short = [lines[0], *lines[1:][-FAILURE_LINES:]]
    earlier = lines[1:][:-FAILURE_LINES][-size.rows :] if size.rows else []
    return _code(short), _fold(f"Earlier output: {len(earlier)} lines", _code(earlier)) if earlier else ""


def _code(lines: Sequence[str]) -> str:
    return "\n".join(["````text", *lines, "````"])


def _unreadable(comparison: Comparison, size: _Size) -> tuple[str, str]:
    def row(item: Unreadable) -> str:
        return f"| {md(item.side)} | {md(item.what)} | {md(item.reason)} | {md(item.fix)} |"

    columns = _Columns(("side", "what", "why it could not be read", "mend it with"), "llll")
    rest = f"{len(comparison.unreadable) - size.above} more that could not be read"
    return _split(columns, comparison.unreadable, row, size, rest)


def _contract(comparison: Comparison, size: _Size) -> tuple[str, str]:
    def row(change: ValueChange) -> str:
        return f"{_change(change)} {md(change.owner) or '–'} |"

    changes = comparison.kpi_changes
    if not changes:
        return "", ""
    columns = _Columns(("promise", "base", "this", "owner"), "llll")
    few = replace(size, above=min(CONTRACT_ROWS, size.above))
    top, rest = _split(
        columns, changes, row, few, f"{len(changes) - few.above} more edits of the KPI contract"
    )
    return f"⚠️ **{md(text.contract_sentence(comparison), longest=300)}**\n\n{top}", rest


def _kpis(comparison: Comparison, size: _Size) -> tuple[str, str]:
    ordered = text.ordered_kpis(comparison)
    left = ordered[size.above :]
    counts = [f"{sum(kpi.status is status for kpi in left)} {word}" for status, word in _KPI_WORDS.items()]
    rest = f"{len(left)} more {'KPI' if len(left) == 1 else 'KPIs'}: {', '.join(count for count in counts if not count.startswith('0 '))}"
    columns = _Columns(("KPI", "metric", "promise", "value", ""), "lllrl")
    return _split(columns, ordered, _kpi_row, size, rest)


_KPI_WORDS = {KpiStatus.FAIL: "broken", KpiStatus.SKIP: "skipped", KpiStatus.PASS: "kept"}


def _kpi_row(kpi: KpiResult) -> str:
    said = (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
    cells = (
        f"{text.KPI_SIGNS[kpi.status]}&nbsp;{kpi.status}",
        _together(md(kpi.name)),
        _together(md(kpi.promise)),
        text.number(kpi.value),
        _together(md("; ".join(part for part in said if part), longest=300)),
    )
    return f"| {' | '.join(cells)} |"


def _together(words: str) -> str:
    """Return escaped text whose words break only where a line of some width is full."""
    lines: list[str] = []
    for word in words.split(" "):
        if lines and len(lines[-1]) < TOGETHER:
            lines[-1] += f"\u00a0{word}"
        else:
            lines.append(word)
    return " ".join(lines).replace("\u00a0", "&nbsp;")


def _metrics(comparison: Comparison, size: _Size) -> tuple[str, str]:
    judged, plain, same = text.ordered_metrics(comparison)
    others = [*plain, *same]
    counts = f"{len(plain)} changed, {len(same)} did not"
    bare = _Columns(("", "metric", "base", "this", "change", "", "verdict"), "llrrrrl")
    if not judged:
        return _split(bare, others, _row, size, f"More metrics without an error bar; in all {counts}")
    interval = f"{text.percent(comparison.confidence)} interval"
    full = replace(bare, names=(*bare.names[:5], interval, bare.names[6]))
    top, rest = _split(full, judged, _row, size, f"{len(judged) - size.above} more metrics with an interval")
    folded = _fold_table(f"Metrics without an error bar: {counts}", bare, others, _row, size)
    return top, "\n\n".join(part for part in (rest, folded) if part)


def _row(diff: MetricDiff) -> str:
    arrow = {"higher": "↑", "lower": "↓"}.get(diff.direction or "", "")
    why = f"about {diff.rows_needed:,} rows would settle it" if diff.rows_needed else diff.reason
    words = f"{diff.verdict.value}: {why}" if why and (diff.rows_needed or diff.low is None) else diff.verdict
    cells = (
        text.SIGNS[diff.verdict],
        f"{md(diff.name)}&nbsp;{arrow}" if arrow else md(diff.name),
        text.number(diff.old),
        text.number(diff.new),
        text.signed(diff.change),
        text.interval(diff).replace(" ", "&nbsp;"),
        _together(md(words)),
    )
    return f"| {' | '.join(cells)} |"


def _slices(comparison: Comparison, size: _Size) -> str:
    def row(part: SliceDiff) -> str:
        return f"| {md(part.column)} = {md(part.value)} {_row(part.diff)}"

    names = ("slice", "", "metric", "base", "this", "change", "interval", "verdict")
    title = f"Slices that changed: {len(comparison.slices)}"
    return _fold_table(title, _Columns(names, "lllrrrrl"), comparison.slices, row, size)


def _change(change: ValueChange) -> str:
    old = text.value_text(change.old, absent=change.kind == "added")
    new = text.value_text(change.new, absent=change.kind == "removed")
    return f"| {md(change.name)} | {md(old)} | {md(new)} |"


def _params(comparison: Comparison, size: _Size) -> str:
    columns = _Columns(("name", "base", "this"), "lrr")
    title = f"Parameters changed: {len(comparison.params)}"
    return _fold_table(title, columns, comparison.params, _change, size)


def _data(comparison: Comparison, size: _Size) -> str:
    def row(change: DataChange) -> str:
        old, new, columns = text.data_cells(change)
        return (
            f"| {md(change.path)} | {md(change.kind)} | {md(old)} | {md(new)} | {md(columns, longest=400)} |"
        )

    columns = _Columns(("data", "", "base", "this", "columns"), "lllll")
    return _fold_table(f"Data changed: {len(comparison.data)}", columns, comparison.data, row, size)


def _data_words(comparison: Comparison, size: _Size) -> tuple[str, str]:
    lines = data_lines(comparison)
    made = [f"- {md(line, longest=400)}" for line in lines]
    above, left = made[: size.above], made[size.above :]
    more = [f"- … and {len(left)} more lines"] if left and not size.rows else []
    top = "\n".join(["**Data**\n", *above, *more]) if above else ""
    return top, _fold(f"Data, {len(left)} more lines", "\n".join(left)) if left and size.rows else ""


def _data_blocks(comparison: Comparison, size: _Size) -> str:
    parts = []
    for block in data_blocks(comparison):

        def row(cells: tuple[str, ...]) -> str:
            return f"| {' | '.join(_together(md(cell, longest=300)) for cell in cells)} |"

        names = [md(name) for name in block.columns]
        table = _table(_Columns(names, block.alignment), _cut(block.rows, size.rows, row, "rows"))
        words = md(block.words, longest=600)
        parts.append(_fold(md(block.title), "\n\n".join(part for part in (words, table) if part)))
    return "\n\n".join(parts)


def _labels(comparison: Comparison, size: _Size) -> str:  # noqa: ARG001 - one signature for all sections
    if comparison.labels is None:
        return ""
    return _fold("Labels changed", md(text.label_sentence(comparison.labels), longest=400))


def _plan(comparison: Comparison, size: _Size) -> str:
    def row(one: PlannedStage) -> str:
        expected = "" if one.seconds is None else f"{one.seconds:,.1f}"
        what = text.PLAN_WORDS[one.expected]
        return f"| {md(one.stage)} | {what} | {md(one.why, longest=400)} | {expected} | {text.plan_outcome(comparison, one.stage)} |"

    if comparison.plan is None or not comparison.planned:
        return ""
    columns = _Columns(("stage", "plan", "because of", "seconds expected", "seconds here"), "lllrr")
    made = _table(columns, _cut(comparison.planned, size.rows, row, "stages"))
    lost = ", ".join(md(path) for path in comparison.plan.lost)
    body = f"{made}\n\nNowhere to be found: {lost}" if lost else made
    return _fold(f"Plan before the run: {text.plan_words(comparison)}", body)


def _pipeline(comparison: Comparison, size: _Size) -> str:
    seconds = dict(comparison.ran)
    changes = {stage.name: stage for stage in comparison.stages}

    def row(name: str) -> str:
        stage = changes.get(name)
        what, why = (stage.kind, ", ".join(stage.reasons)) if stage else ("", "")
        taken = f"{seconds[name]:,.1f}" if name in seconds else ""
        return f"| {md(name)} | {md(what)} | {md(why, longest=400)} | {taken} |"

    names = list(dict.fromkeys((*changes, *seconds)))
    columns = _Columns(("stage", "what", "because of", "seconds here"), "lllr")
    graph = mermaid.flowchart(comparison) if size.rows >= CHART_ROWS else ""
    body = [part for part in (graph, _table(columns, _cut(names, size.rows, row, "stages"))) if part]
    return _fold(f"Pipeline: {text.pipeline_words(comparison)}", "\n\n".join(body)) if names else ""


def _cost(comparison: Comparison, size: _Size) -> str:
    def row(stage: StageCost) -> str:
        return f"| {' | '.join(md(cell) for cell in cost_cells(stage))} |"

    return _fold_table(
        f"Cost: {md(cost_words(comparison), longest=400)}",
        _Columns(COLUMNS, "lrrrrr"),
        comparison.costs,
        row,
        size,
    )


def _plots(comparison: Comparison, size: _Size) -> str:
    def row(one: PlotPair | PicturePair) -> str:
        return f"| {md(one.name)} | {text.PAIR_WORDS[one.state]} |"

    drawn: list[PlotPair | PicturePair] = [*comparison.plots, *comparison.pictures]
    if not drawn:
        return ""
    drawn.sort(key=lambda one: one.state == "same")
    changed = [plot for plot in comparison.plots if plot.state != "same"] if size.rows >= CHART_ROWS else []
    charts = [made for plot in changed if (made := mermaid.chart(plot))][:CHARTS]
    cells = [made for plot in changed if (made := _cells(plot))][:CHARTS]
    parts = [f"{LEGEND}, {mermaid.POINTS} points a line" if charts else "", *charts, *cells]
    parts.append(_table(_Columns(("plot or picture", ""), "ll"), _cut(drawn, size.rows, row, "plots")))
    parts.append("The HTML report shows all of them, both sides in one picture.")
    return _fold(f"Plots: {text.plot_words(comparison)}", "\n\n".join(part for part in parts if part))


def _cells(plot: PlotPair) -> str:
    """Return the bars or cells that changed most."""
    matrix = plot.kind == "matrix"

    def row(cell: PlotCell) -> str:
        column = f" {md(cell.column)} |" if matrix else ""
        return f"| {md(cell.row)} |{column} {text.number(cell.old)} | {text.number(cell.new)} |"

    moved = [cell for cell in plot.cells if cell.old != cell.new]
    moved.sort(key=lambda cell: -abs((cell.new or 0.0) - (cell.old or 0.0)))
    names = (md(plot.y_label), md(plot.x_label)) if matrix else (md(plot.x_label),)
    columns = _Columns((*names, "base", "this"), "llrr"[-len(names) - 2 :])
    rows = _cut(moved, CELLS, row, "that changed less")
    return f"{md(plot.name)}\n\n{_table(columns, rows)}" if rows else ""


def _notes(comparison: Comparison, size: _Size) -> str:
    shown = comparison.notes[: max(size.rows, 3)]
    lines = [f"- {md(note, longest=400)}" for note in shown]
    if len(shown) < len(comparison.notes):
        lines.append(f"- … and {len(comparison.notes) - len(shown)} more")
    return _fold(f"Notes: {len(comparison.notes)}", "\n".join(lines)) if lines else ""


def _foot(comparison: Comparison) -> str:
    compared = f"{md(text.side_name(comparison, 'head'))} against {md(text.side_name(comparison, 'base'))}"
    return f"<sub>{compared}. Intervals are for the change on the same test rows; ↑ higher is better, ↓ lower is better.</sub>"


def _table(columns: _Columns, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    rule = "|".join({"l": ":---", "r": "---:"}[letter] for letter in columns.alignment)
    return "\n".join([f"| {' | '.join(columns.names)} |", f"|{rule}|", *rows])


def _split(
    columns: _Columns, items: Sequence[T], row: Callable[[T], str], size: _Size, title: str
) -> tuple[str, str]:
    """Return the table of the first rows and the fold with the others; where no fold has room, their number stands below the first."""
    if len(items) <= size.above or not size.rows:
        return _table(columns, _cut(items, size.above, row)), ""
    top = _table(columns, [row(item) for item in items[: size.above]])
    return top, _fold_table(title, columns, items[size.above :], row, size)


def _fold_table(
    title: str, columns: _Columns, items: Sequence[T], row: Callable[[T], str], size: _Size
) -> str:
    return _fold(title, _table(columns, _cut(items, size.rows, row))) if items else ""


def _fold(title: str, body: str) -> str:
    """Return a folded section; `title` is our own text."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _cut(items: Sequence[T], most: int, row: Callable[[T], str], what: str = "") -> list[str]:
    """Return the rows of the first `most` items, and how many more there are."""
    rows = [row(item) for item in items[:most]]
    left = len(items) - most
    return [*rows, f"| … and {left:,} more {what}".rstrip() + " |"] if left > 0 else rows
