"""The comparison for a terminal, as a rich renderable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, Verdict
from mlops_kit.report import text

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
    "worse": "bold red",
    "breach": "bold red",
    "failed": "bold red",
    "unreadable": "bold yellow",
}
MOST = 30


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
        Text(
            f"! {i.side}: {text.visible(i.what)} {text.visible(i.reason)}\n  fix: {text.visible(i.fix)}",
            style="yellow",
        )
        for i in comparison.unreadable
    ]
    parts += [_kpi_line(comparison), *_metric_tables(comparison)]
    parts += [Text(line) for line in _change_lines(comparison)]
    parts += [Text(f"note: {text.visible(note, longest=400)}", style="dim") for note in comparison.notes]
    return Group(*parts)


def _kpi_line(comparison: Comparison) -> RenderableType:
    from rich.text import Text

    made = Text()
    for kpi in comparison.kpis:
        why = f" ({text.visible(kpi.reason)})" if kpi.reason else ""
        line = f"{text.KPI_SIGNS[kpi.status]} KPI {text.visible(kpi.name)} {text.visible(kpi.promise)}: {text.number(kpi.value)}{why}\n"
        made.append(line, style=KPI_STYLES[kpi.status])
    made.rstrip()
    return made


def _metric_tables(comparison: Comparison) -> list[Table]:
    changed = [
        diff
        for diff in comparison.metrics
        if diff.low is not None or diff.change or diff.old is None or diff.new is None
    ]
    tables = []
    if changed:
        tables.append(_table([("", diff) for diff in changed[:MOST]]))
    if comparison.slices:
        tables.append(
            _table([(f"{part.column}={part.value}", part.diff) for part in comparison.slices[:MOST]])
        )
    return tables


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
        verdict = Text(f"{text.SIGNS[diff.verdict]} {diff.verdict.value}", style=STYLES[diff.verdict])
        table.add_row(*(Text(cell) for cell in cells), verdict)
    return table


def _change_lines(comparison: Comparison) -> list[str]:
    lines = []
    for change in (*comparison.kpi_changes, *comparison.params)[:MOST]:
        old = text.value_text(change.old, absent=change.kind == "added")
        new = text.value_text(change.new, absent=change.kind == "removed")
        lines.append(f"{text.visible(change.name)}: {text.visible(old)} → {text.visible(new)}")
    for stage in comparison.stages[:MOST]:
        because = f" because of {text.visible(', '.join(stage.reasons))}" if stage.reasons else ""
        lines.append(f"stage {text.visible(stage.name)}: {stage.kind}{because}")
    return lines
