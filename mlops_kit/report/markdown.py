"""The comment on a pull request: one screen, then folded details. Only what GitHub renders, no picture from anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, PicturePair, PlotPair, ValueChange
from mlops_kit.report import mermaid, text
from mlops_kit.report.text import markdown_text as md

LIMIT = 65_000
ICONS = {"better": "🟢", "worse": "🔴", "breach": "🔴", "failed": "🔴", "unreadable": "🟠"}
# Rows of folded sections and of what stands above them, tried in this order until the comment is short enough.
STEPS = ((400, 6), (100, 6), (30, 6), (10, 6), (3, 6), (0, 6), (0, 3), (0, 1))
# One screen of 900 pixels has room for the verdict, three tables and these rows; a broken promise has room before a kept one.
KPI_ROWS, CONTRACT_ROWS = 5, 4
TOGETHER = 22  # letters of a cell that stay on one line, so that a phone scrolls a table sideways instead of making it tall
FAILURE_LINES = 12
CHARTS = 2
CELLS = 12
_METRIC_COLUMNS = ("", "metric", "base", "this", "change", "", "verdict")
_METRIC_ALIGNMENT = "llrrrrl"


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


def _only_head(comparison: Comparison, limit: int) -> str:
    head = _head(comparison)
    more = f"{head}\n\nThe rest does not fit here; the report has it.\n"
    if len(more) <= limit:
        return more
    return re.sub(r"&[^;]{0,8}$", "", head[:limit])  # half a character reference is left out


def _render(comparison: Comparison, size: _Size) -> str:
    """Return what stands above the folds, then the folds; a table with many rows is above with its first and folded with the rest."""
    split = (_failure, _unreadable, _contract, _kpis, _metrics)
    tops, rests = zip(*(section(comparison, size) for section in split), strict=True)
    folded = (_slices, _params, _pipeline, _plots, _notes)
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
    rows = [
        f"| {md(item.side)} | {md(item.what)} | {md(item.reason)} | {md(item.fix)} |"
        for item in comparison.unreadable
    ]
    columns = ("side", "what", "why it could not be read", "mend it with")
    rest = f"{len(rows) - size.above} more that could not be read"
    return _split(columns, "llll", rows, size.above, size, rest)


def _together(words: str) -> str:
    """Return escaped text whose words break only where a line of some width is full."""
    lines: list[str] = []
    for word in words.split(" "):
        if lines and len(lines[-1]) < TOGETHER:
            lines[-1] += f"\u00a0{word}"
        else:
            lines.append(word)
    return " ".join(lines).replace("\u00a0", "&nbsp;")


def _contract(comparison: Comparison, size: _Size) -> tuple[str, str]:
    changes = comparison.kpi_changes
    above = min(CONTRACT_ROWS, size.above)
    rows = [f"{_change(change)} {md(change.owner) or '–'} |" for change in changes]
    rest = f"{len(rows) - above} more edits of the KPI contract"
    top, more = _split(("promise", "base", "this", "owner"), "llll", rows, above, size, rest)
    return (f"⚠️ **{md(text.contract_sentence(comparison), longest=300)}**\n\n{top}" if rows else ""), more


def _kpis(comparison: Comparison, size: _Size) -> tuple[str, str]:
    ordered = text.ordered_kpis(comparison)
    rows = []
    for kpi in ordered:
        said = (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
        what = _together(md("; ".join(part for part in said if part), longest=300))
        status = f"{text.KPI_SIGNS[kpi.status]}&nbsp;{kpi.status}"
        rows.append(
            f"| {status} | {_together(md(kpi.name))} | {_together(md(kpi.promise))} | {text.number(kpi.value)} | {what} |"
        )
    above = min(size.above, max(KPI_ROWS, len(comparison.breached)))
    left = ordered[above:]
    counts = [f"{sum(kpi.status is status for kpi in left)} {word}" for status, word in _KPI_WORDS.items()]
    rest = f"{len(left)} more KPIs: {', '.join(count for count in counts if not count.startswith('0 '))}"
    return _split(("KPI", "metric", "promise", "value", ""), "lllrl", rows, above, size, rest)


_KPI_WORDS = {KpiStatus.FAIL: "broken", KpiStatus.SKIP: "skipped", KpiStatus.PASS: "kept"}


def _metrics(comparison: Comparison, size: _Size) -> tuple[str, str]:
    judged, plain, same = text.ordered_metrics(comparison)
    others = [_row(diff) for diff in (*plain, *same)]
    counts = f"{len(plain)} changed, {len(same)} did not"
    if not judged:
        rest = f"More metrics without an error bar; in all {counts}"
        return _split(_METRIC_COLUMNS, _METRIC_ALIGNMENT, others, size.above, size, rest)
    columns = list(_METRIC_COLUMNS)
    columns[5] = f"{text.percent(comparison.confidence)} interval"
    rows = [_row(diff) for diff in judged]
    rest = f"{len(rows) - size.above} more metrics with an interval"
    top, more = _split(columns, _METRIC_ALIGNMENT, rows, size.above, size, rest)
    folded = _fold_table(
        f"Metrics without an error bar: {counts}", _METRIC_COLUMNS, _METRIC_ALIGNMENT, others, size
    )
    return top, "\n\n".join(part for part in (more, folded) if part)


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
    )
    return "| " + " | ".join(cells) + f" | {_together(md(words))} |"


def _slices(comparison: Comparison, size: _Size) -> str:
    rows = [f"| {md(part.column)} = {md(part.value)} {_row(part.diff)[1:]}" for part in comparison.slices]
    columns = ("slice", "", "metric", "base", "this", "change", "interval", "verdict")
    return _fold_table(f"Slices that changed: {len(rows)}", columns, "lllrrrrl", rows, size)


def _change(change: ValueChange) -> str:
    old = text.value_text(change.old, absent=change.kind == "added")
    new = text.value_text(change.new, absent=change.kind == "removed")
    return f"| {md(change.name)} | {md(old)} | {md(new)} |"


def _params(comparison: Comparison, size: _Size) -> str:
    rows = [_change(change) for change in comparison.params]
    return _fold_table(f"Parameters changed: {len(rows)}", ("name", "base", "this"), "lrr", rows, size)


def _pipeline(comparison: Comparison, size: _Size) -> str:
    if not (comparison.stages or comparison.ran):
        return ""
    seconds = dict(comparison.ran)
    rows = [
        f"| {md(stage.name)} | {md(stage.kind)} | {md(', '.join(stage.reasons), longest=400)} | {_seconds(seconds.pop(stage.name, None))} |"
        for stage in comparison.stages
    ]
    rows += [f"| {md(name)} | | | {_seconds(taken)} |" for name, taken in seconds.items()]
    parts = [
        mermaid.flowchart(comparison) if size.rows >= 10 else "",
        _table(("stage", "what", "because of", "seconds here"), "lllr", _cut(rows, size.rows, "stages")),
    ]
    return _fold(f"Pipeline: {text.pipeline_words(comparison)}", "\n\n".join(part for part in parts if part))


def _seconds(taken: float | None) -> str:
    return "" if taken is None else f"{taken:,.1f}"


def _plots(comparison: Comparison, size: _Size) -> str:
    drawn: list[PlotPair | PicturePair] = [*comparison.plots, *comparison.pictures]
    drawn.sort(key=lambda one: one.state == "same")
    if not drawn:
        return ""
    changed = [plot for plot in comparison.plots if plot.state != "same"]
    charts = [made for plot in changed if (made := mermaid.chart(plot))] if size.rows >= 10 else []
    cells = [made for plot in changed if (made := _cells(plot))] if size.rows >= 10 else []
    parts = [f"{LEGEND}, 12 points a line" if charts else "", *charts[:CHARTS], *cells[:CHARTS]]
    rows = [f"| {md(one.name)} | {text.PAIR_WORDS[one.state]} |" for one in drawn]
    parts.append(_table(("plot or picture", ""), "ll", _cut(rows, size.rows, "plots")))
    parts.append("The HTML report shows all of them, both sides in one picture.")
    return _fold(f"Plots: {text.plot_words(comparison)}", "\n\n".join(part for part in parts if part))


LEGEND = "🟧 base 🟦 this"


def _cells(plot: PlotPair) -> str:
    """Return the bars or cells that changed most."""
    moved = [cell for cell in plot.cells if cell.old != cell.new]
    moved.sort(key=lambda cell: -abs((cell.new or 0.0) - (cell.old or 0.0)))
    matrix = plot.kind == "matrix"
    rows = [
        f"| {md(cell.row)} |{f' {md(cell.column)} |' if matrix else ''} {text.number(cell.old)} | {text.number(cell.new)} |"
        for cell in moved
    ]
    names = (md(plot.y_label), md(plot.x_label)) if matrix else (md(plot.x_label),)
    table = _table(
        (*names, "base", "this"), "llrr"[-len(names) - 2 :], _cut(rows, CELLS, "that changed less")
    )
    return f"{md(plot.name)}\n\n{table}" if rows else ""


def _notes(comparison: Comparison, size: _Size) -> str:
    shown = comparison.notes[: max(size.rows, 3)]
    lines = [f"- {md(note, longest=400)}" for note in shown]
    if len(shown) < len(comparison.notes):
        lines.append(f"- … and {len(comparison.notes) - len(shown)} more")
    return _fold(f"Notes: {len(comparison.notes)}", "\n".join(lines)) if lines else ""


def _foot(comparison: Comparison) -> str:
    compared = f"{md(text.side_name(comparison, 'head'))} against {md(text.side_name(comparison, 'base'))}"
    return f"<sub>{compared}. Intervals are for the change on the same test rows; ↑ higher is better, ↓ lower is better.</sub>"


def _table(columns: Sequence[str], alignment: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    rule = "|".join({"l": ":---", "r": "---:"}[letter] for letter in alignment)
    return "\n".join([f"| {' | '.join(columns)} |", f"|{rule}|", *rows])


def _split(
    columns: Sequence[str], alignment: str, rows: Sequence[str], above: int, size: _Size, title: str
) -> tuple[str, str]:
    """Return the table of the first rows and the fold with the others; where no fold has room, their number stands below the first."""
    if len(rows) <= above or not size.rows:
        return _table(columns, alignment, _cut(rows, above, "")), ""
    return _table(columns, alignment, rows[:above]), _fold_table(
        title, columns, alignment, rows[above:], size
    )


def _fold_table(title: str, columns: Sequence[str], alignment: str, rows: Sequence[str], size: _Size) -> str:
    return _fold(title, _table(columns, alignment, _cut(rows, size.rows, ""))) if rows else ""


def _fold(title: str, body: str) -> str:
    """Return a folded section; `title` is our own text."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _cut(rows: Sequence[str], most: int, what: str) -> list[str]:
    if len(rows) <= most:
        return list(rows)
    return [*rows[:most], f"| … and {len(rows) - most} more {what}".rstrip() + " |"]
