"""Tables as CSV, HTML and Markdown whose bytes depend on the cells alone.

A Styler of pandas gives its table a random id on every call; `to_html` cuts long cells and rounds by the display options of the process;
a compressed CSV holds the time; and a set in a cell is written in the order of the hash seed. Here ids are fixed, nothing is cut, and a
cell without a stable text is refused.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from mlops_kit.artifacts.canonical.cells import check_cell
from mlops_kit.artifacts.canonical.parquet import plain_frame
from mlops_kit.artifacts.canonical.text import canonical_csv, plain_text


def csv_text(value: Any) -> str:
    """Return a pandas DataFrame, a pyarrow Table or rows as mappings as CSV with `\\n` line ends and the shortest exact floats.

    A default index is dropped, any other becomes columns. Raises BadDataError for a cell without a stable text, such as a set.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return canonical_csv(value)
    text: str = _checked_frame(value).to_csv(index=False, lineterminator="\n")
    return text


def html_text(value: Any, *, title: str = "", digits: int = 6) -> str:
    """Return an HTML page: a text as it is, a pandas DataFrame, a pyarrow Table or a Styler as a table.

    Floats have `digits` significant digits (a Styler formats its own). Raises BadDataError as csv_text does.
    """
    if isinstance(value, str):
        return plain_text(value)
    if hasattr(value, "set_table_styles") and hasattr(
        value, "to_html"
    ):  # a Styler, which needs jinja2 to be imported
        made: str = value.to_html(table_uuid="table", doctype_html=True, encoding="utf-8")
        return plain_text(made)
    import pandas as pd

    frame = _checked_frame(value)
    with pd.option_context("display.max_colwidth", None, "display.html.border", 0):
        table = frame.to_html(
            index=False, max_rows=None, max_cols=None, float_format=lambda x: f"{x:.{digits}g}"
        )
    head = f'<meta charset="utf-8">\n<title>{html.escape(title)}</title>'
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{table}\n</body>\n</html>\n'


def markdown_text(value: Any, *, digits: int = 6) -> str:
    """Return Markdown: a text as it is, a pandas DataFrame or a pyarrow Table as a table with floats of `digits` significant digits."""
    if isinstance(value, str):
        return plain_text(value)
    frame = _checked_frame(value)
    lines = [[_escape(str(name)) for name in frame.columns], ["---"] * len(frame.columns)]
    for row in frame.itertuples(index=False, name=None):
        lines.append(
            [_escape(f"{cell:.{digits}g}" if isinstance(cell, float) else str(cell)) for cell in row]
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def _checked_frame(value: Any) -> Any:
    if type(value).__module__.startswith("pyarrow"):
        value = value.to_pandas(integer_object_nulls=True)
    frame = plain_frame(value)
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype == object:
            for row, cell in enumerate(column):
                check_cell(cell, f"column `{name}`, row {row}")
    return frame
