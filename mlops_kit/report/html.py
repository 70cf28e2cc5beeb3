"""The comparison as one self-contained HTML page: no script, nothing from outside, keyboard and screen reader first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, Verdict
from mlops_kit.report import text
from mlops_kit.report.text import html_text as esc

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
CLASSES = {Verdict.BETTER: "better", Verdict.WORSE: "worse", Verdict.CANNOT_TELL: "cannot"}
Row = Sequence[str]


def render(comparison: Comparison) -> str:
    """Return the page."""
    title, sentence = text.verdict_sentence(comparison)
    status = text.status_of(comparison)
    compared = f"{text.side_name(comparison, 'head')} against {text.side_name(comparison, 'base')}"
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    sections = (_failure, _unreadable, _kpis, _metrics, _slices, _params, _contract, _stages, _ran, _notes)
    body = "\n".join(part for part in (section(comparison) for section in sections) if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{esc(title)}: {esc(comparison.project)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="soft">{esc(comparison.project)}: {esc(compared)}</p>
<h1 class="{status}">{esc(title)}</h1>
<p>{esc(sentence)}</p>
</header>
<main>
{body}
</main>
<footer><p>Intervals ({text.percent(comparison.confidence)}) are for the change on the same test rows. ↑ higher is better, ↓ lower is better.</p></footer>
</body>
</html>
"""


def _failure(comparison: Comparison) -> str:
    lines = "\n".join(esc(line) for line in comparison.failure.splitlines()[-40:])
    return f"<section><h2>What failed</h2><pre>{lines}</pre></section>" if comparison.failure else ""


def _unreadable(comparison: Comparison) -> str:
    rows = [
        (esc(i.side), esc(i.what), esc(i.reason), f"<code>{esc(i.fix)}</code>") for i in comparison.unreadable
    ]
    return _table(
        "What could not be read",
        "Without these there is no verdict.",
        ("side", "what", "why", "mend it with"),
        rows,
    )


