"""The comparison as one self-contained HTML page: no script, nothing from outside, keyboard and screen reader first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, ValueChange, Verdict
from mlops_kit.report import text
from mlops_kit.report.charts import draw_pictures, draw_plots
from mlops_kit.report.cost_text import COLUMNS, cost_cells, cost_words
from mlops_kit.report.data_text import Block, data_blocks, data_lines
from mlops_kit.report.graph import WORDS, draw_graph
from mlops_kit.report.graph_svg import draw_svg
from mlops_kit.report.html_table import Row, fold, number_cell, scroll, section, table
from mlops_kit.report.label_text import label_blocks, label_lines
from mlops_kit.report.text import html_text as esc

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
CLASSES = {Verdict.BETTER: "better", Verdict.WORSE: "worse", Verdict.CANNOT_TELL: "cannot"}
SAME_STAGES = 60


def render(comparison: Comparison) -> str:
    """Return the page."""
    title, sentence = text.verdict_sentence(comparison)
    status = text.status_of(comparison)
    compared = f"{text.side_name(comparison, 'head')} against {text.side_name(comparison, 'base')}"
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    parts = (
        _failure,
        _unreadable,
        _contract,
        _kpis,
        _metrics,
        _data_words,
        _label_words,
        _slices,
        _params,
        _data,
        _data_blocks,
        _label_blocks,
        _plan,
        _pipeline,
        _cost,
        _plots,
        _notes,
    )
    body = "\n".join(made for part in parts if (made := part(comparison)))
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
<a class="skip-link" href="#main">Skip to the result</a>
<header>
<p class="soft">{esc(comparison.project)}: {esc(compared)}</p>
<h1 class="{status}">{esc(title)}</h1>
<p>{esc(sentence)}</p>
</header>
<main id="main" tabindex="-1">
{body}
</main>
<footer><p>Intervals ({text.percent(comparison.confidence)}) are for the change on the same test rows. ↑ higher is better, ↓ lower is better.</p></footer>
</body>
</html>
"""


def _failure(comparison: Comparison) -> str:
    lines = "\n".join(esc(line) for line in comparison.failure.splitlines()[-40:])
    return section("What failed", scroll("Output", f"<pre>{lines}</pre>")) if lines else ""


def _unreadable(comparison: Comparison) -> str:
    rows = [
        (esc(i.side), esc(i.what), esc(i.reason), f"<code>{esc(i.fix)}</code>") for i in comparison.unreadable
    ]
    title = "What could not be read"
    columns = ("side", "what", "why", "mend it with")
    return section(title, table(title, "Without these there is no verdict.", columns, rows))


def _contract(comparison: Comparison) -> str:
    title = "The KPI contract itself changed"
    rows = [(*_change(change), esc(change.owner) or "–") for change in comparison.kpi_changes]
    made = table(title, "Edits of kpis.yaml.", ("promise", "base", "this", "owner"), rows)
    words = f'<p class="notice">{esc(text.contract_sentence(comparison))}.</p>' if rows else ""
    return section(title, words, made)


def _kpis(comparison: Comparison) -> str:
    rows = []
    for kpi in text.ordered_kpis(comparison):
        status = f'<span class="{kpi.status}">{text.KPI_SIGNS[kpi.status]} {kpi.status}</span>'
        said = (kpi.reason, kpi.on_breach if kpi.status is KpiStatus.FAIL else "", kpi.owner)
        what = "; ".join(part for part in said if part)
        rows.append((esc(kpi.name), status, number_cell(text.number(kpi.value)), esc(kpi.promise), esc(what)))
    columns = ("metric", "status", "value", "promise", "what to know")
    return section("KPIs", table("KPIs", "Promises of kpis.yaml, broken ones first.", columns, rows))


_METRIC_COLUMNS = ("metric", "verdict", "base", "this", "change", "interval", "picture")


def _metrics(comparison: Comparison) -> str:
    judged, differ, same = text.ordered_metrics(comparison)
    caption = f"Change on the shared test rows, with {text.percent(comparison.confidence)} intervals."
    made = section(
        "Metrics", table("Metrics", caption, _METRIC_COLUMNS, [_metric_row(diff) for diff in judged])
    )
    rest = [_metric_row(diff)[:-2] for diff in (*differ, *same)]
    title = f"Metrics without an error bar: {len(differ)} changed, {len(same)} did not"
    others = table("Metrics without an error bar", "Two numbers each.", _METRIC_COLUMNS[:-2], rest)
    return made + (fold(title, others) if judged else section(title, others))


