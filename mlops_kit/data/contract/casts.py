"""One column as the type of the contract, in SQL; the same values as `artifacts/columns.py: cast_column`, which a property test compares."""

from __future__ import annotations

import re
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
_RARE = ("chr(133)", "chr(8232)", "chr(8233)")
"""White space that neither the order of signs nor DuckDB's plain trim knows."""
# Letters, digits, classes of visible ASCII, groups and repetitions: nothing here matches white space.
_CLOSED = re.compile(
    r"(?:\[(?!\^)(?:[!-Z_-~]|\\[dw.-])+\]|\\[dw.-]|[A-Za-z0-9_@:/,#%&=-]|\(\?:|[()|?*+]|\{\d+(?:,\d*)?\})*"
)
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BIGNUM")
_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
}

# Texts that are surely readable; narrower than SHAPES: no number too large, each integer in one spelling, no day that some month lacks but
# the 30th and 31st where there are.
_PLAIN: dict[ColumnType, str] = {
    "integer": r"0|[1-9]\d{0,17}|-[1-9]\d{0,16}",
    "number": r"-?\d{1,17}(?:\.\d{1,17})?(?:[eE][-+]?\d{1,2})?",
    "boolean": SHAPES["boolean"],
    "timestamp": r"(?:\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-"
    r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?)?Z?",
}


@dataclass(frozen=True)
class Cast:
    """How one column becomes its type, as SQL expressions."""

    text: str
    """The value before the cast, missing words as NULL; over the raw column."""
    value: str
    """The value as its type, NULL where it cannot be read; over the name given for `text`."""
    plain: str
    """Condition that says of most good values quickly that they are there, readable, and what `quick` says; false or NULL for all others. Over
    the raw column."""
    quick: str
    """The value where `plain` is true."""
    inline: str
    """The same as `value`, over the raw column."""
    odd: str
    """Condition that is true of every value that is there and not `plain`, and false or NULL of missing ones; over the raw column."""
    same: str
    """What is equal for two values that are missing or `plain` only where the values are: `quick`, or the text where each value has one."""
    sure: bool = False
    """Whether every value can be read, so that there is nothing to check."""


def cast_sql(raw: str, stored: str, wanted: ColumnType, *, text: str) -> Cast:
    """Return how the column `raw` (an SQL name) of DuckDB's type `stored` is read as `wanted`.

    `text` is the name under which the value of `Cast.text` stands in the query that has `Cast.value`. A value is unreadable where `text` is
    not NULL and the value is. Texts are trimmed, empty ones and words such as `NA` are missing; numbers with a fraction are no integers,
    numbers other than 0 and 1 no booleans, numbers no timestamps; NaN is missing; times are TIMESTAMP in UTC, those without zone are taken
    as UTC (`zoned` makes TIMESTAMPTZ of them at the end: DuckDB's own cast costs 0.3 s for a million rows).
    """
    family = _family(stored)
    before, value = _value(raw, stored, wanted, text)
    _, inline = _value(raw, stored, wanted, f"({before})")
    plain, quick, odd = _plain(raw, stored, wanted)
    spelled = _family(stored) == "text" and wanted in ("string", "integer") and plain != "false"
    sure = wanted == "string" or wanted in _SURE.get(family, ())
    small = family != "integer" or stored.upper() in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
    return Cast(before, value, plain, quick, inline, odd, raw if spelled else quick, sure and small)


def is_closed(pattern: str) -> bool:
    """Return whether a text that `pattern` matches as a whole surely needs no trimming; when in doubt, no."""
    return bool(_CLOSED.fullmatch(pattern))


def zoned(value: str, wanted: ColumnType) -> str:
    """Return the expression of a cast value as it is written: times with their zone, UTC."""
    return f"make_timestamptz(epoch_us({value}))" if wanted == "timestamp" else value


def _value(raw: str, stored: str, wanted: ColumnType, text: str) -> tuple[str, str]:
    family = _family(stored)
    if family == "text":
        return _text_sql(raw, stored), _from_text(text, wanted)
    if family == "float":
        return f"CASE WHEN isnan({raw}) THEN NULL ELSE {raw} END", _from_float(text, wanted)
    return raw, _FROM[family](text, stored, wanted)


def _plain(raw: str, stored: str, wanted: ColumnType) -> tuple[str, str, str]:
    """Return `Cast.plain`, `Cast.quick` and `Cast.odd`.

    They are made of functions of the raw column alone that are NULL where it is NULL and nowhere else, because DuckDB evaluates `NOT f(x)` of
    such functions for the entries of a dictionary, in the scan: 0.01 s instead of 0.5 for 10 million texts.
    """
    family = _family(stored)
    if family == "text" and stored.upper() == "VARCHAR":
        plain, quick = _plain_text(raw, wanted)
        return plain, quick, f"NOT ({plain})"
    if family == "float" and wanted == "number":
        return f"NOT isnan({raw})", f"CAST({raw} AS DOUBLE)", f"isnan({raw})"
    if family == "float" and wanted == "integer":
        plain = (
            f"{raw} = trunc({raw}) AND abs({raw}) < 9e15"  # NaN equals itself here, and is larger than all
        )
        return plain, f"TRY_CAST({raw} AS BIGINT)", f"NOT ({plain})"
    if wanted == "timestamp" and family == "time":
        return f"{raw} IS NOT NULL", _from_time(raw, stored, wanted), "false"
    if family in ("integer", "decimal") and (
        wanted == "number" or (family, wanted) == ("integer", "integer")
    ):
        quick = _from_number(raw, stored, wanted)
        return (
            f"{quick} IS NOT NULL",
            quick,
            "false" if quick == raw else f"{raw} IS NOT NULL AND {quick} IS NULL",
        )
    if family == "boolean" and wanted == "boolean":
        return f"{raw} IS NOT NULL", raw, "false"
    return "false", "NULL", f"{raw} IS NOT NULL"


