"""JSON lines of any size, as texts: one object on each line, one column for each key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlops_kit.data.formats.encodings import Text, open_text, shown
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.packed import Content
from mlops_kit.data.formats.rows import OnReject, RowSource, Tally, check_same
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 16 << 20
BATCH_ROWS = 16_384


def read_json_lines(content: Content, options: FormatOptions) -> RowSource:
    """Return the rows of a file of JSON lines; columns are the keys in the order of their first appearance in the whole file.

    Every value is a text, as it stands in the file: numbers keep all their digits, objects and lists are JSON; null and a missing key are
    missing. Raises BadDataError for a file that is empty, is one list, or holds no object.
    """
    import pyarrow as pa

    names: dict[str, None] = {}
    with content.open() as stream:
        text = open_text(stream, options, content.name)
        for _, found in _records(content.name, text):
            if not isinstance(found, _NoRowError) and not found.keys() <= names.keys():
                names.update(dict.fromkeys(found))
    if not names:
        raise BadDataError(f"{content.name}: no line is a JSON object", fix="is format.type right?")
    schema = pa.schema([(name, pa.string()) for name in names])

    def start(on_reject: OnReject) -> Iterator[pa.RecordBatch]:
        tally = Tally(content.name, options.max_rejected, on_reject)
        with content.open() as stream:
            yield from _batches(open_text(stream, options, content.name), schema, tally)
        tally.judge()

    return RowSource(content.name, schema, start)


def _batches(text: Text, schema: pa.Schema, tally: Tally) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, str | None]] = []
    known = dict.fromkeys(schema.names).keys()
    for number, found in _records(tally.name, text):
        if isinstance(found, _NoRowError):
            tally.reject(number, found.rule, shown(found.line, converted=text.converted))
            continue
        if not found.keys() <= known:
            check_same(tally.name, schema.names, [*schema.names, *(found.keys() - known)])
        rows.append(found)
        tally.rows += 1
        if len(rows) == BATCH_ROWS:
            yield _batch(rows, schema)
            rows = []
    if rows:
        yield _batch(rows, schema)


def _batch(rows: Sequence[dict[str, str | None]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in schema.names]
    return pa.record_batch(columns, schema=schema)


class _NoRowError(ValueError):
    """A line that is no row."""

    def __init__(self, rule: str, line: bytes = b"") -> None:
        super().__init__(rule)
        self.rule = rule
        self.line = line


def _records(name: str, text: Text) -> Iterator[tuple[int, dict[str, str | None] | _NoRowError]]:
    # Numbers as plain texts are quick; where they stand inside of a list or an object, they must be told from texts.
    flat = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=str, parse_float=str, parse_constant=str)
    deep = json.JSONDecoder(
        object_pairs_hook=_pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
    )
    for number, line in enumerate(_lines(name, text), start=1):
        if not line.strip():
            continue
        try:
            yield number, _row(flat, deep, line, text.rule)
        except _NoRowError as fault:
            yield number, _NoRowError(fault.rule, line)
        except (ValueError, RecursionError):
            if number == 1 and line.lstrip().startswith(b"["):
                raise BadDataError(
                    f"{name}: begins with a list; JSON lines are one object on each line",
                    fix="convert it: jq -c '.[]'",
                ) from None
            yield number, _NoRowError("not JSON", line)


def _row(
    flat: json.JSONDecoder, deep: json.JSONDecoder, line: bytes, encoding_rule: str
) -> dict[str, str | None]:
    try:
        content = line.decode("utf-8").strip(" \t\r")
    except UnicodeDecodeError:
        raise _NoRowError(encoding_rule) from None
    value = flat.decode(content)
    if type(value) is not dict:
        raise _NoRowError("no object")
    row: dict[str, str | None] = {}
    for key, item in value.items():
        if item is None or type(item) is str:
            row[key] = item
        elif type(item) is bool:
            row[key] = "true" if item else "false"
        else:  # a list or an object
            row = {name: _text(one) for name, one in deep.decode(content).items()}
            break
    if b"\\u" in line:
        _check_escapes(row)
    return row


def _check_escapes(row: dict[str, str | None]) -> None:
    together = "".join([*row, *filter(None, row.values())])
    if "\0" in together:
        raise _NoRowError("NUL byte")
    try:
        together.encode("utf-8")
    except UnicodeEncodeError:  # an escape of half a character
        raise _NoRowError("not JSON") from None


class _Number(str):
    """A number as it stands in the file."""

    __slots__ = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _NoRowError("double key")
    return made


def _text(value: Any) -> str | None:
    return value if value is None else str(value) if isinstance(value, str) else _compact(value)


def _compact(value: Any) -> str:
    """Return a value as JSON without spaces, its numbers as they stand in the file."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(str(key))}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return value if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _lines(name: str, text: Text) -> Iterator[bytes]:
    rest: list[bytes] = []
    held = 0
    for block in text.blocks:
        *whole, last = block.split(b"\n")
        if whole:
            whole[0] = b"".join([*rest, whole[0]])
            yield from whole
            rest, held = [], 0
        rest.append(last)
        held += len(last)
        if held > LONGEST:
            raise BadDataError(
                f"{name}: a line of more than {LONGEST >> 10:,} KiB", fix="write one object on each line"
            )
    yield b"".join(rest)
