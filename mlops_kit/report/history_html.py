"""The history of metrics as one self-contained HTML page: a chart for each metric and a table, no script, nothing from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_kit.compare.history import Cell, History, HistoryRow, Series
from mlops_kit.report.history_text import ABSENT, ARROWS, BEST, UNREADABLE, short_refs
from mlops_kit.report.html import POLICY
from mlops_kit.report.inert import html_text as esc
from mlops_kit.report.inert import number, signed

WIDTH, HEIGHT = 1000, 100
# Charts beyond this are folded away: a page of fifty pictures shows nothing.
MOST_OPEN = 8


def render(history: History) -> str:
    """Return the page."""
    here = Path(__file__).parent
    style = "".join((here / name).read_text(encoding="utf-8") for name in ("style.css", "history.css"))
    sections = (_unreadable(history), _charts(history), _table(history), _notes(history))
    rows = len(history.rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>Metrics over {esc(history.span)}: {esc(history.project)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="soft">{esc(history.project)}</p>
<h1>Metrics over {esc(history.span)}</h1>
<p>{rows:,} {"commit" if rows == 1 else "commits"} of {history.scanned:,} read{"" if history.complete else "; older ones were not looked at"}</p>
</header>
<main>
{"".join(section for section in sections if section)}
</main>
<footer><p>↑ higher is better, ↓ lower is better. {BEST} best of these, {UNREADABLE} could not be read, {ABSENT} no value. Commits stand side by side in their order, whatever time lies between.</p></footer>
</body>
</html>
"""


def _unreadable(history: History) -> str:
    if not history.unreadable:
        return ""
    items = "\n".join(
        f"<tr><th scope=row>{esc(lost.what)}</th><td>{esc(lost.reason)}</td><td class=n>{lost.commits:,}</td>"
        f"<td><code>{esc(lost.fix)}</code></td></tr>"
        for lost in history.unreadable
    )
    head = "<th scope=col>what</th><th scope=col>why</th><th scope=col class=n>commits</th><th scope=col>mend it with</th>"
    title = "What could not be read"
    return (
        f'<section><h2 class="unreadable">{title}</h2><div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{items}</tbody></table></div></section>\n"
    )


def _charts(history: History) -> str:
    made = [_figure(history, column) for column in range(len(history.series))]
    shown, folded = made[:MOST_OPEN], made[MOST_OPEN:]
    rest = (
        f"<details><summary>More metrics: {len(folded)}</summary>{''.join(folded)}</details>"
        if folded
        else ""
    )
    return "".join(shown) + rest


def _figure(history: History, column: int) -> str:
    line = history.series[column]
    rows = list(reversed(history.rows))
    cells = [row.cells[column] for row in rows]
    there = [cell.value for cell in cells if cell.value is not None]
    title = f"{esc(line.name)} {ARROWS[line.direction]}".rstrip()
    if not there:
        return f"<section><h2>{title}</h2><p>No commit here has a value that could be read.</p></section>\n"
    ends = f"<span>{esc(_when(rows[0]))}</span><span>{esc(_when(rows[-1]))}</span>"
    words = _summary(line, rows, cells)
    return (
        f'<section><h2>{title}</h2><figure><div class="plot">'
        f'<div class="scale" aria-hidden="true"><span>{number(max(there))}</span><span>{number(min(there))}</span></div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{esc(words)}">'
        f"{''.join(_marks(line, rows, cells))}</svg>"
        f'<div class="ends" aria-hidden="true">{ends}</div></div><figcaption>{_legend(cells)}{esc(words)}</figcaption></figure></section>\n'
    )


def _legend(cells: Sequence[Cell]) -> str:
    keys = [("good", "best")] if any(cell.best for cell in cells) else []
    keys += [("warn", "could not be read")] if any(cell.unreadable for cell in cells) else []
    return "".join(f'<span class="key {tone}"></span>{name}' for tone, name in keys) + (" · " if keys else "")


def _summary(line: Series, rows: Sequence[HistoryRow], cells: Sequence[Cell]) -> str:
    points = [(row, cell.value) for row, cell in zip(rows, cells, strict=True) if cell.value is not None]
    first, last = points[0][1], points[-1][1]
    words = f"{line.name}: {number(first)} at first, {number(last)} now ({signed(last - first)}), {len(points)} values"
    best = next(
        (f"; best {number(c.value)} at {_id(r)}" for r, c in zip(rows, cells, strict=True) if c.best), ""
    )
    return words + best


