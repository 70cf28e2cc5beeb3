"""Tables and folds of the HTML page: captions, scopes, regions that scroll by keyboard, headings that can be jumped to."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.report.text import html_text as esc

Row = Sequence[str]
_NUMBER = "\0"  # no text of a stranger holds it: html_text shows it as an escape


def number_cell(content: str) -> str:
    """Return the text of a cell that stands to the right."""
    return f"{_NUMBER}{esc(content)}"


def table(title: str, caption: str, columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table in a region that scrolls; cells are HTML, the first of each row is its heading. Empty without rows."""
    if not rows:
        return ""
    numeric = [cell.startswith(_NUMBER) for cell in rows[0]]
    head = "".join(
        f'<th scope="col"{" class=n" if right else ""}>{esc(name)}</th>'
        for name, right in zip(columns, numeric, strict=True)
    )
    body = "\n".join(
        f"<tr>{''.join(_cell(c, heading=i == 0) for i, c in enumerate(row))}</tr>" for row in rows
    )
    return scroll(
        f"{title}, table",
        f"<table><caption><span>{esc(caption)}</span></caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>",
    )


def _cell(content: str, *, heading: bool) -> str:
    if heading:
        return f'<th scope="row">{content.removeprefix(_NUMBER)}</th>'
    return f'<td class="n">{content[1:]}</td>' if content.startswith(_NUMBER) else f"<td>{content}</td>"


def scroll(name: str, content: str) -> str:
    """Return `content` in a region called `name` that scrolls sideways, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(name)}">{content}</div>'


def section(title: str, *content: str) -> str:
    """Return a section with a heading; empty when all of its content is."""
    body = "\n".join(part for part in content if part)
    return f"<section><h2>{esc(title)}</h2>\n{body}</section>" if body else ""


def fold(title: str, *content: str) -> str:
    """Return a section that unfolds; empty when all of its content is."""
    body = "\n".join(part for part in content if part)
    return f"<details><summary><h2>{esc(title)}</h2></summary>\n{body}</details>" if body else ""
