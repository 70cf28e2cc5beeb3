"""The comparison for a terminal, as a rich renderable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, ValueChange, Verdict
from mlops_kit.compare.spending import StageCost
from mlops_kit.report import text
from mlops_kit.report.cost_text import cost_cells, cost_words
from mlops_kit.report.data_text import Block, data_blocks, data_lines
from mlops_kit.report.label_text import label_blocks, label_lines

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

STYLES = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "bold red",
    Verdict.SAME: "dim",
    Verdict.CANNOT_TELL: "yellow",
    Verdict.NO_ERROR_BAR: "",
}
KPI_STYLES = {KpiStatus.PASS: "green", KpiStatus.FAIL: "bold red", KpiStatus.SKIP: "dim"}
TITLE_STYLES = {
    "better": "bold green",
    "mixed": "bold yellow",
    "worse": "bold red",
    "breach": "bold red",
    "failed": "bold red",
    "unreadable": "bold yellow",
}
SHORT = {Verdict.SAME: "same"}  # a row is to fit into 80 columns
MOST = 30
MOST_COSTS = 5
MOST_CELLS = 8


def render(comparison: Comparison) -> Group:
    """Return the comparison as something that a rich console prints; readable at 80 columns and without colours."""
    from rich.console import Group
    from rich.text import Text

    title, sentence = text.verdict_sentence(comparison)
    compared = f"{text.side_name(comparison, 'head')} against {text.side_name(comparison, 'base')}"
    parts: list[RenderableType] = [
        Text(text.visible(compared), style="dim"),
        Text.assemble(
            (title, TITLE_STYLES.get(text.status_of(comparison), "bold")),
            "  ",
            text.visible(sentence, longest=400),
        ),
    ]
    parts += [
        Text(text.visible(line, longest=300), style="red") for line in comparison.failure.splitlines()[-30:]
    ]
    parts += [
        Text(
            f"! {text.visible(i.side)}: {text.visible(i.what)} {text.visible(i.reason)}\n  fix: {text.visible(i.fix)}",
            style="yellow",
        )
        for i in comparison.unreadable
    ]
    if comparison.kpi_changes:
        parts.append(Text(f"! {text.visible(text.contract_sentence(comparison))}", style="yellow"))
        parts += _value_lines(comparison.kpi_changes, "    ")
    parts += [*_kpi_lines(comparison), *_metric_tables(comparison)]
    parts += _section_lines(comparison)
    parts += _change_lines(comparison)
    parts += [Text(f"note: {text.visible(note, longest=400)}", style="dim") for note in comparison.notes]
    return Group(*parts)


def _kpi_lines(comparison: Comparison) -> list[RenderableType]:
    from rich.text import Text

    made: list[RenderableType] = []
    for kpi in text.ordered_kpis(comparison):
        why = f" ({text.visible(kpi.reason)})" if kpi.reason else ""
        line = f"{text.KPI_SIGNS[kpi.status]} KPI {text.visible(kpi.name)} {text.visible(kpi.promise)}: {text.number(kpi.value)}{why}"
        if kpi.status is KpiStatus.FAIL:
            line += "".join(f"\n    {text.visible(part)}" for part in (kpi.on_breach, kpi.owner) if part)
        made.append(Text(line, style=KPI_STYLES[kpi.status]))
    return made


def _metric_tables(comparison: Comparison) -> list[RenderableType]:
    judged, differ, unchanged = text.ordered_metrics(comparison)
    # Beside metrics with intervals, counts of rows and the like need no line each; where nothing is judged they are all there is.
    counts = [diff for diff in differ if judged and diff.direction is None and diff.new is not None]
    figures = [diff for diff in counts if diff.change is not None]
    fresh = [diff for diff in counts if diff.old is None]
    changed = [("", diff) for diff in (*judged, *differ) if diff not in counts]
    slices = [(f"{part.column}={part.value}", part.diff) for part in comparison.slices]
    made: list[RenderableType] = []
    for rows, what in ((changed, "metrics"), (slices, "slices")):
        made += [_table(rows[:MOST])] if rows else []
        made += _left_out(len(rows), what)
    if figures:
        pairs = [
            f"{text.visible(diff.name)} {text.number(diff.old)} → {text.number(diff.new)} ({text.signed(diff.change)})"
            for diff in figures[:MOST]
        ]
        made += [_plain(f"changed, neither better nor worse: {', '.join(pairs)}")]
        made += _left_out(len(figures), "figures")
    for found, word, what in ((fresh, "new", "new figures"), (unchanged, "unchanged", "unchanged metrics")):
        if found:
            said = ", ".join(f"{text.visible(diff.name)} {text.number(diff.new)}" for diff in found[:MOST])
            made += [_plain(f"{word}: {said}"), *_left_out(len(found), what)]
    return made


def _left_out(count: int, what: str) -> list[RenderableType]:
    said = f"… and {count - MOST:,} more {what}; all of them: mlops-kit compare --md"
    return [_plain(said)] if count > MOST else []


def _table(rows: list[tuple[str, MetricDiff]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for name, side in (
        ("metric", "left"),
        ("base", "right"),
        ("this", "right"),
        ("change", "right"),
        ("interval", "right"),
        ("verdict", "left"),
    ):
        table.add_column(name, justify=side, overflow="fold", no_wrap=side == "right")  # type: ignore[arg-type]
    for where, diff in rows:
        arrow = {"higher": "↑", "lower": "↓"}.get(diff.direction or "", " ")
        name = f"{text.visible(where)} {text.visible(diff.name)} {arrow}".strip()
        cells = (
            name,
            text.number(diff.old),
            text.number(diff.new),
            text.signed(diff.change),
            text.interval(diff),
        )
        said = SHORT.get(diff.verdict, diff.verdict.value)
        verdict = Text(f"{text.SIGNS[diff.verdict]} {said}", style=STYLES[diff.verdict])
        table.add_row(*(Text(cell) for cell in cells), verdict)
    return table


def _value_lines(changes: Sequence[ValueChange], indent: str = "") -> list[RenderableType]:
    lines: list[RenderableType] = []
    for change in changes[:MOST]:
        owner = f" (owner: {text.visible(change.owner)})" if change.owner else ""
        old = text.value_text(change.old, absent=change.kind == "added")
        new = text.value_text(change.new, absent=change.kind == "removed")
        lines.append(
            _plain(f"{indent}{text.visible(change.name)}: {text.visible(old)} → {text.visible(new)}{owner}")
        )
    return [*lines, *_left_out(len(changes), "changed values")]


def _change_lines(comparison: Comparison) -> list[RenderableType]:
    lines = [*_value_lines(comparison.params), *_data_lines(comparison)]
    for stage in comparison.stages[:MOST]:
        because = f" because of {text.visible(', '.join(stage.reasons))}" if stage.reasons else ""
        lines.append(_plain(f"stage {text.visible(stage.name)}: {text.visible(stage.kind)}{because}"))
    lines += _left_out(len(comparison.stages), "stages")
    if comparison.plots or comparison.pictures:
        lines.append(_plain(f"plots: {text.plot_words(comparison)}; drawn by mlops-kit compare --html"))
    if comparison.cost:
        lines.append(_plain(f"cost: {cost_words(comparison)}"))
        lines += [_plain(f"    {_cost_line(row)}") for row in comparison.costs[:MOST_COSTS]]
    ran = [f"{text.visible(stage)} {seconds:,.1f} s" for stage, seconds in comparison.ran]
    return [*lines, _plain(f"ran here: {', '.join(ran)}")] if ran else lines


def _cost_line(row: StageCost) -> str:
    name, old, new, change, *_ = cost_cells(row)
    return f"{text.visible(name)}: {old} → {new} ({change})"


def _data_lines(comparison: Comparison) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for change in comparison.data[:MOST]:
        old, new, columns = text.data_cells(change)
        extra = f" ({text.visible(columns, longest=300)})" if columns else ""
        lines.append(_plain(f"data {text.visible(change.path)}: {old} → {new}{extra}"))
    lines += _left_out(len(comparison.data), "data files")
    if comparison.labels is not None and comparison.label_diff is None:
        lines.append(_plain(f"labels: {text.visible(text.label_sentence(comparison.labels), longest=300)}"))
    return lines


def _section_lines(comparison: Comparison) -> list[RenderableType]:
    """Return what changed in data and labels: the words, then the first rows of each table."""
    made = [_plain(f"data: {text.visible(line, longest=400)}") for line in data_lines(comparison)]
    words = label_lines(comparison.label_diff, comparison.labels)
    made += [_plain(f"labels: {text.visible(line, longest=400)}") for line in words]
    for block in (*data_blocks(comparison), *label_blocks(comparison.label_diff)):
        made += [] if block.minor else _block_lines(block)
    return made


def _block_lines(block: Block) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for name, side in zip(block.columns, block.alignment, strict=True):
        table.add_column(
            Text(text.visible(name)), justify="right" if side == "r" else "left", overflow="fold"
        )
    for row in block.rows[:MOST_CELLS]:
        table.add_row(*(Text(text.visible(cell)) for cell in row))
    left = len(block.rows) - MOST_CELLS
    more = [_plain(f"… and {left:,} more rows; all of them: mlops-kit compare --html")] if left > 0 else []
    words = [Text(text.visible(block.words, longest=300), style="dim")] if block.words else []
    return [Text(text.visible(block.title), style="bold"), *words, table, *more]


def _plain(line: str) -> RenderableType:
    from rich.text import Text

    return Text(line)