def _metric_row(diff: MetricDiff) -> Row:
    arrow = {"higher": "↑", "lower": "↓"}.get(diff.direction or "", "")
    verdict = f'<span class="{CLASSES.get(diff.verdict, "plain")}">{text.SIGNS[diff.verdict]} {diff.verdict.value}</span>'
    if diff.reason and diff.verdict not in (Verdict.BETTER, Verdict.WORSE):
        verdict += f'<br><span class="soft">{esc(diff.reason)}</span>'
    numbers = [
        number_cell(cell)
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
    if not math.isfinite(reach + abs(diff.change)):
        return ""

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
    caption = "Intervals are wider here, for the number of slices."
    made = table("Slices that changed", caption, ("slice", *_METRIC_COLUMNS), rows)
    return fold(f"Slices that changed: {len(rows)}", made)


def _change(change: ValueChange) -> Row:
    old = text.value_text(change.old, absent=change.kind == "added")
    new = text.value_text(change.new, absent=change.kind == "removed")
    return esc(change.name), esc(old), esc(new)


def _params(comparison: Comparison) -> str:
    rows = [_change(change) for change in comparison.params]
    caption = "Values of params.yaml and other parameter files."
    made = table("Parameters changed", caption, ("name", "base", "this"), rows)
    return fold(f"Parameters changed: {len(rows)}", made)


def _data(comparison: Comparison) -> str:
    rows = []
    for change in comparison.data:
        old, new, columns = text.data_cells(change)
        rows.append([esc(change.path), esc(change.kind), esc(old), esc(new), esc(columns)])
    caption = "Files and folders whose content differs; rows and columns where both sides' tables are here."
    made = table("Data changed", caption, ("data", "what", "base", "this", "columns"), rows)
    alone = (
        comparison.labels if comparison.label_diff is None else None
    )  # else it stands among the words on labels
    labels = f"<p>Labels: {esc(text.label_sentence(alone))}</p>" if alone else ""
    return fold(f"Data changed: {len(rows)}", labels, made) if rows or labels else ""


def _data_words(comparison: Comparison) -> str:
    items = "".join(f"<li>{esc(line)}</li>" for line in data_lines(comparison))
    return section("Data", f"<ul>{items}</ul>") if items else ""


def _label_words(comparison: Comparison) -> str:
    lines = label_lines(comparison.label_diff, comparison.labels)
    items = "".join(f"<li>{esc(line)}</li>" for line in lines)
    return section("Labels", f"<ul>{items}</ul>") if items else ""


def _label_blocks(comparison: Comparison) -> str:
    return "\n".join(_block(block) for block in label_blocks(comparison.label_diff))


def _data_blocks(comparison: Comparison) -> str:
    return "\n".join(_block(block) for block in data_blocks(comparison))


def _block(block: Block) -> str:
    rows = [
        tuple(
            number_cell(cell) if side == "r" else esc(cell)
            for cell, side in zip(row, block.alignment, strict=True)
        )
        for row in block.rows
    ]
    return fold(block.title, table(block.title, block.words, block.columns, rows))


def _plan(comparison: Comparison) -> str:
    if comparison.plan is None or not comparison.planned:
        return ""
    rows: list[Row] = []
    for one in comparison.planned:
        expected = "" if one.seconds is None else f"{one.seconds:,.1f}"
        here = number_cell(text.plan_outcome(comparison, one.stage))
        rows.append(
            (esc(one.stage), text.PLAN_WORDS[one.expected], esc(one.why), number_cell(expected), here)
        )
    caption = "What was expected before the run, by what is recorded and by earlier runs."
    columns = ("stage", "plan", "because of", "seconds expected", "seconds here")
    lost = ", ".join(esc(path) for path in comparison.plan.lost)
    words = f"<p>Nowhere to be found: {lost}</p>" if lost else ""
    return fold(
        f"Plan before the run: {text.plan_words(comparison)}", words, table("Plan", caption, columns, rows)
    )


def _pipeline(comparison: Comparison) -> str:
    if not (comparison.stages or comparison.ran):
        return ""
    graph = draw_svg(draw_graph(comparison))
    caption = "By what the lock files record; stages without seconds did not run here."
    columns = ("stage", "what", "because of", "reads from", "seconds here")
    made = table("Stages", caption, columns, _stage_rows(comparison))
    drawn = scroll("Graph of the pipeline", graph) if graph else ""
    return fold(f"Pipeline: {text.pipeline_words(comparison)}", drawn, made)


def _stage_rows(comparison: Comparison) -> Sequence[Row]:
    """Return the stages in the graph's order; unchanged ones that did not run are left out when there are many."""
    seconds = dict(comparison.ran)
    nodes = {node.name: node for node in comparison.pipeline}
    changes = {stage.name: stage for stage in comparison.stages}
    many = len(nodes) > SAME_STAGES
    rows = []
    for name in dict.fromkeys((*nodes, *changes, *seconds)):
        change = changes.get(name)
        if many and change is None and name not in seconds:
            continue
        what = esc(change.kind) if change else WORDS["same"] if name in nodes else "ran"
        why = esc(", ".join(change.reasons)) if change else ""
        before = esc(", ".join(nodes[name].after)) if name in nodes else ""
        ran = f"{seconds[name]:,.1f}" if name in seconds else ""
        rows.append((esc(name), what, why, before, number_cell(ran)))
    return rows


def _cost(comparison: Comparison) -> str:
    rows = []
    for stage in comparison.costs:
        name, *cells = cost_cells(stage)
        rows.append((esc(name), *(number_cell(cell) for cell in cells)))
    caption = "What stages cost where their recorded runs were computed; stages of the same run on both sides are left out."
    return fold(f"Cost: {cost_words(comparison)}", table("Cost", caption, COLUMNS, rows)) if rows else ""


def _plots(comparison: Comparison) -> str:
    drawn, pictures = draw_plots(comparison), draw_pictures(comparison.pictures)
    made = f'<div class="plots">{drawn}{pictures}</div>' if drawn or pictures else ""
    states = [*(plot.state for plot in comparison.plots), *(picture.state for picture in comparison.pictures)]
    changed = any(state != "same" for state in states)
    title = f"Plots: {text.plot_words(comparison)}"
    return section(title, made) if changed else fold(title, made)


def _notes(comparison: Comparison) -> str:
    items = "".join(f"<li>{esc(note)}</li>" for note in comparison.notes)
    return section("Notes", f"<ul>{items}</ul>") if items else ""
