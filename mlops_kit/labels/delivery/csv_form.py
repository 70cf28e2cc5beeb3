"""Deliveries as CSV: a spreadsheet in which people write their answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from mlops_kit.errors import BadDataError
from mlops_kit.labels.delivery.cells import answer_cell, cell_of, unguard
from mlops_kit.labels.delivery.model import BadRow, Delivery, OutBatch
from mlops_kit.labels.delivery.rows import ANSWER_FIELDS, Row, gather, shown_text
from mlops_kit.spec.labels import LabelTask

_OURS = ("batch", "item", "content", "suggestion", "probability", *ANSWER_FIELDS)
_NEEDED = ("item", "value")
_LONGEST_CELL = 1 << 27


def write_csv(batch: OutBatch, columns: Sequence[str], task: LabelTask) -> bytes:
    """Return the batch as CSV: name of the batch, the item and its content hash, the shown `columns`, the model's suggestion, and empty cells for
    the answer.

    A shown column whose name is one of ours gets `shown.` before it. UTF-8, with a byte order mark when it is not plain ASCII, because Excel
    takes it for the system's code page otherwise. Cells that a spreadsheet would run as a formula are guarded by an apostrophe.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180; and a lone \r is quoted by it
    suggested = any(item.probability is not None or item.suggestion is not None for item in batch.items)
    extra = ("suggestion", "probability") if suggested else ()
    names = tuple(f"shown.{name}" if name in _OURS else name for name in columns)
    writer.writerow(("batch", "item", "content", *map(cell_of, names), *extra, *ANSWER_FIELDS))
    for each in batch.items:
        shown = (cell_of(each.data.get(name)) for name in columns)
        model = (
            (
                "" if each.suggestion is None else answer_cell(each.suggestion, task),
                cell_of(each.probability),
            )
            if suggested
            else ()
        )
        writer.writerow(
            (batch.batch, cell_of(each.item), each.content, *shown, *model, *("" for _ in ANSWER_FIELDS))
        )
    text = out.getvalue()
    return text.encode("ascii" if text.isascii() else "utf-8-sig")


def read_csv(content: bytes, task: LabelTask, *, name: str) -> Delivery:
    """Return the answers of a CSV file: columns `item` and `value`, and any of annotator, time, seconds, confidence, reason, content, batch.

    Comma, semicolon and tab are understood, UTF-8 and UTF-16 with a byte order mark too. Rows with too many or too few cells, and a quote that never
    ends, are told. Raises BadDataError when the file is no such table.
    """
    text = _decoded(content, name)
    csv.field_size_limit(_LONGEST_CELL)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=_delimiter(text), strict=True)
    header = [unguard(cell.strip()).casefold() for cell in next(reader, [])]
    missing = [column for column in _NEEDED if column not in header]
    if missing:
        raise BadDataError(
            f"{name}: no column `{missing[0]}`; the first line has {', '.join(header[:20]) or 'nothing'}",
            fix="send back the exported file with its header, or a file with the columns item, value and annotator",
        )
    wanted = {column: at for at, column in enumerate(header) if column in (*_OURS, "guideline", "supersedes")}
    return gather(_rows(reader, len(header), wanted), task, texts=True)


def _rows(
    reader: Iterator[list[str]], width: int, wanted: dict[str, int]
) -> Iterator[tuple[str, Row | BadRow]]:
    line = 1
    while True:
        place = f"line {reader.line_num + 1}"  # type: ignore[attr-defined] # of csv.reader
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, BadRow(place, f"no CSV from here on ({error}); the file may be cut off", "")
            return
        line += 1
        if not any(cells):
            continue
        if len(cells) != width:
            short = "fewer" if len(cells) < width else "more"
            why = f"{short} cells ({len(cells)}) than the first line ({width})"
            yield place, BadRow(place, why, shown_text(",".join(cells)))
            continue
        yield place, {column: unguard(cells[at]) for column, at in wanted.items()}


def _decoded(content: bytes, name: str) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{name}: not UTF-8 (byte {error.start})", fix="save it as `CSV UTF-8 (comma delimited)`"
        ) from None


def _delimiter(text: str) -> str:
    """Return the delimiter: that of `, ; tab` which the first line has most of (spreadsheets of some countries write semicolons)."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
