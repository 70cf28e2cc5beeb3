"""One column as the type of the contract, in SQL; the same values as `artifacts/columns.py: cast_column`, which a property test compares."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_kit.artifacts.columns import MISSING_WORDS, SHAPES
from mlops_kit.artifacts.duck import literal
from mlops_kit.spec.model import ColumnType

TRUE_WORDS = ("true", "yes", "t", "y", "1")
# What Arrow's utf8_trim_whitespace takes away: white space of Unicode. DuckDB's trim without a list leaves tabs and line ends.
_SPACES = "".join(
    map(chr, [*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])
)
_SPACES += "\u2028\u2029\u202f\u205f\u3000"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BIGNUM")
_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Cast:
    """How one column becomes its type: two expressions, the second over the first."""

    text: str
    """The value before the cast, missing words as NULL; an expression over the raw column."""
    value: str
    """The value as its type, NULL where it cannot be read; an expression over the name given for `text`."""


def cast_sql(raw: str, stored: str, wanted: ColumnType, *, text: str) -> Cast:
    """Return how the column `raw` (an SQL expression) of DuckDB's type `stored` is read as `wanted`.

    `text` is the name under which the value of `Cast.text` stands in the query that has `Cast.value`. A value is unreadable where `text` is
    not NULL and the value is. Texts are trimmed, empty ones and words such as `NA` are missing; numbers with a fraction are no integers,
    numbers other than 0 and 1 no booleans, numbers no timestamps; NaN is missing; times without zone are UTC.
    """
    family = _family(stored)
    if family == "text":
        return Cast(_text_sql(raw, stored), _from_text(text, wanted))
    if family == "float":
        return Cast(f"CASE WHEN isnan({raw}) THEN NULL ELSE {raw} END", _from_float(text, wanted))
    return Cast(raw, _FROM[family](text, stored, wanted))


def sql_type(wanted: ColumnType) -> str:
    """Return the DuckDB type of a column of the contract's type."""
    return _SQL_TYPES[wanted]


def shown_sql(expression: str, stored: str) -> str:
    """Return the SQL text of a raw value as quarantine shows it: a text untouched, a whole number without `.0`."""
    if _family(stored) == "float":
        return _from_float(expression, "string")
    if _family(stored) == "time":
        return _from_time(expression, stored, "string")
    return f"CAST({expression} AS VARCHAR)"


def _family(stored: str) -> str:
    name = stored.upper()
    if name.endswith("]"):
        return "other"
    if name.startswith(("VARCHAR", "ENUM", "NULL", '"NULL"')):
        return "text"
    if name in ("FLOAT", "DOUBLE"):
        return "float"
    if name == "BOOLEAN":
        return "boolean"
    if name.startswith("DECIMAL"):
        return "decimal"
    if name.removeprefix("U") in _INTEGERS:
        return "integer"
    return "time" if name == "DATE" or name.startswith("TIMESTAMP") else "other"


def _text_sql(raw: str, stored: str) -> str:
    plain = raw if stored.upper() == "VARCHAR" else f"CAST({raw} AS VARCHAR)"
    trimmed = f"trim({plain}, {literal(_SPACES)})"
    words = ", ".join(literal(word) for word in MISSING_WORDS)
    return f"CASE WHEN {trimmed} IN ({words}) THEN NULL ELSE {trimmed} END"


def _from_text(text: str, wanted: ColumnType) -> str:
    if wanted == "string":
        return text
    fits = f"regexp_full_match({text}, {literal(SHAPES[wanted])})"
    if wanted == "boolean":
        words = ", ".join(literal(word) for word in TRUE_WORDS)
        return f"CASE WHEN {fits} THEN lower({text}) IN ({words}) END"
    if wanted == "number":
        return f"CASE WHEN {fits} THEN TRY_CAST({text} AS DOUBLE) END"
    if wanted == "timestamp":
        return f"CASE WHEN {fits} THEN TRY_CAST(rtrim({text}, 'Z') AS TIMESTAMP)::TIMESTAMPTZ END"
    plain = rf"regexp_replace(ltrim({text}, '+'), '\.0*$', '')"
    # More than 18 signs: 64 bits hold some of them, but not all; a number is readable whatever its neighbours are.
    return f"CASE WHEN {fits} AND length({plain}) < 19 THEN TRY_CAST({plain} AS BIGINT) END"


def _from_float(text: str, wanted: ColumnType) -> str:
    if wanted == "string":
        whole = f"{text} = trunc({text}) AND abs({text}) < 1e15"
        return (
            f"CASE WHEN {whole} THEN CAST(CAST({text} AS BIGINT) AS VARCHAR) ELSE CAST({text} AS VARCHAR) END"
        )
    if wanted == "integer":
        return f"CASE WHEN {text} = trunc({text}) THEN TRY_CAST({text} AS BIGINT) END"
    return _from_number(text, "", wanted)


def _from_number(text: str, stored: str, wanted: ColumnType) -> str:
    if wanted == "timestamp":
        return "CAST(NULL AS TIMESTAMPTZ)"
    if wanted == "boolean":
        return f"CASE WHEN {text} IN (0, 1) THEN {text} = 1 END"
    if wanted == "integer" and stored.upper().startswith("DECIMAL"):
        return f"CASE WHEN {text} = trunc({text}) THEN TRY_CAST({text} AS BIGINT) END"
    return f"TRY_CAST({text} AS {_SQL_TYPES[wanted]})"


def _from_boolean(text: str, stored: str, wanted: ColumnType) -> str:  # noqa: ARG001 - one signature for all families
    if wanted == "timestamp":
        return "CAST(NULL AS TIMESTAMPTZ)"
    return f"CAST({text} AS {_SQL_TYPES[wanted]})"


def _from_time(text: str, stored: str, wanted: ColumnType) -> str:
    zoned = "TIME ZONE" in stored.upper() or stored.upper() == "TIMESTAMPTZ"
    if wanted == "timestamp":
        return f"{text}::TIMESTAMPTZ" if zoned else f"CAST({text} AS TIMESTAMP)::TIMESTAMPTZ"
    if wanted != "string":
        return f"CAST(NULL AS {_SQL_TYPES[wanted]})"
    if stored.upper() == "DATE":
        return f"CAST({text} AS VARCHAR)"
    shown = f"strftime({text}, '%Y-%m-%d %H:%M:%S.%f')"
    return f"{shown} || 'Z'" if zoned else shown


def _from_other(text: str, stored: str, wanted: ColumnType) -> str:  # noqa: ARG001 - one signature for all families
    return f"CAST({text} AS VARCHAR)" if wanted == "string" else f"CAST(NULL AS {_SQL_TYPES[wanted]})"


_FROM = {
    "boolean": _from_boolean,
    "integer": _from_number,
    "decimal": _from_number,
    "time": _from_time,
    "other": _from_other,
}
