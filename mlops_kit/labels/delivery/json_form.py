"""Deliveries as JSON: for programs, and for answers that are no single cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_kit.errors import BadDataError
from mlops_kit.labels.delivery.model import BadRow, Delivery, OutBatch
from mlops_kit.labels.delivery.rows import Row, gather, shown_text
from mlops_kit.spec.labels import LabelTask


def write_json(batch: OutBatch, task: LabelTask) -> bytes:
    """Return the batch as one JSON object: the question, and the items one to a line, each with an empty list of `answers`."""
    head = {
        "batch": batch.batch,
        "task": batch.task,
        "question": task.question,
        "type": task.type,
        "classes": list(task.classes),
        "guideline": batch.guideline,
        "answer": {"value": "the answer; null: cannot tell", "annotator": "a pseudonym", "time": "UTC", "seconds": 0,
                   "confidence": "0 to 1", "reason": "a comment"},
    }  # fmt: skip
    lines = ",\n".join(_line(_item(each)) for each in batch.items)
    opened = json.dumps(head, ensure_ascii=False, indent=1, allow_nan=False)[:-2]
    return (opened + ',\n "items": [\n' + lines + "\n]}\n").encode()


def read_json(content: bytes, task: LabelTask, *, name: str) -> Delivery:
    """Return the answers of a JSON file: the exported object with its `answers` filled in, a list of flat answers, or one flat answer to a line.

    A flat answer has `item` and `value`, and any of annotator, time, seconds, confidence, reason, content, batch. Raises BadDataError
    when the file is none of these, or is cut off.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(f"{name}: not UTF-8 (byte {error.start})", fix="save it as UTF-8") from None
    whole = _parsed(text)
    if isinstance(whole, dict) and "items" in whole:
        return gather(
            _nested(whole), task, texts=False, batch=str(whole["batch"]) if whole.get("batch") else None
        )
    if isinstance(whole, list):
        return gather(_flat(enumerate(whole, 1), "entry"), task, texts=False)
    first = text.lstrip().partition("\n")[0]
    if isinstance(_parsed(first), dict):
        lines = ((at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip())
        return gather(_lines(lines), task, texts=False)
    raise BadDataError(
        f"{name}: no JSON object with `items`, no list of answers and no JSON lines; it may be cut off",
        fix="fetch it again, or look at it: python -m json.tool " + name,
    )


def _item(each: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"item": each.item, "content": each.content, "data": dict(each.data)}
    if each.suggestion is not None or each.probability is not None:
        given["suggestion"] = {"value": each.suggestion, "probability": each.probability}
    return {**given, "answers": []}


def _nested(whole: Mapping[str, Any]) -> Iterator[tuple[str, Row | BadRow]]:
    items = whole["items"]
    for at, each in enumerate(items if isinstance(items, list) else [items], 1):
        place = f"item {at}"
        answers = each.get("answers", []) if isinstance(each, dict) else None
        if not isinstance(answers, list):
            yield place, _bad(place, "no object with a list of `answers`", each)
            continue
        if not answers:
            yield place, {"item": each.get("item")}
        shared = {key: each[key] for key in ("item", "content") if key in each}
        shared |= {"guideline": whole["guideline"]} if whole.get("guideline") else {}
        for answer in answers:
            if isinstance(answer, dict):
                yield place, {**answer, **shared}
            else:
                yield place, _bad(place, "an answer is no object", answer)


def _flat(entries: Any, word: str) -> Iterator[tuple[str, Row | BadRow]]:
    for at, each in entries:
        place = f"{word} {at}"
        yield place, each if isinstance(each, dict) else _bad(place, "no object", each)


def _lines(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[str, Row | BadRow]]:
    for at, line in lines:
        place, value = f"line {at}", _parsed(line)
        if isinstance(value, dict):
            yield place, value
        else:
            yield place, BadRow(place, "no JSON object; the file may be cut off", shown_text(line))


def _bad(place: str, why: str, value: Any) -> BadRow:
    return BadRow(place, why, shown_text(json.dumps(value, ensure_ascii=False)))


def _parsed(text: str) -> Any:
    """Return JSON as a value; a text that is none as itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _line(value: Any) -> str:
    return "  " + json.dumps(value, ensure_ascii=False, allow_nan=False)
