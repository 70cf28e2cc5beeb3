"""Excel workbooks whose bytes depend on the cells alone.

A workbook is a zip whose members carry the time, and `docProps/core.xml` holds when it was created and changed, and by whom. Here the
dates are fixed, the names are left out and the zip is canonical. Needs openpyxl.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.canonical.archives import zip_bytes
from mlops_kit.artifacts.canonical.cells import plain_cell
from mlops_kit.artifacts.canonical.parquet import arrow_table
from mlops_kit.errors import BadDataError, UsageError

PROPERTIES = "docProps/core.xml"
_DATE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</)")
_NAME = re.compile(rb"(<(?:dc:creator|cp:lastModifiedBy)>)[^<]*(</)")


def xlsx_bytes(value: Any) -> bytes:
    """Return a workbook.

    `value` is a table (pandas DataFrame or pyarrow Table), {sheet name: table}, an openpyxl Workbook, or the path of a workbook, whose
    dates and names are replaced. Raises UsageError without openpyxl, BadDataError for what a sheet cannot hold.
    """
    if isinstance(value, str | Path):
        return canonicalize_xlsx(Path(value).read_bytes())
    try:
        from openpyxl import Workbook
    except ImportError:
        raise UsageError("writing .xlsx needs openpyxl", fix="uv add openpyxl, or write .csv") from None
    book = value if isinstance(value, Workbook) else _workbook(value)
    buffer = io.BytesIO()
    book.save(buffer)
    return canonicalize_xlsx(buffer.getvalue())


def canonicalize_xlsx(raw: bytes) -> bytes:
    """Return the workbook `raw` with fixed dates, without names of people and programs. Raises BadDataError if it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise BadDataError(f"not an Excel workbook: {error}") from error
    if PROPERTIES in members:
        dated = _DATE.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", members[PROPERTIES])
        members[PROPERTIES] = _NAME.sub(rb"\g<1>\g<2>", dated)
    return zip_bytes(members)


def _workbook(value: Any) -> Any:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    sheets = value if isinstance(value, Mapping) else {"Sheet1": value}
    if not sheets:
        raise BadDataError("a workbook needs at least one sheet")
    for name, table in sheets.items():
        made = arrow_table(table)
        sheet = book.create_sheet(str(name))
        sheet.append(made.column_names)
        for row in zip(*(column.to_pylist() for column in made.columns), strict=True):
            sheet.append([plain_cell(item, f"sheet `{name}`") for item in row])
    return book
