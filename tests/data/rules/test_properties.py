"""What holds for any rules and any rows: no row is lost or doubled, and nothing but rows, rules and their order matters."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import quoted
from mlops_kit.artifacts.tables import read_partition_rows, write_parquet
from mlops_kit.data.rules.compiling import apply_rules
from mlops_kit.data.rules.flow import BAD, ROW, read_raw
from mlops_kit.spec.model import Column, Schema
from tests.support.cleaning import Made, clean_table, texts

CELLS = st.sampled_from(
    ["1", "2", " 3 ", "x", "", "NA", "1,5", "2.5", "-7", "31.01.2025", "é", "a'b", '"', None]
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["k1", "k2", "k3", "k4", ""]), CELLS, CELLS), min_size=1, max_size=14
)
ANY_RULE: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"trim": ["*"]}, {"trim": ["a"]}, {"fill": {"a": "1"}}, {"fill": {"b": "x"}}, {"replace": {"a": {"x": None, "1": "2"}}}, {"rename": {"a": "b", "b": "a"}},
        {"derive": {"a": "b || '!'"}}, {"derive": {"b": "(a::DOUBLE + 1)::VARCHAR"}}, {"filter": "a <> 'x'"}, {"filter": "length(b) < 3"},
        {"deduplicate": {"by": ["a"]}}, {"deduplicate": {"by": ["a", "b"], "keep": "last"}}, {"deduplicate": {"by": ["b"], "keep": "last", "order_by": "a"}},
    ]
)  # fmt: skip
LAST_RULES: st.SearchStrategy[list[dict[str, Any]]] = st.sampled_from(
    [
        [], [{"cast": {"a": "number"}}, {"clip": {"a": {"min": 0, "max": 2}}}], [{"parse_number": {"columns": ["a"], "locale": "de"}}],
        [{"parse_time": {"columns": ["b"], "locale": "de"}}], [{"cast": {"b": "integer"}}, {"deduplicate": {"by": ["b"]}}],
    ]
)  # fmt: skip
SCHEMA = Schema(
    {"id": Column("string", nullable=False), "a": Column("string", pattern="[^é]*"), "b": Column("string", unique=True), "m": Column("integer")},
    max_quarantine=1.0,
)  # fmt: skip


def table_of(rows: list[tuple[str, str | None, str | None]]) -> pa.Table:
    """Return a table whose column `m` is the number of the row, which no rule touches."""
    return texts(
        id=[row[0] for row in rows], a=[row[1] for row in rows], b=[row[2] for row in rows]
    ).append_column("m", pa.array(range(len(rows))))


def without_place(made: Made) -> list[dict[str, Any]]:
    return made.quarantine.drop_columns(["partition", "row"]).to_pylist()


@settings(max_examples=25, deadline=None)
@given(ROWS, st.lists(ANY_RULE, max_size=4), LAST_RULES)
def test_every_row_comes_out_once_or_is_in_quarantine_once(
    rows: list[tuple[str, str | None, str | None]], rules: list[dict[str, Any]], last: list[dict[str, Any]]
) -> None:
    made = clean_table(table_of(rows), [*rules, *last], schema=SCHEMA)
    kept = made.clean["m"].to_pylist()
    gone = [row - 1 for row in made.quarantine["row"].to_pylist()]
    assert sorted(kept + gone) == list(range(len(rows)))
    assert len(set(made.clean["id"].to_pylist())) == len(kept)
    assert made.metrics["rows_in"] == made.metrics["rows_out"] + made.metrics["quarantined"] == len(rows)
    taken = sum(rule["quarantined"] + rule["set_aside"] for rule in made.rules["rules"])
    assert taken + sum(one["rows"] for one in made.rules["contract"]) == len(gone)
    assert all(0 <= rule["touched"] <= len(rows) for rule in made.rules["rules"])


@settings(max_examples=10, deadline=None)
@given(ROWS, st.lists(ANY_RULE, max_size=3), LAST_RULES, st.data())
def test_how_rows_are_parted_changes_nothing(
    rows: list[tuple[str, str | None, str | None]],
    rules: list[dict[str, Any]],
    last: list[dict[str, Any]],
    data: st.DataObject,
) -> None:
    table = table_of(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    edges = [0, *cuts, len(rows)]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    whole, parted = (clean_table(one, [*rules, *last], schema=SCHEMA) for one in (table, parts))
    assert parted.clean == whole.clean
    assert without_place(parted) == without_place(whole)
    assert (parted.profile, parted.rules, parted.metrics) == (whole.profile, whole.rules, whole.metrics)


@settings(max_examples=10, deadline=None)
@given(ROWS, st.lists(ANY_RULE, max_size=4), st.integers(0, 4))
def test_a_list_of_rules_is_its_first_part_and_then_the_rest(
    rows: list[tuple[str, str | None, str | None]], rules: list[dict[str, Any]], cut: int
) -> None:
    at_once = after_rules(table_of(rows), rules)
    assert after_rules(after_rules(table_of(rows), rules[:cut]), rules[cut:]) == at_once


def after_rules(table: pa.Table, rules: list[dict[str, Any]]) -> pa.Table:
    """Return the rows that are not bad after the rules, in the order of the data."""
    with TemporaryDirectory() as folder:
        write_parquet(table, Path(folder, "a.parquet"))
        flow = apply_rules(read_raw(read_partition_rows(Path(folder)), memory=1 << 29), rules)
        names = ", ".join(map(quoted, flow.columns))
        query = f"SELECT {names} FROM ({flow.query}) WHERE {BAD} IS NULL ORDER BY {ROW}"
        return flow.duck.stream(query).open().read_all()


@pytest.mark.parametrize(
    "rules",
    [[], [{"trim": ["*"]}, {"cast": {"n": "number"}}, {"deduplicate": {"by": ["k"], "keep": "last"}}]],
)
def test_bytes_do_not_depend_on_threads(rules: list[dict[str, Any]]) -> None:
    count = 20_000
    table = texts(
        id=[str(number * 7919 % count) for number in range(count)],
        k=[str(number * 31 % 30_011) for number in range(count)],
        n=["x" if number % 997 == 0 else str(number % 100 / 7) for number in range(count)],
    )
    schema = Schema(
        {"id": Column("string"), "k": Column("string"), "n": Column("number", max=14)}, max_quarantine=1.0
    )
    made = [clean_table(table, rules, schema=schema, threads=threads) for threads in (1, 2, 8)]
    assert made[0].bytes == made[1].bytes == made[2].bytes
    assert made[0].profile == made[1].profile == made[2].profile
