"""Rows of a file, whatever its form, as answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops_kit.labels.delivery.cells import read_answer, utc_time
from mlops_kit.labels.delivery.model import Answer, BadRow, Delivery
from mlops_kit.spec.labels import LabelTask

SHOWN_TEXT = 500
_ADDRESS = re.compile(r"[^\s,;\"'<>]+@[^\s,;\"'<>]+")
ANSWER_FIELDS = ("value", "annotator", "time", "seconds", "confidence", "reason")
"""What an annotator, or the annotator's program, fills in."""
Row = Mapping[str, Any]


def shown_text(text: str) -> str:
    """Return a piece of a file as it may be kept: without addresses, at most 500 characters."""
    return _ADDRESS.sub("(address)", text)[:SHOWN_TEXT]


class BadCellError(Exception):
    """A row is no answer; the message says why."""


def gather(
    rows: Iterable[tuple[str, Row | BadRow]], task: LabelTask, *, texts: bool, batch: str | None = None
) -> Delivery:
    """Return what `rows` (place in the file, columns by name) hold.

    `texts`: whether all values are texts, as in CSV; else an answer is taken as it is. A row without an answer is counted; one that cannot be read
    is told with its place and never stops the others.
    """
    answers: list[Answer] = []
    bad: list[BadRow] = []
    empty, batches = 0, {batch} - {None}
    read: Callable[[Any], Any] = (lambda cell: read_answer(cell, task)) if texts else (lambda value: value)
    for place, row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        if row.get("batch"):
            batches.add(str(row["batch"]))
        if is_empty(row, texts=texts):
            empty += 1
            continue
        try:
            answers.append(_answer(place, row, read))
        except BadCellError as error:
            told = {
                name: str(cell)
                for name, cell in row.items()
                if name != "annotator" and cell not in (None, "")
            }
            bad.append(BadRow(place, str(error), shown_text(json.dumps(told, ensure_ascii=False))))
    return Delivery(tuple(answers), empty, tuple(bad), next(iter(batches)) if len(batches) == 1 else None)


def is_empty(row: Row, *, texts: bool) -> bool:
    """Return whether nothing was answered: an empty cell, or no `value` at all. In JSON `null` is an answer: cannot tell."""
    return not str(row.get("value") or "").strip() if texts else "value" not in row


def _answer(place: str, row: Row, read: Callable[[Any], Any]) -> Answer:
    item = row.get("item")
    if item is None or not str(item):
        raise BadCellError("no `item`")
    return Answer(
        place=place,
        item=str(item),
        value=read(row["value"]),
        annotator=_text(row, "annotator"),
        time=_time(row),
        seconds=_number(row, "seconds"),
        confidence=_number(row, "confidence"),
        reason=_text(row, "reason"),
        content=_text(row, "content"),
        guideline=_text(row, "guideline"),
        supersedes=_text(row, "supersedes"),
    )


def _text(row: Row, name: str) -> str | None:
    value = row.get(name)
    return None if value is None or not str(value).strip() else str(value).strip()


def _number(row: Row, name: str) -> float | None:
    text = _text(row, name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        raise BadCellError(f"`{name}` is no number") from None
    if not 0 <= number < float("inf"):
        raise BadCellError(f"`{name}` is no number of 0 or more")
    return number


def _time(row: Row) -> str | None:
    text = _text(row, "time")
    if text is None:
        return None
    when = utc_time(text)
    if when is None:
        raise BadCellError("`time` is no time such as 2026-11-21T09:30:00Z")
    return when
