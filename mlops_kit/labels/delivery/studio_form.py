"""Deliveries as Label Studio's tasks and annotations, with the labelling interface that fits a task.

Its formats: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export. Ours travel in `data.mlops_kit` of a task.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from mlops_kit.errors import BadDataError
from mlops_kit.labels.delivery.model import BadRow, Delivery, OutBatch, OutItem
from mlops_kit.labels.delivery.rows import Row, gather, shown_text
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import LabelTask

OURS = "mlops_kit"
_ANSWER, _REASON = "answer", "reason"
_KEYS = "1234567890qwertyuiop"


class UnreadableError(Exception):
    """An annotation says something that no answer can; the message says what."""


def write_studio(batch: OutBatch, columns: Sequence[str], task: LabelTask) -> tuple[bytes, bytes]:
    """Return the tasks as JSON, one to a line, and the labelling interface as XML, as Label Studio imports them."""
    tasks = studio_tasks(batch, columns, task)
    lines = ",\n".join(json.dumps(each, ensure_ascii=False, allow_nan=False) for each in tasks)
    return f"[\n{lines}\n]\n".encode(), studio_config(columns, task).encode()


def studio_config(columns: Sequence[str], task: LabelTask) -> str:
    """Return the labelling interface of a task: what is shown, the question with its shortcuts, and room for a comment."""
    rows = [name for name in columns if name not in (task.text, task.image)]
    target = _target(task)
    parts = [f"  <Header value={quoteattr(task.question)}/>"] if task.question else []
    control = _control(task, target)
    parts += control if task.type == "spans" else []
    parts += ['  <Text name="text" value="$text"/>'] if task.text else []
    parts += ['  <Image name="image" value="$image"/>'] if task.image else []
    parts += ['  <Table name="row" value="$row"/>'] if rows or target == "row" else []
    parts += [] if task.type == "spans" else control
    parts += [
        f'  <TextArea name="{_REASON}" toName="{target}" rows="1" maxSubmissions="1" placeholder="Comment"/>'
    ]
    return "<View>\n" + "\n".join(parts) + "\n</View>\n"


def studio_tasks(batch: OutBatch, columns: Sequence[str], task: LabelTask) -> Iterator[dict[str, Any]]:
    """Yield the items of a batch as Label Studio's tasks, the model's answers as predictions."""
    for each in batch.items:
        data: dict[str, Any] = {
            "row": {name: each.data.get(name) for name in columns if name not in (task.text, task.image)},
            OURS: {"item": each.item, "content": each.content, "batch": batch.batch, "task": batch.task, "guideline": batch.guideline},
        }  # fmt: skip
        if task.text:
            data["text"] = str(each.data.get(task.text) or "")
        if task.image:
            data["image"] = each.data.get(task.image)
        made: dict[str, Any] = {"data": data}
        if each.suggestion is not None:
            made["predictions"] = [_prediction(each, task)]
        yield made


def read_studio(content: bytes, task: LabelTask, *, name: str) -> Delivery:
    """Return the annotations of a JSON export of Label Studio. Raises BadDataError when it is none, or is cut off."""
    try:
        tasks = json.loads(content)
    except ValueError:
        tasks = None
    if not isinstance(tasks, list):
        raise BadDataError(
            f"{name}: no JSON export of Label Studio; it may be cut off",
            fix="export it again, as JSON (not JSON-MIN)",
        )
    batches = {str(ours.get("batch") or "") for each in tasks if (ours := _ours(each))}
    return read_tasks(tasks, task, batch=next(iter(batches)) if len(batches) == 1 else None)


def read_tasks(tasks: Iterable[Any], task: LabelTask, *, batch: str | None = None) -> Delivery:
    """Return the annotations of Label Studio's tasks as answers; `batch` is the export that they are of, as far as anybody knows.

    A skipped task is `cannot tell`. Annotators are `studio-<number of the user>`; times are those of the last change. Offsets in texts are
    characters, also where Label Studio counted the halves of surrogate pairs.
    """
    return gather(_rows(tasks, task), task, texts=False, batch=batch or None)


def is_studio(content: bytes) -> bool:
    """Return whether JSON looks like an export of Label Studio."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    return (
        head.startswith(b"[")
        and (b'"annotations"' in content[:1_000_000] or b'"completions"' in head)
        and b'"data"' in content
    )


def _rows(tasks: Iterable[Any], task: LabelTask) -> Iterator[tuple[str, Row | BadRow]]:
    for at, each in enumerate(tasks, 1):
        place = f"task {each.get('id', at)}" if isinstance(each, dict) else f"task {at}"
        ours = _ours(each)
        if ours is None:
            yield (
                place,
                BadRow(place, f"no `{OURS}` in its data: it was not exported by mlops-kit", _shown(each)),
            )
            continue
        shared = {key: ours.get(key) for key in ("item", "content", "batch", "guideline")}
        annotations = [one for one in each.get("annotations") or () if isinstance(one, dict)]
        if not annotations:
            yield place, shared
        for annotation in annotations:
            try:
                yield place, {**shared, **_answer(annotation, each["data"], task)}
            except (UnreadableError, KeyError, TypeError, ValueError, IndexError) as error:
                yield (
                    place,
                    BadRow(
                        place,
                        f"annotation {annotation.get('id')}: {error!s}",
                        _shown(annotation.get("result")),
                    ),
                )


def _ours(each: Any) -> Mapping[str, Any] | None:
    data = each.get("data") if isinstance(each, dict) else None
    ours = data.get(OURS) if isinstance(data, dict) else None
    return ours if isinstance(ours, dict) and ours.get("item") else None