def _plain_text(raw: str, wanted: ColumnType) -> tuple[str, str]:
    if wanted == "string":
        starts, ends = (
            " AND ".join(f"NOT {what}({raw}, {sign})" for sign in _RARE)
            for what in ("starts_with", "ends_with")
        )
        edges = (
            f"trim({raw}) = {raw} AND {raw} >= '!' AND ({raw} < '~' OR ({starts})) "
            f"AND reverse({raw}) >= '!' AND (reverse({raw}) < '~' OR ({ends}))"
        )
        return f"{edges} AND {no_word(raw)}", raw
    plain = whole_match(raw, _PLAIN[wanted])
    if wanted == "boolean":
        return plain, f"list_contains([{', '.join(map(literal, TRUE_WORDS))}], lower({raw}))"
    before = f"rtrim({raw}, 'Z')" if wanted == "timestamp" else raw
    return plain, f"TRY_CAST({before} AS {_SQL_TYPES[wanted]})"


def no_word(raw: str) -> str:
    """Return the condition that a text is no word for a missing value, and not empty."""
    return f"NOT list_contains([{', '.join(map(literal, MISSING_WORDS))}], {raw})"


def whole_match(raw: str, pattern: str) -> str:
    """Return the condition that `pattern` matches a whole text that is not empty; NULL only where the text is.

    Not `regexp_full_match`, which DuckDB evaluates for every row; `regexp_extract` it evaluates for the entries of a dictionary.
    """
    if "\\Q" in pattern:  # would quote what is put behind it
        return f"regexp_full_match({raw}, {literal(pattern)}) AND {raw} <> ''"
    anchored = literal(rf"\A(?:{pattern})\z")
    return f"regexp_extract({raw}, {anchored}) = {raw} AND {raw} <> ''"


def sql_type(wanted: ColumnType) -> str:
    """Return the DuckDB type in which a column of the contract's type is judged."""
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
    words = "|".join(word for word in MISSING_WORDS if word)
    edges = f"^[{_SPACES}]*(?:{words})[{_SPACES}]*$|^[{_SPACES}]+|[{_SPACES}]+$"
    # A regular expression, because DuckDB's trim with a list of signs takes 14 s for 10 million different texts; this takes 1.
    return f"nullif(regexp_replace({plain}, {literal(edges)}, '', 'g'), '')"


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
        return f"CASE WHEN {fits} THEN TRY_CAST(rtrim({text}, 'Z') AS TIMESTAMP) END"
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
    return _from_number(text, "DOUBLE", wanted)


def _from_number(text: str, stored: str, wanted: ColumnType) -> str:
    if wanted == "timestamp":
        return "CAST(NULL AS TIMESTAMP)"
    if wanted == "boolean":
        return f"CASE WHEN {text} IN (0, 1) THEN {text} = 1 END"
    if wanted == "integer" and stored.upper().startswith("DECIMAL"):
        return f"CASE WHEN {text} = trunc({text}) THEN TRY_CAST({text} AS BIGINT) END"
    same = stored.upper() == _SQL_TYPES[wanted]
    return text if same else f"TRY_CAST({text} AS {_SQL_TYPES[wanted]})"


def _from_boolean(text: str, stored: str, wanted: ColumnType) -> str:  # noqa: ARG001 - one signature for all families
    if wanted == "timestamp":
        return "CAST(NULL AS TIMESTAMP)"
    return f"CAST({text} AS {_SQL_TYPES[wanted]})"


def _from_time(text: str, stored: str, wanted: ColumnType) -> str:
    with_zone = "TIME ZONE" in stored.upper() or stored.upper() == "TIMESTAMPTZ"
    if wanted == "timestamp":
        return f"make_timestamp(epoch_us({text}))" if with_zone else f"CAST({text} AS TIMESTAMP)"
    if wanted != "string":
        return f"CAST(NULL AS {_SQL_TYPES[wanted]})"
    if stored.upper() == "DATE":
        return f"CAST({text} AS VARCHAR)"
    shown = f"strftime({text}, '%Y-%m-%d %H:%M:%S.%f')"
    return f"{shown} || 'Z'" if with_zone else shown


def _from_other(text: str, stored: str, wanted: ColumnType) -> str:  # noqa: ARG001 - one signature for all families
    return f"CAST({text} AS VARCHAR)" if wanted == "string" else f"CAST(NULL AS {_SQL_TYPES[wanted]})"


_SURE: dict[str, tuple[ColumnType, ...]] = {
    "float": ("number",),
    "integer": ("integer", "number"),
    "decimal": ("number",),
    "boolean": ("integer", "number", "boolean"),
    "time": ("timestamp",),
}
_FROM = {
    "boolean": _from_boolean,
    "integer": _from_number,
    "decimal": _from_number,
    "time": _from_time,
    "other": _from_other,
}
