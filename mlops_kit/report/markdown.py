"""The comment on a pull request: one screen, then folded details. Only what GitHub renders, no picture from anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff
from mlops_kit.report import text
from mlops_kit.report.text import markdown_text as md

LIMIT = 65_000
ICONS = {"better": "🟢", "worse": "🔴", "breach": "🔴", "failed": "🔴", "unreadable": "🟠"}
# Rows of folded sections and of what stands above them, tried in this order until the comment is short enough.
STEPS = ((400, 100), (100, 40), (30, 20), (10, 20), (3, 20), (0, 20), (0, 8), (0, 3), (0, 1))


def render(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` characters.

    What does not fit loses whole rows, each time with their number: folded sections first, then the tables above them, then all but
    the verdict. Only a limit below the length of the verdict cuts that.
    """
    for rows, most in STEPS:
        made = _render(comparison, rows, most)
        if len(made) <= limit:
            return made
    return _only_head(comparison, limit)


def _only_head(comparison: Comparison, limit: int) -> str:
    head = _head(comparison)
    more = f"{head}\n\nThe rest does not fit here; the report has it.\n"
    if len(more) <= limit:
        return more
    return re.sub(r"&[^;]{0,8}$", "", head[:limit])  # half a character reference is left out


def _render(comparison: Comparison, rows: int, most: int) -> str:
    parts = [
        _head(comparison),
        _failure(comparison),
        _unreadable(comparison, most),
        _kpis(comparison, most),
        _metrics(comparison, rows, most),
    ]
    parts += [section(comparison, rows) for section in (_slices, _params, _contract, _stages, _ran, _notes)]
    parts.append(_foot(comparison))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(comparison: Comparison) -> str:
    title, sentence = text.verdict_sentence(comparison)
    icon = ICONS.get(text.status_of(comparison), "⚪")
    return f"### {icon} {md(title)}\n\n{md(sentence, longest=600)}"


def _failure(comparison: Comparison) -> str:
    if not comparison.failure:
        return ""
    lines = [
        text.visible(line, longest=300).replace("`", "'") for line in comparison.failure.splitlines()[-30:]
    ]
    return "````text\n" + "\n".join(lines) + "\n````"


def _unreadable(comparison: Comparison, most: int) -> str:
    rows = [
        f"| {md(item.side)} | {md(item.what)} | {md(item.reason)} | {md(item.fix)} |"
        for item in comparison.unreadable
    ]
    return _table(("side", "what", "why it could not be read", "mend it with"), "llll", _cut(rows, most))


