"""The comment on a pull request: one screen, then folded details. Only what GitHub renders, no picture from anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

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
from mlops_kit.report.data_text import data_lines
from mlops_kit.report.markdown_data import data_sections, data_words, label_sections, label_words, to_know
from mlops_kit.report.markdown_table import Columns, Size, cut, fold, fold_table, split, table, together
from mlops_kit.report.text import markdown_text as md

LIMIT = 65_000
ICONS = {"better": "🟢", "mixed": "🟡", "worse": "🔴", "breach": "🔴", "failed": "🔴", "unreadable": "🟠"}
# Rows of folded sections and of each table above them, tried in this order until the comment is short enough. One screen of 900 pixels
# has room for the verdict and three tables of five rows.
STEPS = ((400, 5), (100, 5), (30, 5), (10, 5), (3, 5), (0, 5), (0, 3), (0, 1))
CONTRACT_ROWS = 4
FAILURE_LINES = 12
CHARTS = 2
CHART_ROWS = 10  # a comment that has no room for so many rows has none for pictures
CELLS = 12
LEGEND = "🟧 base 🟦 this"


def render(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` characters.

    What does not fit loses whole rows, each time with their number: folded sections first, then the tables above them, then all but
    the verdict. Only a limit below the length of the verdict cuts that.
    """
    for rows, above in STEPS:
        made = _render(comparison, Size(rows, above))
        if len(made) <= limit:
            return made
    return _only_head(comparison, limit)


