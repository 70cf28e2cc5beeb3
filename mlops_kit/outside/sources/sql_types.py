"""Types of database columns, and their values as Arrow: what a database keeps exactly is kept exactly, everything else becomes text."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_kit.errors import BadDataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = ("integer", "number", "decimal(P,S)", "boolean", "text", "bytes", "date", "timestamp", "timestamptz")
"""What `types` in params.yaml may say."""
TEXT = "text"
MOST_DIGITS = 38  # of a decimal that DuckDB reads as one
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
# Object identifiers of PostgreSQL's own types never change (src/include/catalog/pg_type.dat).
POSTGRES: Mapping[int, str] = {
    16: "boolean", 17: "bytes", 20: "integer", 21: "integer", 23: "integer", 26: "integer", 700: "number", 701: "number", 1082: "date",
    1114: "timestamp", 1184: "timestamptz",
}  # fmt: skip
POSTGRES_TEXTS = frozenset({18, 19, 25, 1042, 1043})
POSTGRES_NUMERIC = 1700


@dataclass(frozen=True)
class SqlColumn:
    """One column of what is fetched."""

    name: str
    word: str
    """Its type, as `types` in params.yaml spells it."""
    select: str
    """SQL that gives its value."""
    order: str
    """SQL to order by it, the same on every server."""
    loose: bool = False
    """Whether its values have no declared type, as SQLite allows: numbers are then numbers, texts are texts."""


def check_word(word: str, column: str) -> str:
    """Return `word` if it is a type. Raises UsageError otherwise."""
    if word in WORDS or (
        (found := _DECIMAL.fullmatch(word)) and int(found[2]) <= int(found[1]) <= MOST_DIGITS
    ):
        return word
    raise UsageError(
        f"types: {column}: `{word}` is no type",
        fix=f"one of {', '.join(WORDS)}; a decimal has at most {MOST_DIGITS} digits",
    )


def decimal_word(precision: int | None, scale: int | None) -> str:
    """Return the type of a NUMERIC column, text where its values need not fit into a decimal of Parquet."""
    if precision is None or scale is None or not 0 <= scale <= precision <= MOST_DIGITS or precision == 0:
        return TEXT
    return f"decimal({precision},{scale})"


def sqlite_word(declared: str) -> str:
    """Return the type of a column by what was declared: SQLite's affinities (datatype3.html, section 3.1); `text other` is any value."""
    kind = declared.upper()
    if "INT" in kind:
        return "integer"
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return TEXT
    if "BLOB" in kind:
        return "bytes"
    return "number" if any(part in kind for part in ("REAL", "FLOA", "DOUB")) else "text other"


def reflected_word(kind: Any) -> str:
    """Return the type of a column that SQLAlchemy has reflected."""
    from sqlalchemy import types

    if isinstance(kind, types.Float):
        return "number"
    if isinstance(kind, types.Numeric):
        return decimal_word(kind.precision, kind.scale)
    if isinstance(kind, types.DateTime):
        return "timestamptz" if kind.timezone else "timestamp"
    words = {
        types.Boolean: "boolean",
        types.Integer: "integer",
        types.Date: "date",
        types.LargeBinary: "bytes",
    }
    return next((word for cls, word in words.items() if isinstance(kind, cls)), TEXT)


def arrow_type(word: str) -> pa.DataType:
    """Return the Arrow type of a type word."""
    import pyarrow as pa

    if found := _DECIMAL.fullmatch(word):
        return pa.decimal128(int(found[1]), int(found[2]))
    return {
        "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string(), "bytes": pa.binary(),
        "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC"),
    }[word]  # fmt: skip


def arrow_schema(columns: Sequence[SqlColumn]) -> pa.Schema:
    """Return the Arrow schema of columns."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, arrow_type(column.word)) for column in columns])


def arrow_batch(rows: Sequence[Sequence[Any]], columns: Sequence[SqlColumn], where: str) -> pa.RecordBatch:
    """Return rows as a record batch.

    Raises BadDataError for a value that its column's type cannot hold, without the value: it may be about a person.
    """
    import pyarrow as pa

    arrays = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        try:
            converted = [None if value is None else _convert(value, column.word) for value in values]
            arrays.append(pa.array(converted, arrow_type(column.word)))
        except (pa.ArrowException, ValueError, TypeError, ArithmeticError, OverflowError):
            raise BadDataError(
                f"{where}: column `{column.name}` holds a value that is no {column.word}",
                fix=f"types: {{{column.name}: text}} in the stage's section of params.yaml keeps it as it is",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


def cursor_text(value: Any, column: str) -> str:
    """Return a cursor value as text that sorts as it does and gives it back: whole numbers, dates, times, and texts that are times.

    Raises BadDataError for any other value.
    """
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="microseconds")
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _is_time(value):
        return value
    raise BadDataError(
        f"the cursor column `{column}` holds a {type(value).__name__} that does not sort as text",
        fix="take a column of whole numbers, dates or times as cursor",
    )


def cursor_value(text: str, column: SqlColumn) -> Any:
    """Return the value of a cursor text in a column. Raises UsageError when it is none (`--since`)."""
    word = column.word
    if column.loose:
        return int(text) if text.removeprefix("-").isdecimal() else text
    try:
        if word == "timestamptz":
            moment = dt.datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        if word == "timestamp":
            return dt.datetime.fromisoformat(text).replace(tzinfo=None)
        if word == "date":
            return dt.datetime.fromisoformat(text).date()
        if word == "integer" or word.startswith("decimal"):
            return int(text)
    except ValueError:
        raise UsageError(f"`{text}` is no {word}", fix="write a time as 2013-07-01") from None
    return text


def earlier(value: Any, by: float) -> Any:
    """Return a cursor value so many units (numbers) or seconds (times; days for dates) before another. Raises BadDataError for texts."""
    if isinstance(value, dt.datetime):
        return value - dt.timedelta(seconds=by)
    if isinstance(value, dt.date):
        return value - dt.timedelta(days=by / 86_400)
    if isinstance(value, int | Decimal):
        return int(value) - int(by)
    raise BadDataError("hold_back needs a cursor of numbers, dates or times", fix="hold_back: 0")


def least_before(value: Any) -> Any:
    """Return the largest number, time or date before another."""
    if isinstance(value, dt.datetime):
        return value - dt.timedelta(microseconds=1)
    return value - dt.timedelta(days=1) if isinstance(value, dt.date) else value - 1


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return bool(re.fullmatch(r"\d{4}-\d{2}", text))
    return text.isascii()


def _convert(value: Any, word: str) -> Any:
    if word == TEXT:
        return _as_text(value)
    if word == "bytes":
        return value.encode() if isinstance(value, str) else bytes(value)
    if word.startswith("decimal"):
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if word == "boolean" and isinstance(value, int):
        if value not in (0, 1):
            raise ValueError
        return bool(value)
    if word == "number" and isinstance(value, int | Decimal):
        return float(value)
    if word in ("timestamp", "timestamptz", "date") and isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        return moment.date() if word == "date" else moment
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return repr(value) if isinstance(value, float) else str(value)
