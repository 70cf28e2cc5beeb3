"""Columns of tables: casting texts to the types of the data contract, and describing what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.spec.model import ColumnType

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
SHAPES = {
    "integer": r"^[-+]?\d+(\.0*)?$",
    "number": r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$",
    "boolean": r"^([Tt]([Rr][Uu][Ee])?|[Ff]([Aa][Ll][Ss][Ee])?|[Yy]([Ee][Ss])?|[Nn][Oo]?|0|1)$",
    "timestamp": r"^(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?Z?$",
}
TOP_VALUES = 5


def cast_column(raw: pa.ChunkedArray, wanted: ColumnType) -> tuple[pa.ChunkedArray, np.ndarray[Any, Any]]:
    """Return the column as `wanted`, and for each row whether its value could not be read (it is missing in the result).

    Texts are trimmed; empty ones and words such as `NA` are missing. Integers become int64, numbers float64, timestamps are UTC
    with microseconds; a time without zone is taken as UTC. Numbers with a fraction are no integers, numbers other than 0 and 1 no booleans,
    numbers no timestamps, and NaN is missing.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    none = np.zeros(len(raw), dtype=bool)
    if not (pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type)):
        values, unreadable = _from_typed(raw, wanted)
        return values, np.asarray(unreadable, dtype=bool)
    text = pc.utf8_trim_whitespace(raw)
    text = pc.if_else(pc.is_in(text, value_set=pa.array(MISSING_WORDS)), pa.scalar(None, pa.string()), text)
    if wanted == "string":
        return text, none
    fits = pc.fill_null(pc.match_substring_regex(text, SHAPES[wanted]), True)
    clean = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    values, impossible = _PARSERS[wanted](clean)
    return values, ~np.asarray(fits) | impossible


def profile_table(table: pa.Table) -> dict[str, dict[str, Any]]:
    """Return for each column: type, missing and distinct values, and quantiles (numbers) or the most frequent values (texts)."""
    import pyarrow.compute as pc

    found: dict[str, dict[str, Any]] = {}
    for name in table.column_names:
        column = table[name]
        entry: dict[str, Any] = {
            "type": str(column.type),
            "missing": column.null_count,
            "distinct": pc.count_distinct(column).as_py(),
        }
        found[name] = entry | _describe(column)
    return found


def _describe(column: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(column) == column.null_count:
        return {}
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        points = pc.quantile(column, q=[0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).to_pylist()
        return dict(zip(("min", "q05", "q25", "median", "q75", "q95", "max"), points, strict=True))
    if pa.types.is_timestamp(column.type):
        edges = pc.min_max(column).as_py()
        return {"min": edges["min"].isoformat(), "max": edges["max"].isoformat()}
    counts = pc.value_counts(column.drop_null().cast(pa.string()).combine_chunks()).to_pylist()
    top = sorted(counts, key=lambda entry: (-entry["counts"], entry["values"]))[:TOP_VALUES]
    return {"top": {entry["values"]: entry["counts"] for entry in top}}


def _from_typed(raw: pa.ChunkedArray, wanted: ColumnType) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return a column that is not text as `wanted`, and where it cannot be."""
    import pyarrow as pa
    import pyarrow.compute as pc

    timed = pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type)
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), pa.scalar(None, raw.type), raw)
    if pa.types.is_timestamp(raw.type):
        raw = raw.cast(pa.timestamp("us", tz="UTC" if raw.type.tz else None), safe=False)
    present = pc.is_valid(raw)
    if wanted == "timestamp" and timed:
        zoned = getattr(raw.type, "tz", None)
        made = raw if zoned else pc.assume_timezone(raw.cast(pa.timestamp("us")), "UTC")
        return made, pc.and_(present, False)
    target = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }[wanted]
    if wanted == "timestamp" or (timed and wanted != "string"):
        return pa.chunked_array([pa.nulls(len(raw), target)]), present
    fits = present
    if wanted == "boolean" and not pa.types.is_boolean(raw.type):
        fits = pc.fill_null(pc.or_(pc.equal(raw, 0), pc.equal(raw, 1)), False)
    elif wanted == "integer" and pa.types.is_floating(raw.type):
        whole = pc.and_(pc.equal(raw, pc.trunc(raw)), pc.less(pc.abs(raw), 2.0**63))
        fits = pc.fill_null(pc.or_(whole, pc.equal(raw, -(2.0**63))), False)
    kept = pc.if_else(fits, raw, pa.scalar(None, raw.type))
    return kept.cast(target, safe=False), pc.and_not(present, fits)


def _integers(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray[Any, Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.replace_substring_regex(pc.utf8_ltrim(text, "+"), pattern=r"\.0*$", replacement="")
    fits = pc.fill_null(pc.less(pc.utf8_length(plain), 19), True)  # longer ones do not fit into 64 bits
    return pc.if_else(fits, plain, pa.scalar(None, pa.string())).cast(pa.int64()), ~np.asarray(fits)


def _numbers(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray[Any, Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.utf8_ltrim(text, "+").cast(pa.float64()), np.zeros(len(text), dtype=bool)


def _booleans(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray[Any, Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    true = pc.is_in(pc.utf8_lower(text), value_set=pa.array(["true", "yes", "t", "y", "1"]))
    return pc.if_else(pc.is_valid(text), true, pa.scalar(None, pa.bool_())), np.zeros(len(text), dtype=bool)


def _timestamps(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray[Any, Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_rtrim(text, "Z")
    impossible = np.zeros(len(text), dtype=bool)
    try:
        parsed = plain.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # a day that its month does not have
        from datetime import datetime

        items: list[datetime | None] = []
        for row, item in enumerate(plain.to_pylist()):
            try:
                items.append(None if item is None else datetime.fromisoformat(item))
            except ValueError:
                impossible[row] = True
                items.append(None)
        parsed = pa.chunked_array([pa.array(items, pa.timestamp("us"))])
    return pc.assume_timezone(parsed, "UTC"), impossible


_PARSERS = {"integer": _integers, "number": _numbers, "boolean": _booleans, "timestamp": _timestamps}
