"""What changed in data and labels, in a comment: words first, then a fold for each table."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.compare.model import Comparison
from mlops_kit.report.data_text import Block, data_blocks, data_lines
from mlops_kit.report.label_text import label_blocks, label_lines
from mlops_kit.report.markdown_table import Columns, Size, cut, fold, table, together
from mlops_kit.report.text import markdown_text as md


def data_words(comparison: Comparison, size: Size) -> tuple[str, str]:
    """Return the first lines on the data, and the fold with the others."""
    return _words("Data", data_lines(comparison), size)


def label_words(comparison: Comparison, size: Size) -> tuple[str, str]:
    """Return the first lines on labels, and the fold with the others."""
    return _words("Labels", label_lines(comparison.label_diff, comparison.labels), size)


def _words(title: str, lines: Sequence[str], size: Size) -> tuple[str, str]:
    made = [f"- {md(line, longest=400)}" for line in lines]
    above, left = made[: size.above], made[size.above :]
    more = [f"- … and {len(left)} more lines"] if left and not size.rows else []
    top = "\n".join([f"**{title}**\n", *above, *more]) if above else ""
    return top, fold(f"{title}, {len(left)} more lines", "\n".join(left)) if left and size.rows else ""


def data_sections(comparison: Comparison, size: Size) -> str:
    """Return a fold for each table on the data."""
    return _folds(data_blocks(comparison), size)


def label_sections(comparison: Comparison, size: Size) -> str:
    """Return a fold for each table on labels."""
    return _folds(label_blocks(comparison.label_diff), size)


def _folds(blocks: Sequence[Block], size: Size) -> str:
    parts = []
    for block in blocks:

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