def _kpis(comparison: Comparison, most: int) -> str:
    ordered = sorted(comparison.kpis, key=lambda kpi: list(_KPI_ORDER).index(kpi.status))
    rows = []
    for kpi in ordered:
        what = "; ".join(
            part
            for part in (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
            if part
        )
        rows.append(
            f"| {text.KPI_SIGNS[kpi.status]} {kpi.status} | {md(kpi.name)} | {md(kpi.promise)} | {text.number(kpi.value)} | {md(what, longest=300)} |"
        )
    return _table(("KPI", "metric", "promise", "value", ""), "lllrl", _cut(rows, most))


_KPI_ORDER = (KpiStatus.FAIL, KpiStatus.SKIP, KpiStatus.PASS)


def _metrics(comparison: Comparison, rows: int, most: int) -> str:
    judged = [diff for diff in comparison.metrics if diff.low is not None]
    others = [diff for diff in comparison.metrics if diff.low is None]
    plain = [diff for diff in others if diff.change != 0]  # None: a side does not have it
    same = [diff for diff in others if diff.change == 0]
    shown = _table(
        (
            "",
            "metric",
            "base",
            "this",
            "change",
            f"{text.percent(comparison.confidence)} interval",
            "verdict",
        ),
        "llrrrrl",
        _cut([_row(d) for d in judged], most),
    )
    rest = _fold(
        f"Other metrics: {len(plain)} changed, {len(same)} did not",
        ("", "metric", "base", "this", "change", "", "verdict"),
        "llrrrrl",
        [_row(d) for d in (*plain, *same)],
        rows,
    )
    if not judged and rest:
        return _table(
            ("", "metric", "base", "this", "change", "", "verdict"),
            "llrrrrl",
            _cut([_row(d) for d in (*plain, *same)], most),
        )
    return "\n\n".join(part for part in (shown, rest) if part)


def _row(diff: MetricDiff) -> str:
    arrow = {"higher": "↑", "lower": "↓"}.get(diff.direction or "", "")
    words = f"{diff.verdict.value}" + (
        f": {diff.reason}" if diff.rows_needed or (diff.low is None and diff.reason) else ""
    )
    cells = (
        text.SIGNS[diff.verdict],
        f"{md(diff.name)} {arrow}",
        text.number(diff.old),
        text.number(diff.new),
        text.signed(diff.change),
        text.interval(diff),
    )
    return "| " + " | ".join(cells) + f" | {md(words)} |"


def _slices(comparison: Comparison, most: int) -> str:
    rows = [f"| {md(part.column)} = {md(part.value)} {_row(part.diff)[1:]}" for part in comparison.slices]
    title = f"Slices that changed: {len(rows)}"
    return _fold(
        title,
        ("slice", "", "metric", "base", "this", "change", "interval", "verdict"),
        "lllrrrrl",
        rows,
        most,
    )


def _changes(comparison: Comparison, title: str, attribute: str, most: int) -> str:
    rows = []
    for change in getattr(comparison, attribute):
        old = text.value_text(change.old, absent=change.kind == "added")
        new = text.value_text(change.new, absent=change.kind == "removed")
        rows.append(f"| {md(change.name)} | {md(old)} | {md(new)} |")
    return _fold(f"{title}: {len(rows)}", ("name", "base", "this"), "lrr", rows, most)


def _params(comparison: Comparison, most: int) -> str:
    return _changes(comparison, "Parameters changed", "params", most)


def _contract(comparison: Comparison, most: int) -> str:
    return _changes(comparison, "The KPI contract itself changed", "kpi_changes", most)


def _stages(comparison: Comparison, most: int) -> str:
    rows = [
        f"| {md(stage.name)} | {md(stage.kind)} | {md(', '.join(stage.reasons), longest=400)} |"
        for stage in comparison.stages
    ]
    return _fold(f"Stages that differ: {len(rows)}", ("stage", "", "because of"), "lll", rows, most)


def _ran(comparison: Comparison, most: int) -> str:
    rows = [f"| {md(stage)} | {seconds:,.1f} |" for stage, seconds in comparison.ran]
    total = sum(seconds for _, seconds in comparison.ran)
    return _fold(
        f"Stages that ran here: {len(rows)} in {total:,.0f} s", ("stage", "seconds"), "lr", rows, most
    )


def _notes(comparison: Comparison, most: int) -> str:
    if not comparison.notes:
        return ""
    shown = comparison.notes[: max(most, 3)]
    lines = [f"- {md(note, longest=400)}" for note in shown]
    if len(shown) < len(comparison.notes):
        lines.append(f"- … and {len(comparison.notes) - len(shown)} more")
    return (
        f"<details><summary>Notes: {len(comparison.notes)}</summary>\n\n"
        + "\n".join(lines)
        + "\n\n</details>"
    )


def _foot(comparison: Comparison) -> str:
    compared = f"{md(text.side_name(comparison, 'head'))} against {md(text.side_name(comparison, 'base'))}"
    return f"<sub>{compared}. Intervals are for the change on the same test rows; ↑ higher is better, ↓ lower is better.</sub>"


def _table(columns: Sequence[str], alignment: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    rule = "|".join({"l": ":---", "r": "---:"}[letter] for letter in alignment)
    return "\n".join([f"| {' | '.join(columns)} |", f"|{rule}|", *rows])


def _fold(title: str, columns: Sequence[str], alignment: str, rows: Sequence[str], most: int) -> str:
    if not rows:
        return ""
    return (
        f"<details><summary>{title}</summary>\n\n{_table(columns, alignment, _cut(rows, most))}\n\n</details>"
    )


def _cut(rows: Sequence[str], most: int) -> list[str]:
    if len(rows) <= most:
        return list(rows)
    return [*rows[:most], f"| … and {len(rows) - most} more |"]
