"""A label diff as lines for a terminal, and as JSON. All text of events is made harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from mlops_kit.artifacts.side import SideInfo
from mlops_kit.labels.diff.model import LabelDiff
from mlops_kit.report.data_text import Block
from mlops_kit.report.inert import visible
from mlops_kit.report.label_text import label_blocks, label_lines

WIDEST = 40


def dumps(base: SideInfo | None, head: SideInfo, found: LabelDiff) -> str:
    """Return a label diff as JSON; the fields are those of labels/diff/model.py, and `empty` says whether nothing differs."""
    sides = {"base": asdict(base) if base else None, "head": asdict(head)}
    value = {"version": 1, "empty": found.is_empty, **sides, **asdict(found)}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def render(base: SideInfo | None, head: SideInfo, found: LabelDiff) -> str:
    """Return a label diff as text."""
    lines = [f"{_side(base)} -> {_side(head)}", ""]
    nothing = "no label differs" if base else "nothing to compare with: there is one commit"
    lines += [visible(line, longest=400) for line in label_lines(found)] or [nothing]
    for block in label_blocks(found):
        lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _side(info: SideInfo | None) -> str:
    if info is None:
        return "nothing"
    label = visible(info.label)
    return f"{label} ({info.sha[:9]})" if info.sha and not info.sha.startswith(info.label) else label[:12]


def _block(block: Block) -> Iterator[str]:
    yield visible(block.title, longest=200)
    if block.words:
        yield f"  {visible(block.words, longest=300)}"
    table = [block.columns, *([visible(cell, longest=WIDEST) for cell in row] for row in block.rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(block.columns))]
    for row in table:
        cells = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, block.alignment, strict=True)
        ]
        yield f"  {'  '.join(cells)}".rstrip()
