"""Properties of judging: it says what a plain loop over the rows says, whatever the threads, the files and the order."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest  # noqa: TC002 - the type of a fixture
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.columns import cast_column
from mlops_kit.artifacts.duck import open_duck
from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.contract import judge as judging
from mlops_kit.data.contract.judge import judge
from mlops_kit.data.contract.rules import compile_contract, numbered, stored_columns
from mlops_kit.spec.model import Column, Schema

CELLS = {
    "string": ["AB", " AB", "AB\t", "NA", "", None, "ab", "A", "\u2028AB", "AB\u0085", "é", "AB\n", "null", "~"],
    "integer": ["0", "7", " 7", "7.0", "+7", "007", "7.5", "x", None, "NA", "-3", "999999999999999999", "9" * 19, "1e3"],
    "number": ["0", "7", " 7.5 ", "1e3", "-0", ".5", "5.", "nan", "NaN", "inf", "x", None, "1_0", "1e999"],
    "boolean": ["true", "No", "1", "2", None, " y", "ye\u017f", "F"],
    "timestamp": ["2013-01-01", "2013-01-01T05:00:00Z", "2013-02-30", None, "0000-01-01", " 2014-01-01 00:00", "x"],
}  # fmt: skip
COLUMNS = {
    "string": [Column("string"), Column("string", nullable=False), Column("string", pattern="[A-Z]{2}"),
               Column("string", nullable=False, pattern="[A-Z]+"), Column("string", pattern=".*"), Column("string", values=("AB", "~"))],
    "integer": [Column("integer"), Column("integer", nullable=False, min=0, max=10), Column("integer", values=("7", "0"))],
    "number": [Column("number"), Column("number", nullable=False, min=0, max=10.5)],
    "boolean": [Column("boolean", nullable=False), Column("boolean", values=("true",))],
    "timestamp": [Column("timestamp"), Column("timestamp", nullable=False, min="2013-01-01", max="2013-12-31T23:59:59Z")],
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Column], dict[str, list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3))
    count = draw(st.integers(1, 12))
    schema = {f"c{place}": draw(st.sampled_from(COLUMNS[kind])) for place, kind in enumerate(kinds)}
    cells = {
        f"c{place}": draw(st.lists(st.sampled_from(CELLS[kind]), min_size=count, max_size=count))
        for place, kind in enumerate(kinds)
    }
    return schema, cells


def by_hand(schema: dict[str, Column], cells: dict[str, list[Any]], key: str) -> list[str]:
    """Return for each row the first promise that it breaks, empty for a good row."""
    import pyarrow as pa

    verdicts = [""] * len(cells[key])
    values = {}
    for name, column in schema.items():
        cast, unreadable = cast_column(pa.chunked_array([pa.array(cells[name], pa.string())]), column.type)
        values[name] = cast.to_pylist()
        for row, value in enumerate(values[name]):
            verdicts[row] = verdicts[row] or _first(column, value, bool(unreadable[row]))
    seen: set[Any] = set()
    for row, verdict in enumerate(verdicts):
        if not verdict:
            value = repr(values[key][row] + 0.0 if isinstance(values[key][row], float) else values[key][row])
            verdicts[row] = "unique key" if value in seen else ""
            seen.add(value)
    return verdicts


def _first(column: Column, value: Any, unreadable: bool) -> str:
    if unreadable:
        return f"type {column.type}"
    if value is None:
        return "" if column.nullable else "not missing"
    plain = value.replace(tzinfo=None) if isinstance(value, datetime) else value
    for name, bound in (("min", column.min), ("max", column.max)):
        if bound is not None:
            edge = datetime.fromisoformat(bound.removesuffix("Z")) if isinstance(bound, str) else bound
            if plain < edge if name == "min" else plain > edge:
                return f"{name} {bound if isinstance(bound, str) else f'{bound:.15g}'}"
    if column.values and (str(value).lower() if isinstance(value, bool) else str(value)) not in column.values:
        return "allowed values"
    if column.pattern and not re.fullmatch(column.pattern.replace(".*", r"[^\n]*"), value):
        return f"pattern {column.pattern}"
    return ""


def verdicts_of(
    schema: dict[str, Column], cells: dict[str, list[Any]], *, threads: int = 1, files: int = 1
) -> tuple[list[str], list[Any], list[Any]]:
    """Return for each row the promise in quarantine, empty for a good row; the good rows; the quarantine."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(each, pa.string()) for name, each in cells.items()})
    with TemporaryDirectory() as folder, open_duck(threads=threads, memory=512 << 20) as duck:
        edges = [table.num_rows * part // files for part in range(files + 1)]
        paths = [Path(folder, f"{part}.parquet") for part in range(files)]
        for path, low, high in zip(paths, edges, edges[1:], strict=False):
            pq.write_table(table.slice(low, high - low), path, row_group_size=4)
        relation = numbered(TableFiles(tuple(paths)))
        stored = stored_columns(duck, relation)
        contract = compile_contract(Schema(schema), key=(next(iter(schema)),), stored=stored)
        found = judge(duck, contract, relation)
        verdicts = [""] * table.num_rows
        for row, fault in duck.run(f"SELECT __row, fault FROM {found.bad_table}").fetchall():
            verdicts[row] = contract.promise(fault)[1]
        good = duck.connection.sql(
            f"SELECT * FROM ({found.good_sql(keep_row=True)}) ORDER BY __row"
        ).to_arrow_table()
        return verdicts, good.to_pylist(), duck.run(found.bad_sql()).fetchall()


@settings(deadline=None, max_examples=40)
@given(tables())
def test_judge_says_what_a_loop_over_the_rows_says(
    made: tuple[dict[str, Column], dict[str, list[Any]]],
) -> None:
    schema, cells = made
    verdicts, good, bad = verdicts_of(schema, cells)
    assert verdicts == by_hand(schema, cells, next(iter(schema)))
    assert len(good) + len(bad) == len(verdicts)
    assert [row["__row"] for row in good] == [row for row, verdict in enumerate(verdicts) if not verdict]


@settings(deadline=None, max_examples=15)
@given(tables(), st.integers(1, 8), st.integers(2, 4))
def test_judge_says_the_same_whatever_the_threads_and_the_files(
    made: tuple[dict[str, Column], dict[str, list[Any]]], threads: int, files: int
) -> None:
    assert repr(verdicts_of(*made)) == repr(verdicts_of(*made, threads=threads, files=files))


def test_repeated_values_are_found_in_pieces_of_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "PIECE", 7)
    cells: dict[str, list[Any]] = {"c0": [str(n) for n in range(60)] + ["3", "59", "x"]}
    verdicts, _, _ = verdicts_of({"c0": Column("integer")}, cells, threads=2)
    assert verdicts == [""] * 60 + ["unique key", "unique key", "type integer"]
