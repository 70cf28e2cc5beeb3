"""What changed in the data, in a comment: words first, then a fold for each table."""

from __future__ import annotations

from mlops_kit.compare.model import Comparison
from mlops_kit.report.data_text import data_blocks, data_lines
from mlops_kit.report.markdown_table import Columns, Size, cut, fold, table, together
from mlops_kit.report.text import markdown_text as md


def data_words(comparison: Comparison, size: Size) -> tuple[str, str]:
    """Return the first lines on the data, and the fold with the others."""
    lines = data_lines(comparison)
    made = [f"- {md(line, longest=400)}" for line in lines]
    above, left = made[: size.above], made[size.above :]
    more = [f"- … and {len(left)} more lines"] if left and not size.rows else []
    top = "\n".join(["**Data**\n", *above, *more]) if above else ""
    return top, fold(f"Data, {len(left)} more lines", "\n".join(left)) if left and size.rows else ""


def data_sections(comparison: Comparison, size: Size) -> str:
    """Return a fold for each table on the data."""
    parts = []
    for block in data_blocks(comparison):

        def row(cells: tuple[str, ...]) -> str:
            return f"| {' | '.join(together(md(cell, longest=300)) for cell in cells)} |"

        names = [md(name) for name in block.columns]
        made_table = table(Columns(names, block.alignment), cut(block.rows, size.rows, row, "rows"))
        words = md(block.words, longest=600)
        parts.append(fold(md(block.title), "\n\n".join(part for part in (words, made_table) if part)))
    return "\n\n".join(parts)


def to_know(comparison: Comparison, size: Size) -> str:
    """Return the notes where nobody overlooks them: what breaks the contract, what was rewritten at the source."""
    lines = [f"- {md(note, longest=400)}" for note in comparison.notes[: max(size.above, 3)]]
    left = len(comparison.notes) - len(lines)
    more = [f"- … and {left:,} more; the report has them"] if left else []
    return "\n".join(["**To know**\n", *lines, *more]) if lines else ""