def _kpis(comparison: Comparison) -> str:
    rows = []
    for kpi in sorted(
        comparison.kpis, key=lambda kpi: [KpiStatus.FAIL, KpiStatus.SKIP, KpiStatus.PASS].index(kpi.status)
    ):
        status = f'<span class="{kpi.status}">{text.KPI_SIGNS[kpi.status]} {kpi.status}</span>'
        what = "; ".join(
            part
            for part in (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
            if part
        )
        rows.append((esc(kpi.name), status, _number(text.number(kpi.value)), esc(kpi.promise), esc(what)))
    return _table(
        "KPIs",
        "Promises of kpis.yaml, broken ones first.",
        ("metric", "status", "value", "promise", "what to know"),
        rows,
    )


def _metrics(comparison: Comparison) -> str:
    judged = [diff for diff in comparison.metrics if diff.low is not None]
    rest = [diff for diff in comparison.metrics if diff.low is None]
    made = _table(
        "Metrics", "Change on the shared test rows.", _METRIC_COLUMNS, [_metric_row(diff) for diff in judged]
    )
    others = _table(
        "Other metrics",
        "Two numbers each, without an error bar.",
        _METRIC_COLUMNS,
        [_metric_row(diff) for diff in rest],
        folded=bool(judged),
    )
    return made + others


_METRIC_COLUMNS = ("metric", "verdict", "base", "this", "change", "interval", "")


def _metric_row(diff: MetricDiff) -> Row:
    arrow = {"higher": "↑", "lower": "↓"}.get(diff.direction or "", "")
    verdict = f'<span class="{CLASSES.get(diff.verdict, "")}">{text.SIGNS[diff.verdict]} {diff.verdict.value}</span>'
    if diff.reason and diff.verdict not in (Verdict.BETTER, Verdict.WORSE):
        verdict += f'<br><span class="soft">{esc(diff.reason)}</span>'
    numbers = [
        _number(cell)
        for cell in (
            text.number(diff.old),
            text.number(diff.new),
            text.signed(diff.change),
            text.interval(diff),
        )
    ]
    return (f"{esc(diff.name)} {arrow}", verdict, *numbers, _picture(diff))


def _picture(diff: MetricDiff) -> str:
    """Return the interval as a small picture: band = too small to matter, dashes = zero, line = interval, dot = change."""
    if diff.low is None or diff.high is None or diff.change is None:
        return ""
    reach = max(abs(diff.low), abs(diff.high), diff.min_effect) * 1.15 or 1.0

    def x(value: float) -> str:
        return f"{100 + 95 * value / reach:.1f}"

    words = esc(f"change {text.signed(diff.change)}, interval {text.interval(diff)}")
    width = f"{190 * diff.min_effect / reach:.1f}"
    return (
        f'<svg viewBox="0 0 200 24" role="img" aria-label="{words}">'
        f'<rect class="band" x="{x(-diff.min_effect)}" y="2" width="{width}" height="20"/>'
        '<line class="zero" x1="100" x2="100" y1="0" y2="24"/>'
        f'<line class="span" x1="{x(diff.low)}" x2="{x(diff.high)}" y1="12" y2="12"/>'
        f'<circle class="dot" cx="{x(diff.change)}" cy="12" r="4"/></svg>'
    )


def _slices(comparison: Comparison) -> str:
    rows = [
        (f"{esc(part.column)} = {esc(part.value)}", *_metric_row(part.diff)) for part in comparison.slices
    ]
    return _table(
        "Slices that changed",
        "Intervals are wider here, for the number of slices.",
        ("slice", *_METRIC_COLUMNS),
        rows,
        folded=True,
    )


def _changes(title: str, caption: str, comparison: Comparison, attribute: str) -> str:
    rows = []
    for change in getattr(comparison, attribute):
        old = text.value_text(change.old, absent=change.kind == "added")
        new = text.value_text(change.new, absent=change.kind == "removed")
        rows.append((esc(change.name), esc(old), esc(new)))
    return _table(title, caption, ("name", "base", "this"), rows, folded=True)


def _params(comparison: Comparison) -> str:
    return _changes(
        "Parameters changed", "Values of params.yaml and other parameter files.", comparison, "params"
    )


def _contract(comparison: Comparison) -> str:
    return _changes("The KPI contract itself changed", "Edits of kpis.yaml.", comparison, "kpi_changes")


def _stages(comparison: Comparison) -> str:
    rows = [(esc(stage.name), esc(stage.kind), esc(", ".join(stage.reasons))) for stage in comparison.stages]
    return _table(
        "Stages that differ",
        "By what the lock files record.",
        ("stage", "how", "because of"),
        rows,
        folded=True,
    )


def _ran(comparison: Comparison) -> str:
    rows = [(esc(stage), _number(f"{seconds:,.1f}")) for stage, seconds in comparison.ran]
    return _table(
        "Stages that ran here",
        "All others were unchanged or came from the cache.",
        ("stage", "seconds"),
        rows,
        folded=True,
    )


def _notes(comparison: Comparison) -> str:
    items = "".join(f"<li>{esc(note)}</li>" for note in comparison.notes)
    return f"<section><h2>Notes</h2><ul>{items}</ul></section>" if items else ""


def _number(cell: str) -> str:
    return f"\0{esc(cell)}"  # a mark that _cell turns into a right-aligned cell


def _cell(content: str, *, heading: bool) -> str:
    if heading:
        return f'<th scope="row">{content}</th>'
    return f'<td class="n">{content[1:]}</td>' if content.startswith("\0") else f"<td>{content}</td>"


def _table(
    title: str, caption: str, columns: Sequence[str], rows: Sequence[Row], *, folded: bool = False
) -> str:
    if not rows:
        return ""
    numeric = [bool(cell.startswith("\0")) for cell in rows[0]]
    head = "".join(
        f'<th scope="col"{" class=n" if right else ""}>{esc(name) or "<span class=soft>picture</span>"}</th>'
        for name, right in zip(columns, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, heading=index == 0) for index, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(title)}"><table><caption>{esc(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
    if folded:
        return f"<details><summary>{esc(title)}: {len(rows)}</summary>{table}</details>"
    return f"<section><h2>{esc(title)}</h2>{table}</section>"
