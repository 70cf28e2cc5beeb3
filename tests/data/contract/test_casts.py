from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.columns import MISSING_WORDS, cast_column
from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.data.contract.casts import cast_sql, zoned

if TYPE_CHECKING:
    from mlops_kit.spec.model import ColumnType

TYPES: tuple[ColumnType, ...] = ("string", "integer", "number", "boolean", "timestamp")


@pytest.fixture(scope="module")
def duck() -> Duck:
    return open_duck(threads=1, memory=512 << 20)


def by_sql(duck: Duck, column: Any, wanted: ColumnType) -> tuple[list[Any], list[bool]]:
    """Return values and which of them are unreadable, as `cast_column` does."""
    import pyarrow as pa

    table = pa.table({"i": range(len(column)), "r": column})
    cursor = duck.connection
    cursor.register("raw_rows", table)
    stored = cursor.execute("DESCRIBE raw_rows").fetchall()[1][1]
    cast = cast_sql("r", stored, wanted, text="t")
    written = zoned("c", wanted)
    made = cursor.sql(
        f"SELECT {written} AS c, {zoned('e', wanted)} AS e, t IS NOT NULL AND c IS NULL AS bad FROM "
        f"(SELECT *, CASE WHEN {cast.plain} THEN {cast.quick} ELSE {cast.inline} END AS e, {cast.value} AS c FROM (SELECT *, {cast.text} AS t FROM raw_rows)) ORDER BY i"
    ).to_arrow_table()
    assert repr(made["c"].to_pylist()) == repr(made["e"].to_pylist())
    return made["c"].to_pylist(), made["bad"].to_pylist()


def same(duck: Duck, column: Any, wanted: ColumnType) -> None:
    import pyarrow as pa

    values, unreadable = cast_column(pa.chunked_array([column]), wanted)
    found, bad = by_sql(duck, column, wanted)
    assert [(repr(value), flag) for value, flag in zip(found, bad, strict=True)] == [
        (repr(value), flag) for value, flag in zip(values.to_pylist(), unreadable.tolist(), strict=True)
    ]


digits = st.from_regex(r"[-+]{0,2}[0-9]{0,20}(\.[0-9]{0,5})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
times = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?)?Z{0,2}",
    fullmatch=True,
)
words = st.sampled_from(
    [*MISSING_WORDS, "true", "TRUE", "No", "y", "ye\u017f", "inf", "-inf", "Infinity", "0x10"]
)
cells = st.one_of(words, digits, times, st.text(max_size=6), st.none())
spaced = st.tuples(
    st.sampled_from(["", " ", "\t", "\u00a0", "\u2003 "]),
    cells,
    st.sampled_from(["", "\n", " \u3000", "\x1f"]),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(spaced, max_size=30), st.sampled_from(TYPES))
@example(
    [("", "0000-02-29", ""), ("", "2013-02-30", ""), ("", "9999-12-31 23:59:59.999999Z", "")], "timestamp"
)
@example(
    [("", "1e999", ""), ("", "-1e-999", ""), ("", "-0", ""), ("", "5.", ""), ("", "4.9e-324", "")], "number"
)
@example(
    [("", "999999999999999999", ""), ("", "-999999999999999999", ""), ("", "9223372036854775807", "")],
    "integer",
)
def test_cast_sql_of_texts_is_cast_column(duck: Duck, parts: list[Any], wanted: ColumnType) -> None:
    import pyarrow as pa

    texts = [None if cell is None else before + cell + after for before, cell, after in parts]
    same(duck, pa.array(texts, pa.string()), wanted)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-2, 2)), max_size=20),
    st.sampled_from(TYPES),
)
def test_cast_sql_of_whole_numbers_is_cast_column(duck: Duck, items: list[Any], wanted: ColumnType) -> None:
    import pyarrow as pa

    same(duck, pa.array(items, pa.int64()), wanted)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-9, 9).map(float)), max_size=20),
    st.sampled_from(TYPES[1:]),
)
def test_cast_sql_of_floats_is_cast_column(duck: Duck, items: list[Any], wanted: ColumnType) -> None:
    import pyarrow as pa

    same(duck, pa.array(items, pa.float64()), wanted)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(allow_nan=False), max_size=20))
def test_cast_sql_of_floats_as_texts_keeps_their_value(duck: Duck, items: list[float]) -> None:
    import pyarrow as pa

    found, _ = by_sql(duck, pa.array(items, pa.float64()), "string")
    assert [float(text) for text in found] == items


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.datetimes()), max_size=20),
    st.sampled_from(["", "UTC", "Europe/Berlin"]),
    st.sampled_from(TYPES),
)
def test_cast_sql_of_times_is_cast_column(
    duck: Duck, items: list[Any], zone: str, wanted: ColumnType
) -> None:
    import pyarrow as pa

    stored = pa.array(items, pa.timestamp("us", tz=zone or None))
    same(duck, stored, wanted)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.dates(date(1, 1, 1))), max_size=20), st.sampled_from(TYPES))
def test_cast_sql_of_days_is_cast_column(duck: Duck, items: list[Any], wanted: ColumnType) -> None:
    import pyarrow as pa

    same(duck, pa.array(items, pa.date32()), wanted)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.booleans()), max_size=20), st.sampled_from(TYPES))
def test_cast_sql_of_booleans_is_cast_column(duck: Duck, items: list[Any], wanted: ColumnType) -> None:
    import pyarrow as pa

    same(duck, pa.array(items, pa.bool_()), wanted)


def test_cast_sql_trims_what_cast_column_trims(duck: Duck) -> None:
    import pyarrow as pa

    every = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    same(duck, pa.array(every, pa.string()), "string")


@pytest.mark.parametrize("wanted", TYPES)
def test_cast_sql_of_a_list_is_unreadable_but_as_text(duck: Duck, wanted: ColumnType) -> None:
    import pyarrow as pa

    values, bad = by_sql(duck, pa.array([[1], None]), wanted)
    assert (values, bad) == (
        (["[1]", None], [False, False]) if wanted == "string" else ([None, None], [True, False])
    )