def render_data(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """Return what is new in the data, as the text of a pull request that proposes it; of at most `limit` characters."""
    for rows, above in STEPS:
        size = Size(rows, above)
        parts = [to_know(comparison, size), *data_words(comparison, size), data_sections(comparison, size)]
        made = "\n\n".join(part for part in (*parts, _foot(comparison)) if part) + "\n"
        if len(made) <= limit:
            return made
    return f"{len(data_lines(comparison))} things changed; they do not fit here, the report has them.\n"


def _only_head(comparison: Comparison, limit: int) -> str:
    head = _head(comparison)
    more = f"{head}\n\nThe rest does not fit here; the report has it.\n"
    if len(more) <= limit:
        return more
    return re.sub(r"&[^;]{0,8}$", "", head[:limit])  # half a character reference is left out


def _render(comparison: Comparison, size: Size) -> str:
    """Return what stands above the folds, then the folds; a table with many rows is above with its first and folded with the rest."""
    parts_above = (_failure, _unreadable, _contract, _kpis, _metrics, data_words, label_words)
    tops, rests = zip(*(section(comparison, size) for section in parts_above), strict=True)
    folded = (
        _slices,
        _params,
        _data,
        data_sections,
        label_sections,
        _labels,
        _plan,
        _pipeline,
        _cost,
        _plots,
        _notes,
    )
    parts = [_head(comparison), *tops, *rests, *(section(comparison, size) for section in folded)]
    return "\n\n".join(part for part in (*parts, _foot(comparison)) if part) + "\n"


def _head(comparison: Comparison) -> str:
    title, sentence = text.verdict_sentence(comparison)
    icon = ICONS.get(text.status_of(comparison), "⚪")
    return f"### {icon} {md(title)}\n\n{md(sentence, longest=600)}"


def _failure(comparison: Comparison, size: Size) -> tuple[str, str]:
    lines = [text.visible(line, longest=300).replace("`", "'") for line in comparison.failure.splitlines()]
    if not lines:
        return "", ""
    # The first line says which stage failed, the last ones why.
    short = [lines[0], *lines[1:][-FAILURE_LINES:]]
    earlier = lines[1:][:-FAILURE_LINES][-size.rows :] if size.rows else []
    return _code(short), fold(f"Earlier output: {len(earlier)} lines", _code(earlier)) if earlier else ""


def _code(lines: Sequence[str]) -> str:
    return "\n".join(["````text", *lines, "````"])


def _unreadable(comparison: Comparison, size: Size) -> tuple[str, str]:
    def row(item: Unreadable) -> str:
        return f"| {md(item.side)} | {md(item.what)} | {md(item.reason)} | {md(item.fix)} |"

    columns = Columns(("side", "what", "why it could not be read", "mend it with"), "llll")
    rest = f"{len(comparison.unreadable) - size.above} more that could not be read"
    return split(columns, comparison.unreadable, row, size, rest)


def _contract(comparison: Comparison, size: Size) -> tuple[str, str]:
    def row(change: ValueChange) -> str:
        return f"{_change(change)} {md(change.owner) or '–'} |"

    changes = comparison.kpi_changes
    if not changes:
        return "", ""
    columns = Columns(("promise", "base", "this", "owner"), "llll")
    few = replace(size, above=min(CONTRACT_ROWS, size.above))
    top, rest = split(
        columns, changes, row, few, f"{len(changes) - few.above} more edits of the KPI contract"
    )
    return f"⚠️ **{md(text.contract_sentence(comparison), longest=300)}**\n\n{top}", rest


def _kpis(comparison: Comparison, size: Size) -> tuple[str, str]:
    ordered = text.ordered_kpis(comparison)
    left = ordered[size.above :]
    counts = [f"{sum(kpi.status is status for kpi in left)} {word}" for status, word in _KPI_WORDS.items()]
    rest = f"{len(left)} more {'KPI' if len(left) == 1 else 'KPIs'}: {', '.join(count for count in counts if not count.startswith('0 '))}"
    columns = Columns(("KPI", "metric", "promise", "value", ""), "lllrl")
    return split(columns, ordered, _kpi_row, size, rest)


_KPI_WORDS = {KpiStatus.FAIL: "broken", KpiStatus.SKIP: "skipped", KpiStatus.PASS: "kept"}


def _kpi_row(kpi: KpiResult) -> str:
    said = (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
    cells = (
        f"{text.KPI_SIGNS[kpi.status]}&nbsp;{kpi.status}",
        together(md(kpi.name)),
        together(md(kpi.promise)),
        text.number(kpi.value),
        together(md("; ".join(part for part in said if part), longest=300)),
    )
    return f"| {' | '.join(cells)} |"


def _metrics(comparison: Comparison, size: Size) -> tuple[str, str]:
    judged, plain, same = text.ordered_metrics(comparison)
    others = [*plain, *same]
    counts = f"{len(plain)} changed, {len(same)} did not"
    bare = Columns(("", "metric", "base", "this", "change", "", "verdict"), "llrrrrl")
    if not judged:
        return split(bare, others, _row, size, f"More metrics without an error bar; in all {counts}")
    interval = f"{text.percent(comparison.confidence)} interval"
    full = replace(bare, names=(*bare.names[:5], interval, bare.names[6]))
    top, rest = split(full, judged, _row, size, f"{len(judged) - size.above} more metrics with an interval")
    folded = fold_table(f"Metrics without an error bar: {counts}", bare, others, _row, size)
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
        together(md(words)),
    )
    return f"| {' | '.join(cells)} |"


def _slices(comparison: Comparison, size: Size) -> str:
    def row(part: SliceDiff) -> str:
        return f"| {md(part.column)} = {md(part.value)} {_row(part.diff)}"

    names = ("slice", "", "metric", "base", "this", "change", "interval", "verdict")
    title = f"Slices that changed: {len(comparison.slices)}"
    return fold_table(title, Columns(names, "lllrrrrl"), comparison.slices, row, size)


def _change(change: ValueChange) -> str:
    old = text.value_text(change.old, absent=change.kind == "added")
    new = text.value_text(change.new, absent=change.kind == "removed")
    return f"| {md(change.name)} | {md(old)} | {md(new)} |"


def _params(comparison: Comparison, size: Size) -> str:
    columns = Columns(("name", "base", "this"), "lrr")
    title = f"Parameters changed: {len(comparison.params)}"
    return fold_table(title, columns, comparison.params, _change, size)


def _data(comparison: Comparison, size: Size) -> str:
    def row(change: DataChange) -> str:
        old, new, columns = text.data_cells(change)
        return (
            f"| {md(change.path)} | {md(change.kind)} | {md(old)} | {md(new)} | {md(columns, longest=400)} |"
        )

    columns = Columns(("data", "", "base", "this", "columns"), "lllll")
    return fold_table(f"Data changed: {len(comparison.data)}", columns, comparison.data, row, size)


def _labels(comparison: Comparison, size: Size) -> str:  # noqa: ARG001 - one signature for all sections
    if comparison.labels is None or comparison.label_diff is not None:  # it stands among the words on labels
        return ""
    return fold("Labels changed", md(text.label_sentence(comparison.labels), longest=400))


def _plan(comparison: Comparison, size: Size) -> str:
    def row(one: PlannedStage) -> str:
        expected = "" if one.seconds is None else f"{one.seconds:,.1f}"
        what = text.PLAN_WORDS[one.expected]
        return f"| {md(one.stage)} | {what} | {md(one.why, longest=400)} | {expected} | {text.plan_outcome(comparison, one.stage)} |"

    if comparison.plan is None or not comparison.planned:
        return ""
    columns = Columns(("stage", "plan", "because of", "seconds expected", "seconds here"), "lllrr")
    made = table(columns, cut(comparison.planned, size.rows, row, "stages"))
    lost = ", ".join(md(path) for path in comparison.plan.lost)
    body = f"{made}\n\nNowhere to be found: {lost}" if lost else made
    return fold(f"Plan before the run: {text.plan_words(comparison)}", body)


def _pipeline(comparison: Comparison, size: Size) -> str:
    seconds = dict(comparison.ran)
    changes = {stage.name: stage for stage in comparison.stages}

    def row(name: str) -> str:
        stage = changes.get(name)
        what, why = (stage.kind, ", ".join(stage.reasons)) if stage else ("", "")
        taken = f"{seconds[name]:,.1f}" if name in seconds else ""
        return f"| {md(name)} | {md(what)} | {md(why, longest=400)} | {taken} |"

    names = list(dict.fromkeys((*changes, *seconds)))
    columns = Columns(("stage", "what", "because of", "seconds here"), "lllr")
    graph = mermaid.flowchart(comparison) if size.rows >= CHART_ROWS else ""
    body = [part for part in (graph, table(columns, cut(names, size.rows, row, "stages"))) if part]
    return fold(f"Pipeline: {text.pipeline_words(comparison)}", "\n\n".join(body)) if names else ""


def _cost(comparison: Comparison, size: Size) -> str:
    def row(stage: StageCost) -> str:
        return f"| {' | '.join(md(cell) for cell in cost_cells(stage))} |"

    return fold_table(
        f"Cost: {md(cost_words(comparison), longest=400)}",
        Columns(COLUMNS, "lrrrrr"),
        comparison.costs,
        row,
        size,
    )


def _plots(comparison: Comparison, size: Size) -> str:
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
    parts.append(table(Columns(("plot or picture", ""), "ll"), cut(drawn, size.rows, row, "plots")))
    parts.append("The HTML report shows all of them, both sides in one picture.")
    return fold(f"Plots: {text.plot_words(comparison)}", "\n\n".join(part for part in parts if part))


def _cells(plot: PlotPair) -> str:
    """Return the bars or cells that changed most."""
    matrix = plot.kind == "matrix"

    def row(cell: PlotCell) -> str:
        column = f" {md(cell.column)} |" if matrix else ""
        return f"| {md(cell.row)} |{column} {text.number(cell.old)} | {text.number(cell.new)} |"

    moved = [cell for cell in plot.cells if cell.old != cell.new]
    moved.sort(key=lambda cell: -abs((cell.new or 0.0) - (cell.old or 0.0)))
    names = (md(plot.y_label), md(plot.x_label)) if matrix else (md(plot.x_label),)
    columns = Columns((*names, "base", "this"), "llrr"[-len(names) - 2 :])
    rows = cut(moved, CELLS, row, "that changed less")
    return f"{md(plot.name)}\n\n{table(columns, rows)}" if rows else ""


def _notes(comparison: Comparison, size: Size) -> str:
    shown = comparison.notes[: max(size.rows, 3)]
    lines = [f"- {md(note, longest=400)}" for note in shown]
    if len(shown) < len(comparison.notes):
        lines.append(f"- … and {len(comparison.notes) - len(shown)} more")
    return fold(f"Notes: {len(comparison.notes)}", "\n".join(lines)) if lines else ""


def _foot(comparison: Comparison) -> str:
    compared = f"{md(text.side_name(comparison, 'head'))} against {md(text.side_name(comparison, 'base'))}"
    return f"<sub>{compared}. Intervals are for the change on the same test rows; ↑ higher is better, ↓ lower is better.</sub>"