def _marks(line: Series, rows: Sequence[HistoryRow], cells: Sequence[Cell]) -> Iterator[str]:
    there = [cell.value for cell in cells if cell.value is not None]
    low, high = min(there), max(there)
    step = WIDTH / max(1, len(rows) - 1)
    places = [
        (
            index * step if len(rows) > 1 else WIDTH / 2,
            HEIGHT / 2
            if high == low
            else HEIGHT * (high - (low if cell.value is None else cell.value)) / (high - low),
        )
        for index, cell in enumerate(cells)
    ]
    for part in _runs(cells):
        if len(part) > 1:
            points = " ".join(f"{places[index][0]:.1f},{places[index][1]:.1f}" for index in part)
            yield f'<polyline class="line" points="{points}"/>'
    for (x, y), row, cell in zip(places, rows, cells, strict=True):
        if cell.value is None and not cell.unreadable:
            continue
        kind = "lost" if cell.value is None else "top" if cell.best else "point"
        said = f"{_id(row)} {_when(row)}: {line.name} "
        said += f"could not be read: {cell.unreadable}" if cell.value is None else number(cell.value)
        said += f" ({signed(cell.change)})" if cell.change else ""
        said += f" {short_refs(row.refs)}" if row.refs else ""
        dot = f"M{x:.1f} {y:.1f}h.01"
        # A fat invisible point below the visible one is what a pointer has to hit.
        yield (
            f'<a href="#{_anchor(row)}" tabindex="-1"><title>{esc(f"{said} {row.subject}")}</title>'
            f'<path class="reach" d="{dot}"/><path class="{kind}" d="{dot}"/></a>'
        )


def _runs(cells: Sequence[Cell]) -> list[list[int]]:
    """Return the stretches of commits that have a value; a line across a gap would claim values that nobody measured."""
    runs: list[list[int]] = [[]]
    for index, cell in enumerate(cells):
        if cell.value is not None:
            runs[-1].append(index)
        elif runs[-1]:
            runs.append([])
    return runs


def _table(history: History) -> str:
    if not history.rows:
        return "<p>No metric changed in these commits.</p>"
    names = "".join(
        f'<th scope="col" class="n">{esc(line.name)} {ARROWS[line.direction]}</th>' for line in history.series
    )
    body = "\n".join(_row(history, row) for row in history.rows)
    return (
        '<section><h2>Commits</h2><div class="scroll" tabindex="0" role="region" aria-label="Metrics by commit">'
        '<table class="history"><caption>Newest first; each with its change against the row that came before it.</caption>'
        f'<thead><tr><th scope="col">commit</th><th scope="col">date</th>{names}<th scope="col">what</th></tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div></section>\n"
    )


def _row(history: History, row: HistoryRow) -> str:
    cells = "".join(
        f'<td class="n">{_cell(cell, line)}</td>'
        for cell, line in zip(row.cells, history.series, strict=True)
    )
    refs = "".join(f'<span class="ref">{esc(short_refs([ref]))}</span>' for ref in row.refs)
    words = esc(row.subject) if row.sha else "not committed"
    return (
        f'<tr id="{_anchor(row)}"><th scope="row">{_id(row)}</th><td>{esc(_when(row))}</td>{cells}'
        f'<td class="words">{refs}{words}</td></tr>'
    )


def _cell(cell: Cell, line: Series) -> str:
    if cell.value is None:
        reason = esc(cell.unreadable)
        return f'<span class="cannot" title="{reason}">{UNREADABLE}</span>' if reason else ABSENT
    shown = (
        f'<strong class="better">{number(cell.value)} {BEST}</strong>' if cell.best else number(cell.value)
    )
    if not cell.change:
        return shown
    good = line.direction and (cell.change > 0) == (line.direction == "higher")
    tone = "soft" if line.direction is None else "better" if good else "worse"
    return f'{shown} <span class="{tone}">{signed(cell.change)}</span>'


def _notes(history: History) -> str:
    items = "".join(f"<li>{esc(note)}</li>" for note in history.notes)
    return f"<section><h2>Notes</h2><ul>{items}</ul></section>" if items else ""


def _id(row: HistoryRow) -> str:
    return row.sha[:9] or "work tree"


def _anchor(row: HistoryRow) -> str:
    return f"c-{row.sha[:12] or 'work-tree'}"


def _when(row: HistoryRow) -> str:
    return row.date[:10] or "now"