def _answer(annotation: Mapping[str, Any], data: Mapping[str, Any], task: LabelTask) -> dict[str, Any]:
    results = [one for one in annotation.get("result") or () if isinstance(one, dict)]
    said = [one for one in results if one.get("from_name") == _ANSWER]
    comments = [
        text for one in results if one.get("from_name") == _REASON for text in _listed(one["value"]["text"])
    ]
    who = annotation.get("completed_by")
    who = who.get("id") if isinstance(who, dict) else who
    return {
        "value": None if annotation.get("was_cancelled") else _value(said, data, task),
        "annotator": None if who is None else f"studio-{who}",
        "time": annotation.get("updated_at") or annotation.get("created_at"),
        "seconds": annotation.get("lead_time"),
        "reason": " ".join(comments),
    }


def _value(said: Sequence[Mapping[str, Any]], data: Mapping[str, Any], task: LabelTask) -> JsonValue:
    if task.type == "classes":
        return [choice for one in said for choice in one["value"]["choices"]]
    if task.type == "spans":
        spans: list[dict[str, Any]] = [_span(one["value"], str(data.get("text", ""))) for one in said]
        spans.sort(key=lambda span: (span["start"], span["end"], span["label"]))
        return [*spans]
    if task.type == "boxes":
        return [_box(one["value"]) for one in said]
    if not said:
        return None
    value = said[-1]["value"]
    if task.type == "class":
        chosen: JsonValue = value["choices"][0]
        return chosen
    if task.type == "number":
        number: JsonValue = value["number"]
        return number
    written: JsonValue = json.loads(_listed(value["text"])[-1])
    return written


def _span(value: Mapping[str, Any], text: str) -> dict[str, Any]:
    start, end, marked = int(value["start"]), int(value["end"]), value.get("text")
    if marked is not None and text[start:end] != marked:
        start, end = _characters(text, start), _characters(text, end)
        if text[start:end].strip() != str(marked).strip():
            raise UnreadableError("the marked text does not stand at its place")
    return {"start": start, "end": end, "label": value["labels"][0]}


def _characters(text: str, units: int) -> int:
    """Return how many characters the first `units` units of UTF-16 are; JavaScript counts those."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore"))


def _box(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("rotation"):
        raise UnreadableError("a box is rotated, which answers cannot say")
    sides = {name: float(value[name]) / 100 for name in ("x", "y", "width", "height")}
    return {**{name: round(side, 9) for name, side in sides.items()}, "label": value["rectanglelabels"][0]}


def _prediction(each: OutItem, task: LabelTask) -> dict[str, Any]:
    made: dict[str, Any] = {"model_version": "mlops-kit", "result": list(_results(each, task))}
    return made if each.probability is None else {**made, "score": each.probability}


def _results(each: OutItem, task: LabelTask) -> Iterator[dict[str, Any]]:
    value: Any = each.suggestion
    head = {"from_name": _ANSWER, "to_name": _target(task)}
    if task.type in ("class", "classes"):
        chosen = value if isinstance(value, list) else [value]
        yield {**head, "type": "choices", "value": {"choices": chosen}}
    elif task.type == "number":
        yield {**head, "type": "number", "value": {"number": value}}
    elif task.type == "json":
        yield {**head, "type": "textarea", "value": {"text": [json.dumps(value, ensure_ascii=False)]}}
    elif task.type == "spans":
        text = str(each.data.get(task.text or "") or "")
        for at, span in enumerate(value):
            start, end = span["start"], span["end"]
            place = {"start": start, "end": end, "text": text[start:end], "labels": [span["label"]]}
            yield {**head, "id": f"s{at}", "type": "labels", "value": place}
    else:
        for at, box in enumerate(value):
            sides = {name: box[name] * 100 for name in ("x", "y", "width", "height")}
            place = {**sides, "rotation": 0, "rectanglelabels": [box["label"]]}
            yield {**head, "id": f"b{at}", "type": "rectanglelabels", "value": place}


def _target(task: LabelTask) -> str:
    if task.type == "boxes" or (task.image and not task.text):
        return "image"
    return "text" if task.text else "row"


def _control(task: LabelTask, target: str) -> list[str]:
    head = f'name="{_ANSWER}" toName="{target}"'
    if task.type in ("class", "classes"):
        many = "single" if task.type == "class" else "multiple"
        return [
            f'  <Choices {head} choice="{many}" showInLine="true">',
            *_options("Choice", task),
            "  </Choices>",
        ]
    if task.type == "spans":
        return [f"  <Labels {head}>", *_options("Label", task), "  </Labels>"]
    if task.type == "boxes":
        return [f"  <RectangleLabels {head}>", *_options("Label", task), "  </RectangleLabels>"]
    if task.type == "number":
        bounds = "".join(
            f' {name}="{bound:g}"'
            for name, bound in (("min", task.min), ("max", task.max))
            if bound is not None
        )
        return [f"  <Number {head}{bounds}/>"]
    return [f'  <TextArea {head} rows="6" maxSubmissions="1" placeholder="JSON"/>']


def _options(tag: str, task: LabelTask) -> list[str]:
    keys = {name: task.shortcuts.get(name) for name in task.classes}
    free = (key for key in _KEYS if key not in keys.values())
    return [
        f"    <{tag} value={quoteattr(name)} hotkey={quoteattr(key or next(free, ''))}/>"
        for name, key in keys.items()
    ]


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _shown(value: Any) -> str:
    return shown_text(json.dumps(value, ensure_ascii=False, default=str))
